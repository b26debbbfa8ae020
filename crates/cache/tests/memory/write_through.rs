//! Ordered write-through: the database and the cache, in an order that leaves nothing older
//! behind.

use std::time::Duration;

use larder_cache::{SetOptions, WriteError, Written};
use larder_cache_core::{Error, ErrorKind};
use larder_testkit::{Fault, Method};
use tokio::task::JoinHandle;

use crate::fleet::{Fleet, LOADS, Process};
use crate::watched::Telling;
use crate::world::{Database, DbError, settle};

type Writing = JoinHandle<Result<Written, WriteError<DbError>>>;

/// Writes "7" to the database, which may be shut, and to the cache.
fn write(process: &Process, database: &Database, value: &'static str) -> Writing {
    let (users, writer) = (process.users(), database.finds::<()>(()));
    tokio::spawn(async move { users.write_through("7", value.to_owned(), writer).await })
}

async fn written(process: &Process, value: &'static str) -> Written {
    let writing = write(process, &Database::new(), value);
    writing.await.unwrap().unwrap()
}

#[track_caller]
fn check(written: &Written, expected: &str) {
    let written = format!("{written:?}");
    assert!(written.starts_with(expected), "{written}, not {expected}");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_cached() {
    let fleet = Fleet::new();
    let [a, b] = [fleet.process(Telling::Nothing, |b| b), fleet.plain()];
    for value in ["first", "second"] {
        check(&written(&a, value).await, "Cached");
        a.events.take();
        assert_eq!(a.get("7").await.as_deref(), Some(value));
        assert_eq!(a.events.take(), ["hit l1 7"]);
        assert_eq!(b.get("7").await.as_deref(), Some(value));
    }
    assert_eq!(a.users().stats().stored, 2);
    let calls = [Method::Lease, Method::Fill, Method::Delete].map(|of| a.chaos.calls(of));
    assert_eq!(calls, [2, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn options_count() {
    let fleet = Fleet::new();
    let process = fleet.plain();
    let ttl = Duration::from_secs(7);
    let options = SetOptions::new().ttl(ttl).tags(["t"]);
    let writer = Database::new().finds::<()>(());
    let users = process.users();
    let written = users.write_through_with("7", "Ada".to_owned(), options, writer);
    check(&written.await.unwrap(), "Cached");
    let remaining = users.ttl("7").await.unwrap().unwrap();
    assert_eq!(remaining.duration(), Some(ttl));
    let tags = larder_cache_core::Tags::any(["t"]);
    users.invalidate_tags(tags).await.unwrap();
    assert_eq!(process.get("7").await, None);
}

/// What readers get while the writer runs: the value before, if there was one; and loads
/// wait for what is written where there was none.
#[tokio::test(start_paused = true)]
async fn readers_meet_a_writer() {
    for load in LOADS {
        for before in [None, Some("old")] {
            let case = format!("{load:?} over {before:?}");
            let (fleet, database, slow) = (Fleet::new(), Database::new(), Database::shut());
            let [a, b] = [fleet.plain(), fleet.plain()];
            if let Some(before) = before {
                a.users().set("7", before.to_owned()).await.unwrap();
            }
            let writing = write(&a, &slow, "written");
            slow.asked(1).await;
            let mut reading = Vec::new();
            for process in [&a, &b] {
                assert_eq!(process.get("7").await.as_deref(), before, "{case}");
                reading.push(load.spawn(&process.users(), &database, Ok("loaded")));
                if before.is_none() {
                    process.waits().await;
                }
            }
            settle().await;
            slow.open();
            check(&writing.await.unwrap().unwrap(), "Cached");
            for reading in reading {
                let read = reading.await.unwrap().unwrap();
                assert_eq!(read, before.unwrap_or("written"), "{case}");
            }
            assert_eq!(database.queries(), 0, "{case}");
            assert_eq!(b.get("7").await.as_deref(), Some("written"), "{case}");
        }
    }
}

/// A load that read the database before it was written is not stored after.
#[tokio::test(start_paused = true)]
async fn a_load_under_way_is_voided() {
    for load in LOADS {
        let fleet = Fleet::new();
        let [a, b] = [fleet.plain(), fleet.plain()];
        for writer in [&a, &b] {
            a.users().delete("7").await.unwrap();
            let slow = Database::shut();
            let loading = load.spawn(&a.users(), &slow, Ok("outdated"));
            slow.asked(1).await;
            check(&written(writer, "written").await, "Cached");
            slow.open();
            assert_eq!(loading.await.unwrap().unwrap(), "outdated");
            assert_eq!(a.get("7").await.as_deref(), Some("written"), "{load:?}");
        }
        assert_eq!(a.events.count("refused Superseded 7"), 2, "{load:?}");
    }
}

/// What comes between a write and its end, here or elsewhere; the value that was written
/// may be older than that.
#[tokio::test(start_paused = true)]
async fn a_change_that_comes_between_ends_it() {
    for change in ["set", "delete", "mark_stale", "clear"] {
        for own in [true, false] {
            for before in [None, Some("old")] {
                let case = format!("{change} over {before:?}, own: {own}");
                let (fleet, slow) = (Fleet::new(), Database::shut());
                let [a, b] = [fleet.process(Telling::Nothing, |b| b), fleet.plain()];
                if let Some(before) = before {
                    a.users().set("7", before.to_owned()).await.unwrap();
                }
                let writing = write(&a, &slow, "written");
                slow.asked(1).await;
                let users = if own { a.users() } else { b.users() };
                match change {
                    "set" => users.set("7", "new".to_owned()).await.unwrap(),
                    "delete" => drop(users.delete("7").await.unwrap()),
                    "mark_stale" => drop(users.mark_stale("7").await.unwrap()),
                    _ => drop(users.clear().await.unwrap()),
                }
                slow.open();
                let written = writing.await.unwrap().unwrap();
                if change != "clear" {
                    check(&written, "Invalidated");
                    assert_eq!(fleet.stored("7").await, None, "{case}");
                }
                assert_eq!(b.get("7").await, None, "{case}");
                if own || change != "clear" {
                    assert_eq!(a.get("7").await, None, "{case}");
                }
            }
        }
    }
}

/// Of two writers the later one's lease stands, and the other one deletes: nobody knows in
/// which order the database took them.
#[tokio::test(start_paused = true)]
async fn two_writers_leave_nothing_doubtful() {
    for own in [true, false] {
        let (fleet, slow) = (Fleet::new(), Database::shut());
        let [a, b] = [fleet.plain(), fleet.plain()];
        let first = write(&a, &slow, "first");
        slow.asked(1).await;
        let second = if own { &a } else { &b };
        check(&written(second, "second").await, "Cached");
        assert_eq!(b.get("7").await.as_deref(), Some("second"));
        slow.open();
        check(&first.await.unwrap().unwrap(), "Invalidated");
        for process in [&a, &b] {
            assert_eq!(process.get("7").await, None, "own: {own}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_fails_leaves_nothing() {
    for before in [None, Some("old")] {
        let fleet = Fleet::new();
        let [a, b] = [fleet.process(Telling::Nothing, |b| b), fleet.plain()];
        if let Some(before) = before {
            a.users().set("7", before.to_owned()).await.unwrap();
        }
        let writer = Database::new().fails::<()>("down");
        let failed = a.users().write_through("7", "new".to_owned(), writer).await;
        match failed {
            Err(WriteError::Writer(DbError("down"))) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(fleet.stored("7").await, None, "{before:?}");
        for process in [&a, &b] {
            assert_eq!(process.get("7").await, None, "{before:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_not_written() {
    let (fleet, database) = (Fleet::new(), Database::new());
    let process = fleet.plain();
    process.update(|users| users.max_value_bytes(10));
    for (key, value, options, kind) in [
        ("", "x", SetOptions::new(), ErrorKind::InvalidKey),
        (
            "7",
            "too long a value",
            SetOptions::new(),
            ErrorKind::TooLarge,
        ),
        (
            "7",
            "x",
            SetOptions::new().tags([""]),
            ErrorKind::InvalidTag,
        ),
        (
            "7",
            "x",
            SetOptions::new().ttl(Duration::ZERO),
            ErrorKind::InvalidTtl,
        ),
    ] {
        let (users, writer) = (process.users(), database.finds::<()>(()));
        let refused = users.write_through_with(key, value.to_owned(), options, writer);
        match refused.await {
            Err(WriteError::Cache(error)) => assert_eq!(error.kind(), kind),
            other => panic!("{kind}: {other:?}"),
        }
    }
    assert_eq!(
        (database.queries(), process.chaos.calls(Method::Lease)),
        (0, 0)
    );
}

/// The backend fails at one step or at several: the database is written all the same, and
/// nothing older is served.
#[tokio::test(start_paused = true)]
async fn without_a_backend_the_database_is_written() {
    let lost = || Fault::LostReply(Error::new(ErrorKind::Connection, "it broke"));
    for (failing, fault, expected) in [
        (&[Method::Epochs][..], Fault::refused(), "Invalidated"),
        (&[Method::Lease], Fault::refused(), "Invalidated"),
        (&[Method::Lease], lost(), "Invalidated"),
        (&[Method::Fill], Fault::refused(), "Invalidated"),
        (&[Method::Fill], lost(), "Invalidated"),
        (
            &[Method::Lease, Method::Delete],
            Fault::refused(),
            "Unconfirmed",
        ),
        (
            &[Method::Fill, Method::Delete],
            Fault::refused(),
            "Unconfirmed",
        ),
        (&[Method::Fill, Method::Delete], lost(), "Unconfirmed"),
        (&Method::ALL[1..], Fault::refused(), "Unconfirmed"),
    ] {
        for with_l1 in [true, false] {
            let case = format!("{failing:?}: {fault:?}, L1: {with_l1}");
            let fleet = Fleet::new();
            let bytes = if with_l1 { 1 << 20 } else { 0 };
            let a = fleet.process(Telling::Nothing, |builder| builder.l1_bytes(bytes));
            a.users().set("7", "old".to_owned()).await.unwrap();
            for method in failing {
                a.chaos.on(*method).always(fault.clone());
            }
            let database = Database::new();
            let writing = write(&a, &database, "written");
            check(&writing.await.unwrap().unwrap(), expected);
            assert_eq!(database.queries(), 1, "{case}");
            assert_eq!(a.get("7").await, None, "{case}");
            a.chaos.heal();
            a.idle().await;
            assert_eq!(fleet.stored("7").await, None, "{case}");
            let pending = a.cache.health().await.pending_changes;
            assert_eq!(pending, 0, "{case}");
        }
    }
}

/// A writer that fails with the backend down: its error is the caller's, and the key is
/// pending.
#[tokio::test(start_paused = true)]
async fn a_writer_that_fails_in_an_outage_leaves_the_key_pending() {
    let fleet = Fleet::new();
    let a = fleet.plain();
    a.users().set("7", "old".to_owned()).await.unwrap();
    a.chaos.go_down();
    let writer = Database::new().fails::<()>("down");
    let failed = a.users().write_through("7", "new".to_owned(), writer).await;
    assert!(matches!(failed, Err(WriteError::Writer(DbError("down")))));
    assert_eq!(a.cache.health().await.pending_changes, 1);
    a.chaos.heal();
    assert_eq!(a.get("7").await, None, "it is pending, or gone");
    a.idle().await;
    assert_eq!(fleet.stored("7").await, None);
}

/// Dropped before, in the middle of, and after its writer, nobody knows what was written.
#[tokio::test(start_paused = true)]
async fn dropped_half_way_it_leaves_nothing() {
    for held in [None, Some(Method::Lease), Some(Method::Fill)] {
        for before in [None, Some("old")] {
            let case = format!("held at {held:?}, over {before:?}");
            let fleet = Fleet::new();
            let [a, b] = [fleet.process(Telling::Nothing, |b| b), fleet.plain()];
            if let Some(before) = before {
                a.users().set("7", before.to_owned()).await.unwrap();
            }
            let database = match held {
                None => Database::shut(),
                Some(_) => Database::new(),
            };
            let gate = held.map(|method| a.chaos.gate_reply(method));
            let writing = write(&a, &database, "written");
            match gate {
                Some(mut gate) => gate.arrived().await,
                None => database.asked(1).await,
            }
            writing.abort();
            assert!(writing.await.unwrap_err().is_cancelled(), "{case}");
            assert_eq!(a.get("7").await, None, "{case}");
            a.idle().await;
            assert_eq!(fleet.stored("7").await, None, "{case}");
            assert_eq!(b.get("7").await, None, "{case}");
        }
    }
}
