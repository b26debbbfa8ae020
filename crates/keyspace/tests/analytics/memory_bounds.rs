//! Memory stays flat, whatever is read.

use std::sync::Arc;
use std::thread;

use allocation_counter::{AllocationInfo, measure};
use larder_cache_core::{Event, MissReason, Observer, Origin, Space, Tier};
use larder_keyspace::analytics::{Analytics, AnalyticsOptions};

use crate::watched::Watched;

/// Keys with numbers that go up, without an allocation.
struct Numbered([u8; 14]);

impl Numbered {
    fn from(number: u64) -> Self {
        Self(format!("key:{number:010}").as_bytes().try_into().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap()
    }

    fn advance(&mut self) {
        for digit in self.0[4..].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }
}

fn observe(analytics: &Analytics, key: &str, number: u64) {
    let space = Space {
        id: 3,
        name: "users",
    };
    let tier = Tier::L1;
    if !number.is_multiple_of(1024) {
        return analytics.observe(&Event::Hit { space, key, tier });
    }
    let reason = MissReason::NotFound;
    analytics.observe(&Event::Miss { space, key, reason });
    analytics.observe(&Event::Serialized {
        space,
        key,
        bytes: 100,
        digest: number,
        origin: Origin::Loaded,
    });
}

/// Reads so many keys, all different, in two threads; and the bytes that are taken then.
fn read_distinct(analytics: &Analytics, from: u64, count: u64) -> i64 {
    let half = |from: u64| {
        measure(|| {
            let mut key = Numbered::from(from);
            for number in from..from + count / 2 {
                observe(analytics, key.text(), number);
                key.advance();
            }
        })
    };
    let infos: Vec<AllocationInfo> = thread::scope(|scope| {
        let other = scope.spawn(|| half(from + count / 2));
        vec![half(from), other.join().unwrap()]
    });
    infos.iter().map(|info| info.bytes_current).sum()
}

/// They take half a minute of two cores.
const MANY: u64 = 1_000_000_000;

#[test]
fn a_billion_keys_take_what_half_a_million_take() {
    let analytics = Analytics::new(AnalyticsOptions::new());
    let early = read_distinct(&analytics, 0, 500_000);
    let later = read_distinct(&analytics, 500_000, MANY - 500_000);
    assert!(early + later <= 512 << 10, "{early} and {later} bytes");
    assert!(later.abs() < 64 << 10, "{later} bytes more");
    let keys = analytics.key_analytics("users").unwrap().keys.unwrap();
    let off = keys.distinct.keys / MANY as f64 - 1.0;
    assert!(off.abs() < 0.15, "{:?}", keys.distinct);
    assert_eq!(
        analytics.key_analytics("users").unwrap().totals.reads(),
        MANY
    );
}

#[test]
fn long_keys_take_no_more_than_short_ones() {
    let watched = Watched::new();
    let info = measure(|| {
        for number in 0..50_000_u64 {
            let key = format!("{}:{number}", "x".repeat(1000));
            watched.load(&key, number);
            watched.hit(&key);
        }
    });
    assert!(info.bytes_max <= 512 << 10, "{info:?}");
    let hot = watched.analytics.hot_keys("users", 100).unwrap();
    assert!(hot.len() > 10, "{}", hot.len());
}

#[test]
fn words_without_end_take_no_more_than_ids() {
    let watched = Watched::new();
    let info = measure(|| {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200_000 {
            let depth = random.usize(1..9);
            let word = |_| -> String {
                (0..random.usize(1..24))
                    .map(|_| random.lowercase())
                    .collect()
            };
            let key = (0..depth).map(word).collect::<Vec<_>>().join(":");
            watched.load(&key, 1);
        }
    });
    assert!(info.bytes_max <= 512 << 10, "{info:?}");
    assert!(watched.keys().shapes.len() <= 32);
}

#[test]
fn ten_thousand_namespaces_stay_within_the_whole() {
    let analytics = Arc::new(Analytics::default());
    let info = measure(|| {
        for id in 0..10_000 {
            let name = format!("namespace-{id}");
            let space = Space { id, name: &name };
            let (key, tier) = ("a:1", Tier::L1);
            analytics.observe(&Event::Hit { space, key, tier });
            analytics.observe(&Event::Hit { space, key, tier });
        }
    });
    assert!(
        info.bytes_current as usize <= (64 << 20) + (16 << 20),
        "{info:?}"
    );
    let reports = analytics.reports();
    assert_eq!(reports.len(), 10_000);
    assert!(reports.iter().all(|report| report.totals.l1_hits == 2));
    let followed = reports.iter().filter(|report| report.keys.is_some());
    assert!((100..200).contains(&followed.count()));
}
