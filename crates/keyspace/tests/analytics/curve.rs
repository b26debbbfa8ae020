//! What analytics tells the curve.

use larder_cache_core::{Event, KeptFrom, MissReason, Observer, Space};
use larder_keyspace::analytics::{Analytics, AnalyticsOptions, L1Report};

use super::watched::Watched;

const L1_BYTES: u64 = 256 << 10;

const fn space(id: u32, name: &'static str) -> Space<'static> {
    Space { id, name }
}

fn loaded(analytics: &Analytics, space: Space<'_>, key: &str) {
    let reason = MissReason::NotFound;
    analytics.observe(&Event::Miss { space, key, reason });
    let from = KeptFrom::Change;
    analytics.observe(&Event::Kept {
        space,
        key,
        bytes: 500,
        from,
    });
}

/// A thousand keys in turn, twice what L1 holds; beside them reads of a namespace that L1 takes
/// nothing of.
fn cycle(misses_elsewhere: u32) -> L1Report {
    let Watched { analytics, .. } = Watched::with(AnalyticsOptions::new().l1_bytes(L1_BYTES));
    for round in 0..20 {
        for number in 0..1000 {
            loaded(&analytics, space(1, "pages"), &format!("page:{number}"));
            for other in 0..misses_elsewhere {
                let key = format!("{round}:{number}:{other}");
                let (space, reason) = (space(2, "logs"), MissReason::NotFound);
                let key = key.as_str();
                analytics.observe(&Event::Miss { space, key, reason });
            }
        }
    }
    analytics.curve()
}

#[test]
fn namespaces_without_l1_have_no_part_in_it() {
    let (alone, beside) = (cycle(0), cycle(3));
    assert_eq!(alone.namespaces.len(), 1);
    assert_eq!(alone.whole, beside.whole);
    assert_eq!(alone.namespaces, beside.namespaces);
}

#[test]
fn what_a_read_found_in_the_backend_is_a_miss_of_smaller_sizes() {
    let Watched { analytics, .. } = Watched::with(AnalyticsOptions::new().l1_bytes(L1_BYTES));
    let space = space(1, "pages");
    for _ in 0..20 {
        for number in 0..1000 {
            let key = format!("page:{number}");
            let (key, from) = (key.as_str(), KeptFrom::Backend);
            let tier = larder_cache_core::Tier::L2;
            analytics.observe(&Event::Kept {
                space,
                key,
                bytes: 500,
                from,
            });
            analytics.observe(&Event::Hit { space, key, tier });
        }
    }
    let whole = analytics.curve().whole;
    assert_eq!(whole.accesses, 20_000);
    let (small, large) = (whole.at(L1_BYTES / 8), whole.at(4 * L1_BYTES));
    assert!(small.unwrap() < 0.2, "{whole:?}");
    assert!(large.unwrap() > 0.9, "{whole:?}");
}

#[test]
fn a_read_served_in_an_outage_is_one_read() {
    let watched = Watched::new();
    for _ in 0..1000 {
        watched.miss("a:1", MissReason::Backend);
        watched.tell(|space| Event::OutageServed { space, key: "a:1" });
    }
    let report = watched.report();
    assert_eq!(report.totals.reads(), 1000);
    assert_eq!(report.totals.hit_rate(), Some(1.0));
    let keys = report.keys.unwrap();
    assert_eq!(keys.shapes[0].counts.reads(), 1000);
    assert_eq!(keys.hot_keys[0].count, 1000);
}

#[test]
fn counts_are_halved_also_while_nothing_happens() {
    let half_life = std::time::Duration::from_secs(60);
    let watched = Watched::with(AnalyticsOptions::new().half_life(half_life));
    for _ in 0..1000 {
        watched.hit("a:1");
    }
    watched.wait(180);
    assert_eq!(
        watched.analytics.hot_keys("users", 1).unwrap()[0].count,
        125
    );
    watched.wait(6_000);
    assert!(watched.analytics.hot_keys("users", 1).unwrap()[0].count <= 1);
}
