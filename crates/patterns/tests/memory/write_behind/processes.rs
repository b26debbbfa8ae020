//! Several processes, and processes that end.

use larder_cache_core::Journal;
use larder_patterns::WriteBehindOptions;

use super::flaky::Operation;
use super::world::{DELAY, Mood, SECOND, World, pass};

#[tokio::test(start_paused = true)]
async fn what_a_process_left_is_written_by_the_next() {
    let world = World::new();
    let first = world.write_behind();
    world.database.is(Mood::Silent);
    for number in 0..100 {
        let _ = first.set(format!("k{number}"), number).await.unwrap();
    }
    pass(DELAY + SECOND).await;
    drop(first);
    world.database.is(Mood::Up);
    let next = world.other_process();
    let _next = next.write_behind();
    pass(SECOND * 30).await;
    assert_eq!((world.database.rows().len(), world.depth().await), (100, 0));
    assert_eq!(world.database.reordered(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ended_between_journal_and_cache_leaves_no_old_value() {
    let world = World::new();
    let first = world.write_behind();
    let _ = first.set("a", 1).await.unwrap();
    pass(DELAY + SECOND).await;
    assert_eq!(world.numbers().get("a").await.unwrap().as_deref(), Some(&1));
    // It is in the journal; of the cache nothing is known.
    let gate = world.chaos.gate(larder_testkit::Method::Set);
    let half = tokio::spawn({
        let first = first.clone();
        async move { first.set("a", 2).await }
    });
    while world.depth().await == 0 {
        pass(SECOND / 100).await;
    }
    half.abort();
    let _ = half.await;
    drop((gate, first));
    let other = world.other_process();
    let next = other.write_behind();
    pass(SECOND * 30).await;
    assert_eq!(world.database.row("a"), Some(2));
    let read = other.numbers().get("a").await.unwrap();
    assert_ne!(
        read.as_deref(),
        Some(&1),
        "older than what the database has"
    );
    drop(next);
}

#[tokio::test(start_paused = true)]
async fn one_process_at_a_time_consumes_a_shard() {
    let world = World::new();
    let processes: Vec<_> = (0..3)
        .map(|_| world.other_process().write_behind())
        .collect();
    for number in 0..300 {
        let writer = &processes[number as usize % 3];
        let _ = writer.set(format!("k{number}"), number).await.unwrap();
    }
    pass(DELAY + SECOND).await;
    assert_eq!((world.database.rows().len(), world.depth().await), (300, 0));
    let keys = world
        .database
        .calls()
        .into_iter()
        .flat_map(|call| call.keys);
    assert_eq!(keys.count(), 300, "none was written twice");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_another_process_put_into_the_cache_stays() {
    let world = World::new();
    let (writer, consumer) = (world.other_process(), world.other_process());
    let _consumer = consumer.write_behind();
    pass(SECOND).await;
    let numbers = writer.write_behind();
    let mut keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    keys.sort_by_key(|key| world.journal.shard_of(key));
    for key in &keys {
        let _ = numbers.set(key, 1).await.unwrap();
    }
    // The consumer is not told of what others append.
    pass(DELAY + SECOND * 2).await;
    assert_eq!(world.database.rows().len(), 100);
    let cached = writer.numbers().get_many(keys.iter()).await.unwrap();
    // Of the last write of each shard nobody said that the cache has it.
    assert_eq!(cached.len(), 96);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_two_processes_wrote_is_removed_from_the_cache() {
    let world = World::new();
    let (one, other) = (world.other_process(), world.other_process());
    let (first, second) = (one.write_behind(), other.write_behind());
    let _ = first.set("a", 1).await.unwrap();
    let _ = second.set("a", 2).await.unwrap();
    // As if the first had been slow to change the cache.
    one.numbers().set("a", 1).await.unwrap();
    pass(DELAY + SECOND).await;
    assert_eq!(world.database.row("a"), Some(2));
    assert_eq!(other.numbers().get("a").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_a_busy_fleet_writes_what_is_its_own_and_goes() {
    let world = World::with_journal(|options| options.shards(1));
    let leaving = world.other_process().write_behind();
    let _ = leaving.set("own", 1).await.unwrap();
    let staying = world.other_process().write_behind();
    let busy = tokio::spawn({
        let staying = staying.clone();
        async move {
            for number in 0.. {
                let _ = staying.set(format!("k{number}"), number).await.unwrap();
                pass(SECOND / 1000).await;
            }
        }
    });
    pass(SECOND).await;
    let report = leaving.shutdown(SECOND * 60).await;
    assert!(report.elapsed < SECOND * 2, "{report:?}");
    assert_eq!(world.database.row("own"), Some(1));
    busy.abort();
    drop(busy.await);
    assert!(staying.shutdown(SECOND * 60).await.is_clean());
    assert_eq!(world.database.reordered(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_can_not_renew_its_claim_stops() {
    let world = World::new();
    let options = WriteBehindOptions::new()
        .claim(SECOND * 3)
        .write_timeout(SECOND * 20);
    let frozen = world.other_process().write_behind_with(options.clone());
    let _ = frozen.set("a", 1).await.unwrap();
    world.database.is(Mood::Silent);
    pass(DELAY + SECOND).await;
    assert_eq!(world.database.calls().len(), 1);
    // Its renewals fail, so that its claim ends in the midst of a write.
    world.journal.fail(Operation::Renew);
    pass(SECOND * 4).await;
    world.journal.mend();
    world.database.is(Mood::Up);
    let next = world.other_process().write_behind_with(options);
    let _ = next.set("a", 2).await.unwrap();
    pass(SECOND * 40).await;
    assert_eq!((world.database.row("a"), world.depth().await), (Some(2), 0));
    assert_eq!(world.database.reordered(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_ends_its_consumers_goes_alone_and_is_buried_in_the_end() {
    let world = World::with_journal(|options| options.shards(1));
    let options = || WriteBehindOptions::new().max_deliveries(6).claim(SECOND);
    let first = world.write_behind_with(options());
    world.database.is(Mood::Silent);
    for key in ["deadly", "other"] {
        let _ = first.set(key, 1).await.unwrap();
    }
    pass(DELAY + SECOND).await;
    drop(first);
    for _ in 0..6 {
        let next = world.other_process().write_behind_with(options());
        pass(SECOND * 3).await;
        drop(next);
    }
    let calls = world.database.calls();
    assert_eq!(calls[0].keys.len(), 2);
    assert!(
        calls[3..].iter().all(|call| call.keys.len() == 1),
        "{calls:?}"
    );
    let last = world.other_process().write_behind_with(options());
    pass(SECOND * 3).await;
    let letters = last.dead_letters(9).await.unwrap();
    assert!(
        letters[0].reason.contains("ended without an answer"),
        "{letters:?}"
    );
}
