//! Write-through: what becomes of the cached values, single and batch.

use std::collections::HashMap;
use std::sync::Arc;

use larder_cache::{WriteError, Written};
use larder_cache_core::{Error, ErrorKind, Tags};
use larder_patterns::{WriteThrough, WriteThroughOptions};
use larder_testkit::{Fault, Method};

use crate::world::{Database, Down, Process, World};

fn through(process: &Process) -> WriteThrough<String> {
    WriteThrough::new(process.users(), WriteThroughOptions::new())
}

/// A writer of one value.
async fn save(database: Database, key: String, value: Arc<String>) -> Result<(), Down> {
    database.put(&key, &value);
    Ok(())
}

/// A writer of many values.
async fn save_all(database: Database, rows: HashMap<String, Arc<String>>) -> Result<(), Down> {
    for (key, value) in rows {
        database.put(&key, &value);
    }
    Ok(())
}

#[track_caller]
fn check(written: &Written, expected: &str) {
    let written = format!("{written:?}");
    assert!(written.starts_with(expected), "{written}, not {expected}");
}

async fn set(users: &WriteThrough<String>, database: &Database, value: &str) -> Written {
    let writer = |key, value| save(database.clone(), key, value);
    users.set("7", value.to_owned(), writer).await.unwrap()
}

async fn read(users: &WriteThrough<String>, database: &Database) -> Option<String> {
    let database = database.clone();
    let loader = move || async move { database.find("7".to_owned()).await };
    let found = users.get("7", loader).await.unwrap();
    found.map(|found| found.to_string())
}

#[tokio::test(start_paused = true)]
async fn both_have_what_was_written() {
    let (world, database) = (World::new(), Database::new());
    let processes = [world.process(), world.one_of_many()];
    let options = WriteThroughOptions::new().tags(["t"]);
    let users = WriteThrough::new(processes[0].users(), options);
    check(&set(&users, &database, "Ada").await, "Cached");
    assert_eq!(database.row("7").as_deref(), Some("Ada"));
    for process in &processes {
        assert_eq!(process.get("7").await.as_deref(), Some("Ada"));
    }
    assert_eq!(database.loads(), 0);
    users
        .cache()
        .invalidate_tags(Tags::any(["t"]))
        .await
        .unwrap();
    assert_eq!(read(&users, &database).await.as_deref(), Some("Ada"));
    assert_eq!(database.loads(), 1);
}

/// A writer that fails may have written or not: readers load what the database has.
#[tokio::test(start_paused = true)]
async fn a_writer_that_fails_leaves_the_databases_value() {
    for has_written in [false, true] {
        let (world, database) = (World::new(), Database::new());
        let processes = [world.process(), world.one_of_many()];
        let users = processes.each_ref().map(through);
        set(&users[0], &database, "old").await;
        let writer = |key: String, value: Arc<String>| {
            if has_written {
                database.put(&key, &value);
            }
            async { Err(Down) }
        };
        let failed = users[0].set("7", "new".to_owned(), writer).await;
        assert!(
            matches!(failed, Err(WriteError::Writer(Down))),
            "{failed:?}"
        );
        for users in &users {
            assert_eq!(read(users, &database).await, database.row("7"));
        }
        let writer = |rows: HashMap<String, Arc<String>>| {
            if has_written {
                database.put("7", &rows["7"]);
            }
            async { Err(Down) }
        };
        let entries = [("7", "newer".to_owned()), ("8", "other".to_owned())];
        let failed = users[0].set_many(entries, writer).await;
        assert!(
            matches!(failed, Err(WriteError::Writer(Down))),
            "{failed:?}"
        );
        for users in &users {
            assert_eq!(read(users, &database).await, database.row("7"));
        }
    }
}

