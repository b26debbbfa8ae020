//! Two processes that write, delete and read one key, in many seeded orders: after each round
//! nobody finds what the database does not have.

use std::sync::Arc;
use std::time::Duration;

use larder_patterns::{WriteThrough, WriteThroughOptions};
use tokio::task::JoinSet;

use crate::world::{Database, Down, MS, Process, World};

const ROUNDS: u64 = 400;

type Users = WriteThrough<String>;

fn through(process: &Process) -> Users {
    WriteThrough::new(process.users(), WriteThroughOptions::new())
}

/// Takes its time before and after the database has taken the value.
async fn write(users: Users, database: Database, value: String, waits: [Duration; 2]) {
    let writer = |key: String, value: Arc<String>| async move {
        tokio::time::sleep(waits[0]).await;
        database.put(&key, &value);
        tokio::time::sleep(waits[1]).await;
        Ok::<_, Down>(())
    };
    drop(users.set("7", value, writer).await.unwrap());
}

async fn write_many(users: Users, database: Database, value: String, waits: [Duration; 2]) {
    let entries = [("7", value.clone()), ("8", value)];
    let writer = |rows: std::collections::HashMap<String, Arc<String>>| async move {
        tokio::time::sleep(waits[0]).await;
        for (key, value) in rows {
            database.put(&key, &value);
        }
        tokio::time::sleep(waits[1]).await;
        Ok::<_, Down>(())
    };
    drop(users.set_many(entries, writer).await.unwrap());
}

async fn delete(users: Users, database: Database, waits: [Duration; 2]) {
    let deleter = |key: String| async move {
        tokio::time::sleep(waits[0]).await;
        database.remove(&key);
        tokio::time::sleep(waits[1]).await;
        Ok::<_, Down>(())
    };
    drop(users.delete("7", deleter).await.unwrap());
}

/// Reads the database at one moment and answers at another.
async fn read(users: Users, database: Database, waits: [Duration; 2]) {
    let loader = move || async move {
        tokio::time::sleep(waits[0]).await;
        let found = database.row("7");
        tokio::time::sleep(waits[1]).await;
        Ok::<_, Down>(found)
    };
    drop(users.get("7", loader).await.unwrap());
}

async fn race(seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let (world, database) = (World::new(), Database::new());
    // Without an L1: nobody tells one of them of changes by the other.
    let processes = [world.one_of_many(), world.one_of_many()];
    let mut racing = JoinSet::new();
    for step in 0..dice.usize(3..9) {
        let users = through(&processes[dice.usize(..2)]);
        let database = database.clone();
        let mut wait = || MS * dice.u32(0..6);
        let (begins, waits) = (wait(), [wait(), wait()]);
        let kind = dice.u8(..6);
        racing.spawn(async move {
            tokio::time::sleep(begins).await;
            match kind {
                0 | 1 => write(users, database, format!("value {step}"), waits).await,
                2 => write_many(users, database, format!("value {step}"), waits).await,
                3 => delete(users, database, waits).await,
                _ => read(users, database, waits).await,
            }
        });
    }
    while let Some(ended) = racing.join_next().await {
        ended.unwrap();
    }
    for process in &processes {
        let cached = process.get("7").await;
        assert!(
            cached.is_none() || cached == database.row("7"),
            "seed {seed}: {cached:?} is cached, the database has {:?}",
            database.row("7")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_older_than_the_database_is_left() {
    for seed in 0..ROUNDS {
        race(seed).await;
    }
}
