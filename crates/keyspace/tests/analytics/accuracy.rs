//! The hottest keys of a stream whose top is flat, as that of a real database is.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;
use larder_keyspace::analytics::{AnalyticsOptions, HotKey};

use crate::watched::Watched;

const KEYS: usize = 76_000;
const READS: usize = 1_500_000;

/// Weights with a steep head, a plateau from rank 60 to 200 within 3 %, and a long tail.
fn weights() -> Vec<f64> {
    let weight = |rank: usize| match rank {
        0..60 => 27_000.0 / (rank as f64 + 1.0).powf(0.5),
        60..200 => 2_900.0 * (1.0 - 0.03 * (rank - 60) as f64 / 140.0),
        _ => 2_500.0 / ((rank - 199) as f64).powf(0.45),
    };
    (0..KEYS).map(weight).collect()
}

/// Keys by weight, each read with its chance.
fn stream(seed: u64) -> Vec<u32> {
    let mut sums = weights();
    (1..KEYS).for_each(|at| sums[at] += sums[at - 1]);
    let (all, mut random) = (sums[KEYS - 1], Rng::with_seed(seed));
    let draw = |_| sums.partition_point(|sum| *sum < random.f64() * all) as u32;
    let mut reads: Vec<u32> = (0..READS).map(draw).collect();
    // Whether a key is early or late is nothing of its rank.
    reads
        .iter_mut()
        .for_each(|key| *key = key.wrapping_mul(2_654_435_761) >> 4);
    reads
}

fn check(watched: &Watched, counts: &HashMap<u32, u64>) {
    let mut ranked: Vec<u64> = counts.values().copied().collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    let count = |hot: &HotKey| counts[&hot.key.strip_prefix("item:").unwrap().parse().unwrap()];
    let hot = watched.analytics.hot_keys("users", 100).unwrap();
    let true_top = hot.iter().filter(|hot| count(hot) >= ranked[99]).count();
    assert!(true_top >= 95, "{true_top} of 100");
    let held = hot
        .iter()
        .filter(|hot| (hot.at_least..=hot.at_most).contains(&count(hot)));
    assert!(held.count() >= 95);
    assert!(hot.iter().all(|hot| hot.at_least <= count(hot)));
    assert!(watched.report().memory_bytes <= 512 << 10);
}

#[test]
fn finds_the_top_100_of_a_flat_top() {
    for seed in [1, 2] {
        println!("seed {seed}");
        let (watched, mut counts) = (Watched::new(), HashMap::new());
        for (number, key) in stream(seed).into_iter().enumerate() {
            watched.hit(&format!("item:{key}"));
            *counts.entry(key).or_insert(0) += 1;
            // 1000 reads in a millisecond.
            if number % 1_000 == 0 {
                watched.clock.advance(std::time::Duration::from_millis(1));
            }
        }
        check(&watched, &counts);
    }
}

#[test]
fn finds_it_among_misses_and_stores() {
    let (watched, mut counts, mut stored) = (Watched::new(), HashMap::new(), HashSet::new());
    for key in stream(3).into_iter().take(700_000) {
        let text = format!("item:{key}");
        if stored.insert(key) {
            watched.load(&text, 1);
        } else {
            watched.hit(&text);
        }
        *counts.entry(key).or_insert(0) += 1;
    }
    check(&watched, &counts);
    let totals = watched.report().totals;
    assert_eq!(totals.reads(), 700_000);
    assert_eq!(totals.loaded, stored.len() as u64);
}

#[test]
fn one_of_eight_hits_stands_for_all() {
    let watched = Watched::with(AnalyticsOptions::new().hit_interval(8));
    let mut rng = Rng::with_seed(4);
    let hits = 400_000_u32;
    let mut truth = [0_u32; 100];
    for _ in 0..hits {
        let key = rng.usize(..100).min(rng.usize(..100));
        truth[key] += 1;
        watched.hit(&format!("item:{key}"));
    }
    let report = watched.report();
    let off = report.totals.l1_hits as f64 / f64::from(hits) - 1.0;
    assert!(off.abs() < 0.03, "{:?}", report.totals);
    let keys = report.keys.unwrap();
    for hot in &keys.hot_keys[..10] {
        let number: usize = hot.key.strip_prefix("item:").unwrap().parse().unwrap();
        let off = hot.count as f64 / f64::from(truth[number]) - 1.0;
        assert!(off.abs() < 0.2, "{hot:?}, truly {}", truth[number]);
    }
    let of_the_shape = keys.shapes[0].counts.reads() as f64 / f64::from(hits) - 1.0;
    assert!(of_the_shape.abs() < 0.03, "{:?}", keys.shapes[0]);
}