/// A fill that is refused: another change came between. The key is deleted before the write
/// is acknowledged, for nobody knows whose value the database has.
#[tokio::test(start_paused = true)]
async fn a_refused_fill_leaves_nothing() {
    let (world, database) = (World::new(), Database::new());
    let [a, b] = [world.process(), world.one_of_many()];
    let users = through(&a);
    let mut gate = a.chaos.gate(Method::Fill);
    let (writing, of) = (users.clone(), database.clone());
    let writing = tokio::spawn(async move { set(&writing, &of, "first").await });
    gate.arrived().await;
    check(&set(&through(&b), &database, "second").await, "Cached");
    gate.release();
    check(&writing.await.unwrap(), "Invalidated");
    for process in [&a, &b] {
        assert_eq!(process.get("7").await, None);
    }
    assert_eq!(read(&users, &database).await.as_deref(), Some("second"));
}

/// A cache write that fails after a writer that did not is reported; and whatever the backend
/// does then, nothing older is read here.
#[tokio::test(start_paused = true)]
async fn a_cache_that_fails_is_reported() {
    let lost = || Fault::LostReply(Error::new(ErrorKind::Connection, "it broke"));
    for (failing, fault, expected) in [
        (&[Method::Fill][..], lost(), "Invalidated"),
        (&[Method::Lease], Fault::refused(), "Invalidated"),
        (&[Method::Fill, Method::Delete], lost(), "Unconfirmed"),
        (&Method::ALL[1..], Fault::refused(), "Unconfirmed"),
    ] {
        let (world, database) = (World::new(), Database::new());
        let process = world.process();
        let users = through(&process);
        set(&users, &database, "old").await;
        for method in failing {
            process.chaos.on(*method).always(fault.clone());
        }
        check(&set(&users, &database, "new").await, expected);
        assert_eq!(read(&users, &database).await.as_deref(), Some("new"));
        let entries = [("7", "newer".to_owned()), ("8", "other".to_owned())];
        let writer = |rows| save_all(database.clone(), rows);
        let written = users.set_many(entries, writer).await.unwrap();
        assert_eq!(written.len(), 2);
        for written in written.values() {
            check(written, expected);
        }
        assert_eq!(read(&users, &database).await.as_deref(), Some("newer"));
        process.chaos.heal();
        assert_eq!(read(&users, &database).await.as_deref(), Some("newer"));
    }
}

#[tokio::test(start_paused = true)]
async fn batches_take_one_call_for_each_step() {
    let (world, database) = (World::new(), Database::new());
    let processes = [world.process(), world.one_of_many()];
    let users = through(&processes[0]);
    let entries = (0..50).map(|key| (key.to_string(), format!("value {key}")));
    let again = [("7".to_owned(), "the last".to_owned())];
    let writer = |rows| save_all(database.clone(), rows);
    let written = users.set_many(entries.chain(again), writer).await.unwrap();
    assert_eq!(written.len(), 50);
    for (key, written) in &written {
        check(written, "Cached");
        let value = database.row(key);
        assert!(value.is_some());
        for process in &processes {
            assert_eq!(process.get(key).await, value, "{key}");
        }
    }
    assert_eq!(database.row("7").as_deref(), Some("the last"));
    let chaos = &processes[0].chaos;
    let calls = [Method::Lease, Method::Fill, Method::Delete].map(|of| chaos.calls(of));
    assert_eq!(calls, [1, 1, 0]);
    let none: [(String, String); 0] = [];
    let writer = |_| async { Err(Down) };
    assert!(users.set_many(none, writer).await.unwrap().is_empty());
}

