//! The lives of values.

use larder_cache_core::{MissReason, Origin, Tier};

use crate::watched::Watched;

#[test]
fn lives_end_in_six_ways() {
    let watched = Watched::new();
    let names = [
        "replaced",
        "reloaded",
        "expired",
        "gone",
        "deleted",
        "invalidated",
    ];
    for key in names {
        watched.store(key, Origin::Loaded, (100, 1));
        match key {
            "replaced" => watched.store(key, Origin::Written, (1, 2)),
            "reloaded" => watched.store(key, Origin::Loaded, (1, 2)),
            "expired" => watched.miss(key, MissReason::Expired),
            "gone" => watched.miss(key, MissReason::NotFound),
            "deleted" => watched.delete(key),
            _ => watched.miss(key, MissReason::Invalidated),
        }
    }
    let lives = watched.keys().lifecycle;
    assert_eq!((lives.ended, lives.never_read_share), (6, Some(1.0)));
    let found = serde_json::to_value(&lives.endings).unwrap();
    for name in names {
        assert_eq!(found[name], 1.0 / 6.0, "{name}: {found}");
    }
}

#[test]
fn reads_and_ages_are_those_of_the_value() {
    let watched = Watched::new();
    watched.store("a:1", Origin::Loaded, (100, 1));
    watched.wait(4);
    (0..10).for_each(|_| watched.hit_in("a:1", Tier::L2));
    watched.wait(6);
    (0..9).for_each(|_| watched.hit("a:1"));
    watched.wait(10);
    watched.store("a:1", Origin::Loaded, (100, 2));
    watched.store("a:2", Origin::Loaded, (100, 1));
    let lives = watched.keys().lifecycle;
    let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.13;
    assert!(close(lives.reads_per_value.unwrap().mean, 19.0));
    let age = lives.age_when_last_read_ms.unwrap().mean;
    assert!(close(age, 10_000.0), "{age}");
    assert!(close(lives.lifetime_ms.unwrap().mean, 20_000.0));
    assert_eq!(lives.unread_share, Some(1.0));
    assert_eq!(lives.never_read_share, Some(0.0));
    let shape = watched.shape("a:{id}");
    assert_eq!((shape.stored_again, shape.changed), (1, 1));
}

#[test]
fn a_sample_speaks_for_all() {
    let watched = Watched::new();
    let mut random = fastrand::Rng::with_seed(11);
    for number in 0..100_000 {
        let key = format!("a:{number}");
        watched.load(&key, 1);
        // A third is never read again.
        if random.f64() < 2.0 / 3.0 {
            watched.hit_in(&key, Tier::L2);
        }
        watched.miss(&key, MissReason::Expired);
    }
    let keys = watched.keys();
    let off = (keys.distinct.keys - 100_000.0).abs();
    assert!(
        off < 3.0 * keys.distinct.standard_error,
        "{:?}",
        keys.distinct
    );
    assert!(keys.distinct.standard_error < 6_000.0);
    let never = keys.lifecycle.never_read_share.unwrap();
    assert!((never - 1.0 / 3.0).abs() < 0.07, "{:?}", keys.lifecycle);
}
