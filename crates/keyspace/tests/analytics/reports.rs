//! Small runs are reported exactly.

use larder_cache_core::{ErrorKind, Event, MissReason, Origin, Tier};
use larder_keyspace::analytics::{AnalyticsOptions, NamespaceReport};

use crate::watched::Watched;

#[test]
fn a_small_run_is_exact() {
    let watched = Watched::new();
    for number in 0..50 {
        let key = format!("profile:{number}");
        watched.load(&key, 1);
        (0..=number).for_each(|_| watched.hit(&key));
    }
    watched.wait(10);
    watched.hit_in("profile:7", Tier::L2);
    let (report, keys) = (watched.report(), watched.keys());
    let l1_hits = (1..=50).sum::<u64>();
    assert_eq!(report.totals.l1_hits, l1_hits);
    assert_eq!(
        (report.totals.l2_hits, report.totals.misses.absent),
        (1, 50)
    );
    assert_eq!((report.totals.loaded, report.totals.written), (50, 0));
    assert_eq!(report.totals.stored_bytes, 50 * 204);
    assert_eq!(report.seconds, 10.0);
    assert_eq!(keys.distinct.keys, 50.0);
    assert_eq!(keys.distinct.standard_error, 0.0);
    let top = &keys.hot_keys[0];
    assert_eq!((&*top.key, top.count), ("profile:49", 51));
    assert_eq!((top.at_least, top.at_most), (51, 51));
    assert_eq!(top.per_second, 5.1);
    let shape = watched.shape("profile:{id}");
    assert_eq!(shape.counts.l1_hits, l1_hits);
    assert_eq!(shape.hit_rate, report.totals.hit_rate());
    let per_key = shape.reads_per_second_and_key.unwrap();
    assert!(
        (per_key - (l1_hits + 51) as f64 / 500.0).abs() < 1e-9,
        "{per_key}"
    );
    assert_eq!(shape.last_read_ms, report.since_ms + 10_000);
    assert_eq!(shape.sizes.unwrap().sample, 50);
}

#[test]
fn shapes_are_told_apart() {
    let watched = Watched::new();
    for number in 0..30 {
        watched.load(&format!("profile:{number}"), 1);
        watched.hit(&format!("cart:{number}/items"));
        watched.store(&format!("cart:{number}/items"), Origin::Written, (1000, 1));
        watched.miss(&format!("img.{number:08x}.png"), MissReason::Expired);
    }
    let rates = ["profile:{id}", "cart:{id}/items", "img.{id}.png"]
        .map(|shape| watched.shape(shape))
        .map(|shape| (shape.hit_rate, shape.read_write_ratio, shape.distinct_keys));
    assert_eq!(rates[0], (Some(0.0), None, 30.0));
    assert_eq!(rates[1], (Some(1.0), Some(1.0), 30.0));
    assert_eq!(rates[2], (Some(0.0), None, 30.0));
    let sizes = watched.shape("cart:{id}/items").sizes.unwrap();
    assert!((900.0..1100.0).contains(&sizes.p50) && sizes.mean == 1000.0);
}

#[test]
fn all_kinds_of_reads_are_counted() {
    let watched = Watched::new();
    let key = "a:1";
    let tier = |tier| move |space| Event::NegativeHit { space, key, tier };
    watched.tell(tier(Tier::L1));
    watched.tell(tier(Tier::L2));
    watched.tell(|space| Event::StaleServed { space, key });
    watched.tell(|space| Event::OutageServed { space, key });
    MissReason::ALL
        .iter()
        .for_each(|reason| watched.miss(key, *reason));
    watched.delete(key);
    let totals = watched.report().totals;
    assert_eq!(
        (totals.l1_hits, totals.l1_absences, totals.l2_absences),
        (0, 1, 1)
    );
    assert_eq!(
        (totals.stale_served, totals.outage_served, totals.deleted),
        (1, 1, 1)
    );
    assert_eq!(totals.misses.all(), MissReason::ALL.len() as u64);
    assert_eq!(totals.misses.unusable, 12);
    assert_eq!(watched.shape("a:{id}").counts.misses, totals.misses);
}

#[test]
fn what_was_hot_makes_room() {
    let watched = Watched::new();
    (0..1000).for_each(|_| watched.hit("old:1"));
    watched.wait(3600);
    (0..600).for_each(|_| watched.hit("new:1"));
    watched.wait(3600);
    let hot = watched.analytics.hot_keys("users", 5).unwrap();
    let counts: Vec<_> = hot.iter().map(|hot| (&*hot.key, hot.count)).collect();
    assert_eq!(counts, [("new:1", 300), ("old:1", 250)]);
    assert_eq!(watched.report().totals.l1_hits, 1600);
    assert_eq!(watched.shape("old:{id}").counts.l1_hits, 1000);
}

#[test]
fn an_unknown_namespace_names_the_known_ones() {
    let watched = Watched::new();
    watched.hit("a");
    let error = watched.analytics.key_analytics("user").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownNamespace);
    assert!(error.to_string().contains("known=users") || error.to_string().contains("users"));
}

#[test]
fn without_memory_there_are_totals() {
    let watched = Watched::with(AnalyticsOptions::new().max_bytes(1000));
    watched.hit("a");
    watched.load("b", 1);
    let report = watched.report();
    assert_eq!((report.totals.l1_hits, report.totals.loaded), (1, 1));
    assert_eq!(report.keys, None);
    assert!(report.to_string().contains("totals only"));
}

#[test]
fn a_report_is_data_and_text() {
    let watched = Watched::new();
    watched.load("profile:1", 1);
    watched.hit("profile:1");
    let report = watched.report();
    let json = serde_json::to_string(&report).unwrap();
    let again: NamespaceReport = serde_json::from_str(&json).unwrap();
    assert_eq!(again, report);
    let text = report.to_string();
    assert!(
        text.contains("profile:{id}") && text.contains("50.0 %"),
        "{text}"
    );
}