/// Of a batch, only what was changed meanwhile is gone.
#[tokio::test(start_paused = true)]
async fn a_batch_is_refused_key_by_key() {
    let (world, database) = (World::new(), Database::new());
    let [a, b] = [world.process(), world.one_of_many()];
    let users = through(&a);
    let other = b.users();
    let entries = ["1", "2", "3"].map(|key| (key, "written".to_owned()));
    let writer = |rows| {
        let database = database.clone();
        async move {
            save_all(database, rows).await?;
            other.set("2", "by another".to_owned()).await.unwrap();
            Ok::<_, Down>(())
        }
    };
    let written = users.set_many(entries, writer).await.unwrap();
    for (key, expected) in [("1", "Cached"), ("2", "Invalidated"), ("3", "Cached")] {
        check(&written[key], expected);
        let found = (expected == "Cached").then_some("written");
        for process in [&a, &b] {
            assert_eq!(process.get(key).await.as_deref(), found, "{key}");
        }
    }
}

/// One bad key, and nothing is written.
#[tokio::test(start_paused = true)]
async fn a_bad_key_stops_the_batch() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let users = through(&process);
    set(&users, &database, "old").await;
    let entries = [("7", "new".to_owned()), ("", "bad".to_owned())];
    let writer = |rows| save_all(database.clone(), rows);
    match users.set_many(entries, writer).await {
        Err(WriteError::Cache(error)) => assert_eq!(error.kind(), ErrorKind::InvalidKey),
        other => panic!("{other:?}"),
    }
    assert_eq!(database.row("7").as_deref(), Some("old"));
    assert_eq!(process.get("7").await.as_deref(), Some("old"));
    let deleter = |_| async { Err(Down) };
    match users.delete_many(["7", ""], deleter).await {
        Err(WriteError::Cache(error)) => assert_eq!(error.kind(), ErrorKind::InvalidKey),
        other => panic!("{other:?}"),
    }
    assert_eq!(process.get("7").await.as_deref(), Some("old"));
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_gone_from_both() {
    let (world, database) = (World::new(), Database::new());
    let processes = [world.process(), world.one_of_many()];
    let users = processes.each_ref().map(through);
    let deleter = |key: String| {
        database.remove(&key);
        async { Ok::<_, Down>(()) }
    };
    set(&users[0], &database, "old").await;
    check(&users[1].delete("7", deleter).await.unwrap(), "Invalidated");
    assert_eq!(read(&users[1], &database).await, None);
    // A deleter that fails: nobody knows what it did.
    set(&users[0], &database, "old").await;
    let failed = users[0]
        .delete_many(["7", "8"], |_| async { Err(Down) })
        .await;
    assert!(
        matches!(failed, Err(WriteError::Writer(Down))),
        "{failed:?}"
    );
    assert_eq!(processes[0].get("7").await, None);
    assert_eq!(read(&users[0], &database).await.as_deref(), Some("old"));
    // Without a backend the database is deleted all the same.
    processes[0].chaos.go_down();
    check(&users[0].delete("7", deleter).await.unwrap(), "Unconfirmed");
    assert_eq!(database.row("7"), None);
    assert_eq!(read(&users[0], &database).await, None);
    processes[0].chaos.heal();
    assert_eq!(read(&users[0], &database).await, None);
}

/// A load that read the database before the deletion puts nothing back.
#[tokio::test(start_paused = true)]
async fn a_load_under_way_puts_nothing_back() {
    let (world, database) = (World::new(), Database::new());
    let processes = [world.process(), world.one_of_many()];
    for process in &processes {
        let users = processes.each_ref().map(through);
        database.put("7", "old");
        let (reader, of) = (through(process), database.clone());
        let loading = tokio::spawn(async move {
            let loader = || async move {
                let found = of.row("7");
                of.find("7".to_owned()).await?;
                Ok::<_, Down>(found)
            };
            reader.get("7", loader).await.unwrap()
        });
        tokio::time::sleep(crate::world::MS).await;
        let deleter = |key: String| {
            database.remove(&key);
            async { Ok::<_, Down>(()) }
        };
        users[0].delete("7", deleter).await.unwrap();
        assert_eq!(loading.await.unwrap().unwrap().as_str(), "old");
        for process in &processes {
            assert_eq!(process.get("7").await, None);
        }
    }
}
