//! The curve next to the table of L1 itself at each size.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_testkit::ManualClock;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::*;

const L1_BYTES: u64 = 512 << 10;

#[derive(Clone)]
struct InBytes;

impl Weighter<u32, u64> for InBytes {
    fn weight(&self, _: &u32, bytes: &u64) -> u64 {
        *bytes
    }
}

/// The table of L1, as `crates/cache/src/l1` makes it below 2 MiB.
struct Table(Cache<u32, u64, InBytes>);

impl Table {
    fn new(bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes / 512).max(64) as usize)
            .weight_capacity(bytes)
            .shards(1)
            .build()
            .unwrap();
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self(Cache::with_options(options, InBytes, hasher, lifecycle))
    }

    fn read(&self, key: u32) -> bool {
        let is_hit = self.0.get(&key).is_some();
        if !is_hit {
            self.0.insert(key, bytes(key));
        }
        is_hit
    }

    fn hits(&self, keys: &[u32]) -> u64 {
        keys.iter().map(|key| u64::from(self.read(*key))).sum()
    }
}

/// Between 150 and 661 bytes, the same for a key each time.
fn bytes(key: u32) -> u64 {
    150 + u64::from(key.wrapping_mul(0x9e37_79b9) >> 23)
}

fn hash(key: u32) -> KeyHash {
    KeyHash::of("test", &key.to_string())
}

/// Few keys are read often, and many rarely.
fn zipf(rng: &mut Rng, keys: u32) -> u32 {
    f64::from(keys).powf(rng.f64()) as u32
}

struct Setup {
    curve: Curve,
    clock: Arc<ManualClock>,
    table: Table,
    accesses: [u64; 2],
    hits: [u64; 2],
}

impl Setup {
    fn new(options: &CurveOptions) -> Self {
        let clock = ManualClock::new();
        Self {
            curve: Curve::new(options, clock.clone()),
            clock,
            table: Table::new(options.l1_bytes),
            accesses: [0; 2],
            hits: [0; 2],
        }
    }

    /// Reads a key as a cache does; even keys are of one namespace, odd ones of the other.
    fn read(&mut self, key: u32) {
        self.clock.advance(Duration::from_millis(1));
        let space = key % 2;
        self.accesses[space as usize] += 1;
        if self.table.read(key) {
            self.hits[space as usize] += 1;
            self.curve.accessed(space, hash(key), Access::L1Hit);
        } else {
            self.curve.accessed(space, hash(key), Access::Elsewhere);
            self.curve.kept(space, hash(key), bytes(key));
        }
    }

    fn totals(&self) -> [SpaceTotals; 2] {
        [0, 1].map(|space| SpaceTotals::new(space, self.accesses[space as usize]))
    }

    fn report(&self) -> CurveReport {
        self.curve.report(&self.totals())
    }

    fn anchored(&self) -> CurveReport {
        let totals = self.totals().into_iter().zip(self.hits);
        let totals: Vec<_> = totals.map(|(totals, hits)| totals.l1_hits(hits)).collect();
        self.curve.report(&totals)
    }
}

/// What L1 hits at each size of the curve.
fn exact(curve: &SpaceCurve, keys: &[u32]) -> Vec<f64> {
    let sizes = curve.points.iter().map(|point| point.l1_bytes);
    let hits = sizes.map(|bytes| Table::new(bytes).hits(keys) as f64);
    hits.map(|hits| hits / keys.len() as f64).collect()
}

/// How many points the curve is off at most.
fn most_error(curve: &SpaceCurve, exact: &[f64]) -> f64 {
    let points = curve.points.iter().zip(exact);
    let errors = points.map(|(point, exact)| (point.hit_ratio - exact).abs() * 100.0);
    errors.fold(0.0, f64::max)
}

fn check(name: &str, keys: &[u32]) {
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    keys.iter().for_each(|key| setup.read(*key));
    let exact = exact(&setup.report().whole, keys);
    for (how, report) in [("alone", setup.report()), ("anchored", setup.anchored())] {
        assert!(report.whole.points.iter().any(|point| point.rate < 1.0));
        let error = most_error(&report.whole, &exact);
        assert!(error < 2.0, "{name}, {how}: off by {error:.2}: {report:?}");
    }
}

#[test]
fn a_zipf_stream_is_within_two_points() {
    for seed in [1, 2] {
        let mut rng = Rng::with_seed(seed);
        let keys: Vec<u32> = (0..100_000).map(|_| zipf(&mut rng, 30_000)).collect();
        check(&format!("seed {seed}"), &keys);
    }
}

