//! Several threads observe at once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;

use fastrand::Rng;
use larder_cache_core::{MissReason, Tier};

use crate::watched::Watched;

const THREADS: u64 = 4;
const READS: u64 = 100_000;

#[test]
fn followed_keys_are_counted_exactly() {
    let (watched, truth) = (Watched::new(), Mutex::new(HashMap::<String, u64>::new()));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (watched, truth) = (&watched, &truth);
            scope.spawn(move || {
                let mut random = Rng::with_seed(thread);
                for _ in 0..READS {
                    let key = format!("a:{}", random.u32(..700).min(random.u32(..700)));
                    match random.u32(..100) {
                        0 => watched.hit_in(&key, Tier::L2),
                        1 => watched.miss(&key, MissReason::Expired),
                        _ => watched.hit(&key),
                    }
                    *truth.lock().unwrap().entry(key).or_default() += 1;
                }
            });
        }
    });
    let truth = truth.into_inner().unwrap();
    let keys = watched.keys();
    assert_eq!(watched.report().totals.reads(), THREADS * READS);
    assert_eq!(keys.distinct.keys, truth.len() as f64);
    assert_eq!(keys.hot_keys.len(), 500);
    for hot in &keys.hot_keys {
        let expected = truth[&hot.key];
        assert_eq!(
            (hot.count, hot.at_least, hot.at_most),
            (expected, expected, expected)
        );
    }
    assert_eq!(watched.shape("a:{id}").counts.reads(), THREADS * READS);
}

#[test]
fn no_hit_is_lost_while_keys_come_and_go() {
    let watched = Watched::new();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let watched = &watched;
            scope.spawn(move || {
                let mut random = Rng::with_seed(thread);
                for _ in 0..READS {
                    watched.hit(&format!("a:{}", random.u32(..300_000).min(random.u32(..))));
                }
            });
        }
    });
    assert_eq!(watched.report().totals.l1_hits, THREADS * READS);
}
