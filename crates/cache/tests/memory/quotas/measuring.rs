//! When what is stored is measured.

use std::time::Duration;

use larder_cache::SetOptions;
use larder_cache_core::Tags;
use larder_testkit::{Fault, Method};

use super::*;

#[tokio::test(start_paused = true)]
async fn usage_is_what_is_stored() {
    let world = World::new();
    let users = world.users();
    assert_eq!(users.usage().await.unwrap(), None);
    for (key, tags) in [("a", &[][..]), ("{b}", &["t", "u"]), ("c", &["t"])] {
        let options = SetOptions::new().tags(tags.iter().copied());
        users
            .set_with(key, "value".repeat(40), options)
            .await
            .unwrap();
    }
    world.plant("foreign", "bytes of another program").await;
    let mut bytes = 0;
    for key in ["a", "{b}", "c", "foreign"] {
        bytes += physical(key).as_bytes().len() + world.stored(key).await.unwrap().len();
    }
    users.invalidate_tags(Tags::any(["u"])).await.unwrap();
    let invalidated = physical("{b}").as_bytes().len() + world.stored("{b}").await.unwrap().len();
    let measured = users.measure_usage().await.unwrap();
    assert_eq!((measured.bytes, measured.entries), (bytes as u64, 4));
    assert_eq!(measured.invalidated_bytes, invalidated as u64);
    assert_eq!((measured.age, measured.quota_bytes), (Duration::ZERO, None));
    world.clock.advance(SOON);
    let elsewhere = world.elsewhere().usage().await.unwrap().unwrap();
    assert_eq!((elsewhere.bytes, elsewhere.age), (measured.bytes, SOON));
    let remote = world.typed::<String>("remote");
    assert_eq!(
        remote.usage().await.unwrap(),
        None,
        "each namespace has its own"
    );
}

/// What a namespace without a quota costs, and one that is far from it.
#[tokio::test(start_paused = true)]
async fn nobody_measures_without_need() {
    let world = World::new();
    write(&world, 0..100, &[]).await;
    assert_eq!(world.chaos.calls(Method::Scan), 0, "no quota");
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    for (round, pause) in [(1, LATE / 2), (1, LATE / 2), (2, LATE)] {
        for process in [&one, &other] {
            set(&process.users(), 0, &[]).await;
            process.idle().await;
        }
        let scans = one.chaos.calls(Method::Scan) + other.chaos.calls(Method::Scan);
        let before = if round == 1 { 1 } else { 2 };
        assert_eq!(scans, before, "one measures for all");
        fleet.clock.advance(pause);
    }
}

#[tokio::test(start_paused = true)]
async fn much_is_measured_more_often() {
    let world = world();
    for n in 0..40 {
        set(&world.users(), n, &[]).await;
    }
    idle(&world).await;
    world.users().measure_usage().await.unwrap();
    // Learns of it.
    world.clock.advance(LATE);
    set(&world.users(), 0, &[]).await;
    idle(&world).await;
    for (after, scans) in [(SOON - PAUSE, 0), (PAUSE, 1), (SOON - PAUSE, 0), (PAUSE, 1)] {
        let before = world.chaos.calls(Method::Scan);
        world.clock.advance(after);
        set(&world.users(), 0, &[]).await;
        idle(&world).await;
        let now = world.chaos.calls(Method::Scan) - before;
        assert_eq!(now > 0, scans > 0, "{after:?}: {now}");
    }
}

/// A page that does not come is asked for again; a scan of a backend that is away ends.
#[tokio::test(start_paused = true)]
async fn a_page_is_asked_for_three_times() {
    let world = world();
    let users = world.users();
    for n in 0..3 {
        set(&users, n, &[]).await;
    }
    idle(&world).await;
    world.chaos.on(Method::Scan).next(2, Fault::refused());
    assert_eq!(users.measure_usage().await.unwrap().entries, 3);
    world.chaos.on(Method::Scan).next(3, Fault::refused());
    assert!(users.measure_usage().await.is_err());
}

/// A task that waits for its time keeps no shutdown waiting.
#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_look() {
    let world = world();
    burst(&world).await;
    assert_eq!(world.cache.stats().background_tasks, 1, "it waits");
    let report = world.cache.shutdown(PAUSE / 2).await;
    assert!(report.is_clean(), "{report:?}");
}

/// What a process wrote is not forgotten for a measurement from before.
#[tokio::test(start_paused = true)]
async fn what_was_written_since_the_measurement_counts() {
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    for n in 0..25 {
        set(&one.users(), n, &[]).await;
    }
    one.idle().await;
    one.users().measure_usage().await.unwrap();
    for writes in [100..130, 130..160, 160..161] {
        for n in writes {
            set(&other.users(), n, &[]).await;
        }
        other.idle().await;
        fleet.clock.advance(2 * PAUSE);
    }
    let usage = one.users().measure_usage().await.unwrap();
    assert!(usage.bytes <= QUOTA, "{usage:?}");
}

/// What came before the measurement of another process is among what that found.
#[tokio::test(start_paused = true)]
async fn what_was_written_before_the_measurement_counts_once() {
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    for round in 0..8 {
        // The same 10 of 58 again and again.
        for n in 0..10 {
            set(&other.users(), n, &[]).await;
        }
        other.idle().await;
        fleet.clock.advance(LATE / 2);
        one.users().measure_usage().await.unwrap();
        fleet.clock.advance(LATE / 2);
        let scans = other.chaos.calls(Method::Scan);
        assert_eq!(scans, 1, "round {round}: others have measured");
    }
}

/// A measurement gets too old at the same time for all processes.
#[tokio::test(start_paused = true)]
async fn a_known_measurement_is_as_old_as_it_is() {
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    set(&one.users(), 0, &[]).await;
    one.idle().await;
    for (after, scans) in [(LATE - PAUSE, 0), (PAUSE, 1)] {
        fleet.clock.advance(after);
        set(&other.users(), 1, &[]).await;
        other.idle().await;
        assert_eq!(other.chaos.calls(Method::Scan), scans, "{after:?}");
    }
}
