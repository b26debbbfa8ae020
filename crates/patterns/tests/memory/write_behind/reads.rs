//! Reads of what the database does not have yet.

use std::collections::HashMap;
use std::convert::Infallible;

use larder_cache::{LoadError, Written};
use larder_cache_core::ErrorKind;

use super::flaky::Operation;
use super::world::{DELAY, SECOND, World, pass};

async fn never() -> Result<Option<u32>, Infallible> {
    panic!("the database was asked for what the journal has");
}

async fn nine() -> Result<Option<u32>, Infallible> {
    Ok(Some(9))
}

#[tokio::test(start_paused = true)]
async fn what_the_cache_evicted_is_read_from_the_journal() {
    let world = World::new();
    let numbers = world.write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    world.evict("a").await;
    assert_eq!(numbers.get("a").await.unwrap().as_deref(), Some(&1));
    let loaded = numbers.get_or_load("a", never).await.unwrap();
    assert_eq!(loaded.as_deref(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn another_process_reads_it_too() {
    let world = World::new();
    let numbers = world.write_behind();
    let elsewhere = world.other_process().write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    world.evict("a").await;
    let loaded = elsewhere.get_or_load("a", never).await.unwrap();
    assert_eq!(loaded.as_deref(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_is_not_loaded_back() {
    let world = World::new();
    let numbers = world.write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    let _ = numbers.delete("a").await.unwrap();
    assert_eq!(numbers.get("a").await.unwrap(), None);
    assert_eq!(numbers.get_or_load("a", never).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_the_journal_is_loaded() {
    let world = World::new();
    let numbers = world.write_behind();
    let loaded = numbers.get_or_load("a", nine).await.unwrap();
    assert_eq!(loaded.as_deref(), Some(&9));
    assert_eq!(world.numbers().get("a").await.unwrap().as_deref(), Some(&9));
}

#[tokio::test(start_paused = true)]
async fn a_batch_asks_the_loader_for_what_the_journal_lacks() {
    let world = World::new();
    let numbers = world.write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    let _ = numbers.set("b", 2).await.unwrap();
    let _ = numbers.delete("b").await.unwrap();
    world.evict("a").await;
    let keys = ["a", "b", "c", "d"].map(str::to_owned);
    let loader = |keys: Vec<String>| async move {
        assert_eq!(keys, ["c", "d"]);
        Ok::<_, Infallible>(HashMap::from([("c".to_owned(), 3)]))
    };
    let found = numbers.get_or_load_many(keys, loader).await.unwrap();
    let mut found: Vec<_> = found
        .iter()
        .map(|(key, value)| (key.as_str(), **value))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("a", 1), ("c", 3)]);
}

#[tokio::test(start_paused = true)]
async fn with_the_journal_away_the_loader_answers_and_nothing_is_cached() {
    let world = World::new();
    let numbers = world.write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    world.evict("a").await;
    world.journal.fail(Operation::Latest);
    let loaded = numbers.get_or_load("a", nine).await.unwrap();
    assert_eq!(loaded.as_deref(), Some(&9), "a read does not fail");
    let many = |_| async { Ok::<_, Infallible>(HashMap::from([("a".to_owned(), 9)])) };
    let both = ["a", "b"].map(str::to_owned);
    assert_eq!(numbers.get_or_load_many(both, many).await.unwrap().len(), 1);
    assert_eq!(world.numbers().get("a").await.unwrap(), None);
    assert_eq!(
        numbers.get("a").await.unwrap_err().kind(),
        ErrorKind::Timeout
    );
    world.journal.mend();
    assert_eq!(
        numbers.get_or_load("a", never).await.unwrap().as_deref(),
        Some(&1)
    );
    let one = || async { Ok::<_, Infallible>(Some(7)) };
    let other = numbers.get_or_load("b", one).await.unwrap();
    assert_eq!(other.as_deref(), Some(&7), "its absence was not remembered");
}

#[tokio::test(start_paused = true)]
async fn a_loader_s_error_is_passed_on() {
    let world = World::new();
    let numbers = world.write_behind();
    let failing = || async { Err::<u32, _>("no such table") };
    let error = numbers.get_or_load("a", failing).await.unwrap_err();
    assert!(matches!(error, LoadError::Loader(why) if *why == "no such table"));
}

#[tokio::test(start_paused = true)]
async fn with_the_cache_away_the_journal_has_the_value() {
    let world = World::new();
    let numbers = world.write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    world.chaos.go_down();
    let journaled = numbers.set("a", 2).await.unwrap();
    assert!(matches!(journaled.cached, Written::Unconfirmed(_)));
    assert_eq!(numbers.get("a").await.unwrap().as_deref(), Some(&2));
    assert_eq!(
        numbers.get_or_load("a", never).await.unwrap().as_deref(),
        Some(&2)
    );
    pass(DELAY + SECOND).await;
    assert_eq!(world.database.row("a"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_journaled_is_not_read() {
    let world = World::new();
    let numbers = world.write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    world.journal.fail(Operation::Append);
    let failed = numbers.set("a", 2).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert_eq!(numbers.get("a").await.unwrap().as_deref(), Some(&1));
    let failed = numbers.delete("a").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Timeout);
    assert_eq!(numbers.get("a").await.unwrap().as_deref(), Some(&1));
}
