//! From the caller to the database.

use std::sync::Arc;
use std::time::Duration;

use larder_cache::{SetOptions, Written};
use larder_cache_core::{Durability, ErrorKind, Journal};
use larder_patterns::{WriteBehind, WriteBehindOptions, WriteFailure};

use super::world::{DELAY, SECOND, World, pass};

#[tokio::test(start_paused = true)]
async fn a_write_reaches_the_database_when_its_time_has_come_and_not_before() {
    let world = World::new();
    let numbers = world.write_behind();
    let journaled = numbers.set("a", 1).await.unwrap();
    assert!(matches!(journaled.cached, Written::Cached));
    assert_eq!(numbers.get("a").await.unwrap().as_deref(), Some(&1));
    pass(DELAY - SECOND / 2).await;
    assert_eq!((world.database.calls().len(), world.depth().await), (0, 1));
    pass(SECOND / 2).await;
    assert_eq!((world.database.row("a"), world.depth().await), (Some(1), 0));
    assert_eq!(numbers.get("a").await.unwrap().as_deref(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn writes_of_a_key_become_one_the_last() {
    let world = World::new();
    let numbers = world.write_behind();
    for number in 1..=100 {
        let _ = numbers.set("a", number).await.unwrap();
        pass(SECOND / 100).await;
    }
    pass(DELAY).await;
    assert_eq!(world.database.row("a"), Some(100));
    assert_eq!(world.database.calls().len(), 1);
    let told = world.events.told();
    assert!(
        told.contains(&"flushed 1 keys of 100 writes".to_owned()),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_overwritten_key_is_written_all_the_same() {
    let world = World::new();
    let numbers = world.write_behind();
    for number in 1..=300 {
        let _ = numbers.set("a", number).await.unwrap();
        pass(SECOND / 10).await;
    }
    let calls = world.database.calls().len();
    assert!((4..=7).contains(&calls), "{calls} writes in 30 seconds");
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_does_not_wait() {
    let world = World::with_journal(|options| options.shards(1));
    let options = WriteBehindOptions::new().max_batch(10).max_window(100);
    let numbers = world.write_behind_with(options);
    for number in 0..10 {
        let _ = numbers.set(format!("k{number}"), number).await.unwrap();
    }
    pass(SECOND / 100).await;
    assert_eq!(world.database.rows().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn deletions_keep_their_place() {
    let world = World::new();
    let numbers = world.write_behind();
    for key in ["gone", "back"] {
        let _ = numbers.set(key, 1).await.unwrap();
    }
    pass(DELAY + SECOND).await;
    let deleted = numbers.delete("gone").await.unwrap();
    assert!(matches!(deleted.cached, Written::Invalidated));
    let _ = numbers.delete("back").await.unwrap();
    let _ = numbers.set("back", 2).await.unwrap();
    pass(DELAY + SECOND).await;
    let rows: Vec<_> = world.database.rows().into_iter().collect();
    assert_eq!(rows, [("back".to_owned(), 2)]);
    assert_eq!(world.database.reordered(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn sequences_grow_with_each_write_of_a_key() {
    let world = World::new();
    let numbers = world.write_behind();
    let mut last = numbers.set("a", 0).await.unwrap().sequence;
    for number in 1..50 {
        let next = numbers.set("a", number).await.unwrap().sequence;
        assert!(next > last);
        last = next;
    }
}

#[tokio::test(start_paused = true)]
async fn shutting_down_writes_all_at_once() {
    let world = World::new();
    let numbers = world.write_behind();
    for number in 0..2_000 {
        let _ = numbers.set(format!("k{number}"), number).await.unwrap();
    }
    let report = numbers.shutdown(SECOND * 10).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(report.elapsed < SECOND, "{report:?}");
    assert_eq!(world.database.rows().len(), 2_000);
    let refused = numbers.set("late", 1).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    assert_eq!(world.numbers().get("late").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_refused_before_anything_is_written() {
    let world = World::new();
    let numbers = world.write_behind();
    let check = async |key: &str, options: SetOptions, kind: ErrorKind| {
        let refused = numbers.set_with(key, 1, options).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused}");
    };
    check("", SetOptions::new(), ErrorKind::InvalidKey).await;
    check("a", SetOptions::new().tags([""]), ErrorKind::InvalidTag).await;
    check(
        "a",
        SetOptions::new().ttl(Duration::ZERO),
        ErrorKind::InvalidTtl,
    )
    .await;
    let refused = numbers.delete("").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidKey);
    assert_eq!(world.depth().await, 0);

    let journal = Arc::clone(&world.journal) as Arc<dyn Journal>;
    let options = WriteBehindOptions::new().max_batch(0);
    let writer = |_| async { Ok::<_, WriteFailure>(()) };
    let refused = WriteBehind::start(world.numbers(), journal, options, writer).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
}

/// What should be encrypted must not be readable in a place that outlives the process.
#[tokio::test(start_paused = true)]
async fn an_encrypted_namespace_is_refused_a_lasting_journal() {
    let world = World::new();
    let start = || {
        let journal = Arc::clone(&world.journal) as Arc<dyn Journal>;
        let sessions = world.cache.namespace("sessions").unwrap().typed::<u32>();
        let writer = |_| async { Ok::<_, WriteFailure>(()) };
        WriteBehind::start(sessions, journal, WriteBehindOptions::new(), writer)
    };
    start().unwrap();
    world.journal.survives(Durability::Crash);
    let refused = start().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("sessions"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_refuses_and_the_cache_has_nothing_of_it() {
    let world = World::with_journal(|options| options.shards(1).capacity(10));
    world.database.is(super::world::Mood::Down);
    let numbers = world.write_behind();
    for number in 0..10 {
        let _ = numbers.set(format!("k{number}"), number).await.unwrap();
    }
    let refused = numbers.set("k10", 10).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Backpressure);
    assert_eq!(numbers.get("k10").await.unwrap(), None);
    world.database.is(super::world::Mood::Up);
    pass(DELAY * 3).await;
    assert_eq!(world.database.rows().len(), 10);
    let _ = numbers.set("k10", 10).await.unwrap();
}