#[test]
fn a_loop_under_a_zipf_stream_is_within_two_points() {
    let mut rng = Rng::with_seed(4);
    let keys: Vec<u32> = (0..100_000)
        .map(|at| match at % 2 {
            0 => 100_000 + at / 2 % 6_000,
            _ => zipf(&mut rng, 20_000),
        })
        .collect();
    check("loop", &keys);
}

#[test]
fn a_shifting_stream_is_within_two_points() {
    let mut rng = Rng::with_seed(5);
    let keys: Vec<u32> = (0..100_000_u32)
        .map(|at| at / 10 + zipf(&mut rng, 8_000))
        .collect();
    check("shift", &keys);
}

#[test]
fn fewer_samples_keep_the_estimate() {
    let mut rng = Rng::with_seed(6);
    let keys: Vec<u32> = (0..100_000).map(|_| zipf(&mut rng, 30_000)).collect();
    // 1,000 accesses a second come.
    let options = CurveOptions::new(L1_BYTES).accesses_per_second(300);
    let mut setup = Setup::new(&options);
    keys.iter().for_each(|key| setup.read(*key));
    let report = setup.anchored();
    assert!(report.whole.points[0].rate <= 0.25, "{report:?}");
    assert!(report.simulated < 60_000, "{}", report.simulated);
    let error = most_error(&report.whole, &exact(&report.whole, &keys));
    assert!(error < 2.0, "off by {error:.2}: {report:?}");
}

#[test]
fn a_key_that_is_read_all_the_time_is_simulated_now_and_then() {
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    let mut others = 0;
    for at in 0..100_000_u32 {
        let is_hot = at % 10 > 0;
        others += u64::from(!is_hot);
        setup.read(if is_hot { 7 } else { 1_000 + at % 500 });
    }
    let report = setup.report();
    let most = others + others / 4;
    assert!(report.simulated < most, "{}", report.simulated);
    assert!(report.whole.points[0].hit_ratio > 0.9, "{report:?}");
}

#[test]
fn memory_is_flat_whatever_comes() {
    let options = CurveOptions::new(64 << 20);
    let curve = Curve::new(&options, ManualClock::new());
    for key in 0..150_000_u32 {
        let space = key % 5_000;
        curve.accessed(space, hash(key), Access::Miss);
        curve.kept(space, hash(key), bytes(key));
        // Removed entries leave marks in the index of a table.
        curve.removed(hash(key.wrapping_sub(7) / 3));
    }
    let report = curve.report(&[]);
    assert!(report.memory_bytes <= options.max_bytes, "{report:?}");
    assert!(report.memory_bytes > options.max_bytes / 2, "{report:?}");
    let small = CurveOptions::new(64 << 20).max_bytes(0);
    let curve = Curve::new(&small, ManualClock::new());
    for key in 0..50_000 {
        curve.accessed(0, hash(key), Access::Elsewhere);
        curve.kept(0, hash(key), u64::MAX);
        curve.kept(0, hash(key), bytes(key));
    }
    assert!(curve.report(&[]).memory_bytes < 64 << 10);
}

#[test]
fn a_miss_of_the_cache_is_one_at_every_size() {
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    for round in 0..10 {
        for key in 0..100 {
            setup.clock.advance(Duration::from_millis(1));
            setup.accesses[0] += 1;
            // Every other round all have expired.
            let was = [Access::Miss, Access::L1Hit][round % 2];
            setup.curve.accessed(0, hash(key), was);
            if was == Access::Miss {
                setup.curve.kept(0, hash(key), 200);
            }
        }
    }
    for point in setup.report().whole.points {
        assert_eq!(point.hit_ratio, 0.5, "{point:?}");
    }
}

#[test]
fn what_was_removed_is_missed_and_what_was_written_is_hit() {
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    let curve = &setup.curve;
    curve.kept(0, hash(1), 200);
    curve.accessed(0, hash(1), Access::L1Hit);
    assert_eq!(
        setup
            .curve
            .report(&[SpaceTotals::new(0, 1)])
            .whole
            .at(L1_BYTES),
        Some(1.0)
    );
    curve.removed(hash(1));
    curve.accessed(0, hash(1), Access::Elsewhere);
    curve.kept(0, hash(1), 200);
    curve.cleared();
    curve.accessed(0, hash(1), Access::Elsewhere);
    setup.accesses[0] = 4;
    assert!(
        setup
            .report()
            .whole
            .points
            .iter()
            .all(|point| point.hit_ratio == 0.5)
    );
    setup.curve.restart();
    assert!(
        setup
            .report()
            .whole
            .points
            .iter()
            .all(|point| point.hit_ratio == 1.0)
    );
}

