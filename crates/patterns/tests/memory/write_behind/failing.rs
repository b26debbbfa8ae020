//! Databases that are down, writes that can't be made, writers with bugs.

use std::sync::Arc;

use larder_cache_core::{Append, Bytes, ErrorKind, Journal, JournalWrite, Sequence};
use larder_patterns::{Update, WriteBehind, WriteBehindOptions, WriteFailure};

use super::flaky::Operation;
use super::world::{DELAY, Mood, SECOND, World, pass};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_minute_without_database_loses_nothing_and_is_made_up_for() {
    let world = World::with_journal(|options| options.shards(4).capacity(20_000));
    let numbers = world.write_behind();
    world.database.is(Mood::Down);
    for number in 0..10_000 {
        let _ = numbers.set(format!("k{number}"), number).await.unwrap();
    }
    pass(MINUTE).await;
    let while_down = world.database.calls();
    assert!(
        while_down.len() < 200,
        "{} calls of a database that is down",
        while_down.len()
    );
    assert_eq!(world.depth().await, 10_000);

    world.database.is(Mood::Up);
    let up = tokio::time::Instant::now();
    while world.depth().await > 0 {
        pass(SECOND / 10).await;
        assert!(
            up.elapsed() < SECOND * 12,
            "{} are left",
            world.depth().await
        );
    }
    assert_eq!(world.database.rows().len(), 10_000);
    let made: Vec<_> = world
        .database
        .calls()
        .into_iter()
        .filter(|call| call.succeeded)
        .collect();
    assert!(made.len() < 60, "{} batches for 10,000 keys", made.len());
    assert_eq!(numbers.dead_letters(9).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_write_delays_nobody_and_ends_among_the_dead_letters() {
    let world = World::with_journal(|options| options.shards(4));
    let numbers = world.write_behind();
    world.database.poison("k5000");
    for number in 0..10_000 {
        let _ = numbers.set(format!("k{number}"), number).await.unwrap();
    }
    pass(DELAY + SECOND).await;
    assert_eq!(world.database.rows().len(), 9_999);
    pass(MINUTE).await;
    // Attempts that follow when nothing else is written count against nobody.
    for number in 0..10 {
        let _ = numbers.set(format!("later{number}"), number).await.unwrap();
        pass(DELAY * 2).await;
    }
    let letters = numbers.dead_letters(9).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].key.as_str(), letters[0].reason.as_str()),
        ("k5000", "the database is unavailable")
    );
    assert_eq!(world.depth().await, 0);
    assert_eq!(
        numbers.get("k5000").await.unwrap(),
        None,
        "readers get what the database has"
    );
    assert!(
        world
            .events
            .told()
            .contains(&"buried k5000: the database is unavailable".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn later_writes_of_a_shard_do_not_wait_for_a_lone_poisoned_one() {
    let world = World::with_journal(|options| options.shards(1));
    let numbers = world.write_behind();
    world.database.poison("bad");
    let _ = numbers.set("bad", 1).await.unwrap();
    pass(MINUTE).await;
    let _ = numbers.set("good", 1).await.unwrap();
    pass(DELAY + SECOND / 2).await;
    assert_eq!(world.database.row("good"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_write_alone_is_tried_for_as_long_as_the_database_is_away() {
    let world = World::new();
    let numbers = world.write_behind();
    world.database.is(Mood::Down);
    let _ = numbers.set("a", 1).await.unwrap();
    pass(MINUTE * 10).await;
    assert!(
        world.database.calls().len() < 120,
        "{}",
        world.database.calls().len()
    );
    world.database.is(Mood::Up);
    pass(SECOND * 11).await;
    assert_eq!(world.database.row("a"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_the_writer_refuses_is_buried_at_once() {
    let world = World::new();
    let database = Arc::clone(&world.database);
    let journal = Arc::clone(&world.journal) as Arc<dyn Journal>;
    let writer = move |updates: Vec<Update<u32>>| {
        let database = Arc::clone(&database);
        async move {
            if updates.iter().any(|update| update.key == "bad") {
                return Err(WriteFailure::refused("bad", "there is no such row"));
            }
            database.poison(&format!("called with {}", updates.len()));
            Ok(())
        }
    };
    let options = WriteBehindOptions::new();
    let numbers = WriteBehind::start(world.numbers(), journal, options, writer).unwrap();
    for key in ["a", "bad", "b"] {
        let _ = numbers.set(key, 1).await.unwrap();
    }
    pass(DELAY + SECOND).await;
    let letters = numbers.dead_letters(9).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].key.as_str(), letters[0].reason.as_str()),
        ("bad", "there is no such row")
    );
    assert_eq!(world.depth().await, 0);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_replayed_or_discarded() {
    let world = World::new();
    let numbers = world.write_behind();
    for key in ["a", "b"] {
        world.database.poison(key);
        let _ = numbers.set(key, 1).await.unwrap();
    }
    for number in 0..10 {
        let _ = numbers.set("good", number).await.unwrap();
        pass(DELAY * 2).await;
    }
    assert_eq!(numbers.dead_letters(9).await.unwrap().len(), 2);
    assert_eq!(numbers.dead_letters(1).await.unwrap().len(), 1);
    world.database.heal();
    assert_eq!(numbers.discard(&["b", "nobody"]).await.unwrap(), 1);
    assert_eq!(numbers.replay(&["a", "b"]).await.unwrap(), 1);
    assert_eq!(numbers.get("a").await.unwrap().as_deref(), Some(&1));
    pass(DELAY + SECOND).await;
    assert_eq!(
        (world.database.row("a"), world.database.row("b")),
        (Some(1), None)
    );
    assert_eq!(numbers.dead_letters(9).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_later_write_takes_the_letter_off_the_list() {
    let world = World::new();
    let numbers = world.write_behind();
    world.database.poison("a");
    let _ = numbers.set("a", 1).await.unwrap();
    for number in 0..10 {
        let _ = numbers.set("good", number).await.unwrap();
        pass(DELAY * 2).await;
    }
    assert_eq!(numbers.dead_letters(9).await.unwrap().len(), 1);
    world.database.heal();
    let _ = numbers.set("a", 2).await.unwrap();
    pass(DELAY + SECOND).await;
    assert_eq!(
        (
            world.database.row("a"),
            numbers.dead_letters(9).await.unwrap()
        ),
        (Some(2), vec![])
    );
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_read_is_buried() {
    let world = World::new();
    let writes = [JournalWrite {
        key: "a".to_owned(),
        value: Some(Bytes::from_static(b"no value of ours")),
    }];
    let append = Append {
        writer: 1,
        settled: Sequence::ZERO,
        writes: &writes,
    };
    let shard = world.journal.shard_of("a");
    world.journal.append(shard, append).await.unwrap();
    let numbers = world.write_behind();
    assert_eq!(numbers.get("a").await.unwrap_err().kind(), ErrorKind::Codec);
    pass(DELAY + SECOND).await;
    let letters = numbers.dead_letters(9).await.unwrap();
    assert!(letters[0].reason.contains("can read"), "{letters:?}");
    assert_eq!(world.database.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_panics_is_asked_again() {
    let world = World::new();
    let numbers = world.write_behind();
    world.database.is(Mood::Panicking);
    let _ = numbers.set("a", 1).await.unwrap();
    pass(DELAY * 2).await;
    world.database.is(Mood::Up);
    pass(SECOND * 11).await;
    assert_eq!((world.database.row("a"), world.depth().await), (Some(1), 0));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_never_answers_is_given_up_and_asked_again() {
    let world = World::new();
    let options = WriteBehindOptions::new().write_timeout(SECOND);
    let numbers = world.write_behind_with(options);
    world.database.is(Mood::Silent);
    let _ = numbers.set("a", 1).await.unwrap();
    pass(DELAY + SECOND * 3).await;
    world.database.is(Mood::Up);
    pass(SECOND * 11).await;
    assert_eq!((world.database.row("a"), world.depth().await), (Some(1), 0));
    assert!(
        world
            .events
            .told()
            .contains(&"retried 1 after 1".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_does_not_answer_is_asked_again() {
    let world = World::new();
    let numbers = world.write_behind();
    let _ = numbers.set("a", 1).await.unwrap();
    world.journal.fail(Operation::Read);
    pass(MINUTE).await;
    assert_eq!(world.database.row("a"), None);
    world.journal.mend();
    world.journal.fail(Operation::Acknowledge);
    pass(DELAY * 2).await;
    assert_eq!((world.database.row("a"), world.depth().await), (Some(1), 1));
    assert_eq!(
        world.database.calls().len(),
        1,
        "it is written once and acknowledged later"
    );
    world.journal.mend();
    pass(SECOND).await;
    assert_eq!(world.depth().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_can_not_be_put_away_waits() {
    let world = World::new();
    let numbers = world.write_behind();
    world.database.poison("a");
    world.journal.fail(Operation::Bury);
    let _ = numbers.set("a", 1).await.unwrap();
    for number in 0..10 {
        let _ = numbers.set("good", number).await.unwrap();
        pass(DELAY * 2).await;
    }
    assert_eq!(numbers.dead_letters(9).await.unwrap(), []);
    world.journal.mend();
    pass(SECOND).await;
    assert_eq!(numbers.dead_letters(9).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_without_database_says_what_is_left() {
    let world = World::new();
    let numbers = world.write_behind();
    world.database.is(Mood::Silent);
    for number in 0..100 {
        let _ = numbers.set(format!("k{number}"), number).await.unwrap();
    }
    let report = numbers.shutdown(SECOND).await;
    assert!(report.elapsed <= SECOND * 2, "{report:?}");
    assert_eq!(report.left, Some(100));
    assert!(!report.is_clean());
}

#[tokio::test(start_paused = true)]
async fn observers_are_told_how_much_waits() {
    let world = World::new();
    let numbers = world.write_behind();
    world.database.is(Mood::Down);
    let _ = numbers.set("a", 1).await.unwrap();
    pass(SECOND * 6).await;
    let told = world.events.told();
    let depths: Vec<_> = told
        .iter()
        .filter(|told| told.starts_with("depth"))
        .collect();
    assert_eq!(depths, ["depth 1 of Some(5s) and 0"]);
}