#[test]
fn namespaces_add_up() {
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    let mut rng = Rng::with_seed(8);
    (0..60_000).for_each(|_| setup.read(zipf(&mut rng, 20_000)));
    let report = setup.report();
    // Where all keys are followed, nothing but sums is between them.
    let misses = |curve: &SpaceCurve| {
        let point = curve.points[0];
        assert_eq!(point.rate, 1.0);
        (1.0 - point.hit_ratio) * curve.accesses as f64
    };
    let apart: f64 = report.spaces.iter().map(|(_, curve)| misses(curve)).sum();
    assert_eq!(report.spaces.len(), 2);
    assert!(
        (apart - misses(&report.whole)).abs() < 1e-6 * apart,
        "{report:?}"
    );
}

#[test]
fn nothing_is_known_without_an_l1() {
    let mut setup = Setup::new(&CurveOptions::new(0));
    (0..100).for_each(|key| setup.read(key));
    setup.curve.removed(KeyHash(0));
    setup.curve.accessed(0, KeyHash(0), Access::Miss);
    let report = setup.anchored();
    assert_eq!(report.whole.points, []);
    assert_eq!(report.whole.advice(), SizeAdvice::Off);
    for bytes in [1, 7, 8, 100, u64::MAX] {
        let mut setup = Setup::new(&CurveOptions::new(bytes));
        (0..100).for_each(|key| setup.read(key % 10));
        assert!(!setup.anchored().whole.advice().to_string().is_empty());
    }
}

#[test]
fn advice_names_sizes_and_what_they_give() {
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    assert!(matches!(
        setup.report().whole.advice(),
        SizeAdvice::TooFew { .. }
    ));
    // A loop through 1.5 times of what L1 holds.
    (0..100_000).for_each(|at| setup.read(at % 2_000));
    let advice = setup.anchored().whole.advice();
    let SizeAdvice::Known(sizing) = advice else {
        panic!("{advice}");
    };
    assert!(sizing.doubled.hit_ratio > 0.97, "{advice}");
    assert!(sizing.now.hit_ratio < 0.8, "{advice}");
    assert!(!sizing.is_shrinking_free(), "{advice}");
    let text = advice.to_string();
    assert!(
        text.starts_with("with 2x the L1 (1 MiB) you would hit 9"),
        "{text}"
    );
    assert!(
        text.ends_with("1 MiB come within 1 point of the best"),
        "{text}"
    );
    // All of it fits into a quarter.
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    (0..100_000).for_each(|at| setup.read(at % 200));
    let text = setup.anchored().whole.advice().to_string();
    assert!(
        text.ends_with("; 128 KiB would hit as much as now"),
        "{text}"
    );
}

#[test]
fn between_two_sizes_lies_what_is_between_their_hits() {
    let mut setup = Setup::new(&CurveOptions::new(L1_BYTES));
    let mut rng = Rng::with_seed(9);
    (0..20_000).for_each(|_| setup.read(zipf(&mut rng, 10_000)));
    let curve = setup.report().whole;
    let (lower, upper) = (curve.at(L1_BYTES).unwrap(), curve.at(2 * L1_BYTES).unwrap());
    let between = curve.at(L1_BYTES * 7 / 4).unwrap();
    assert!(
        lower < between && between < upper,
        "{lower} {between} {upper}"
    );
    assert_eq!(curve.at(1), None);
    assert_eq!(curve.at(u64::MAX), None);
}

#[test]
fn threads_do_not_wait_for_each_other() {
    let curve = Curve::new(&CurveOptions::new(L1_BYTES), ManualClock::new());
    let totals = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|seed| {
                let curve = &curve;
                scope.spawn(move || {
                    let mut rng = Rng::with_seed(seed);
                    for _ in 0..20_000 {
                        let key = hash(zipf(&mut rng, 20_000));
                        curve.accessed(0, key, Access::Elsewhere);
                        curve.kept(0, key, 300);
                    }
                })
            })
            .collect();
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
        SpaceTotals::new(0, 80_000)
    });
    let report = curve.report(&[totals]);
    assert!(report.simulated + report.skipped <= 80_000, "{report:?}");
    let ratios = report.whole.points.iter().map(|point| point.hit_ratio);
    assert!(
        ratios.clone().is_sorted_by(|a, b| *a <= b + 0.02),
        "{report:?}"
    );
    assert!(ratios.clone().all(|ratio| (0.0..=1.0).contains(&ratio)));
}
