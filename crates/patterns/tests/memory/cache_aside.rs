//! Cache-aside: single and batch, with tags, and without a backend.

use std::time::Duration;

use larder_cache::Loaded;
use larder_cache_core::Tags;
use larder_patterns::{CacheAside, CacheAsideOptions};
use larder_testkit::Method;

use crate::world::{Database, Down, MS, Process, World};

fn aside(process: &Process) -> CacheAside<String> {
    CacheAside::new(process.users(), CacheAsideOptions::new())
}

async fn read(
    users: &CacheAside<String>,
    database: &Database,
    key: &'static str,
) -> Option<String> {
    let database = database.clone();
    let loader = move || async move { database.find(key.to_owned()).await };
    let found = users.get(key, loader).await.unwrap();
    found.map(|found| found.to_string())
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_loaded_once() {
    let (world, database) = (World::new(), Database::new());
    let users = aside(&world.process());
    database.put("7", "Ada");
    for _ in 0..3 {
        assert_eq!(read(&users, &database, "7").await.as_deref(), Some("Ada"));
        assert_eq!(read(&users, &database, "8").await, None);
    }
    assert_eq!(database.loads(), 2);
}

/// After the database was written and the key deleted, nobody finds what was before, also not
/// by a load that was under way.
#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_loaded_anew() {
    let (world, database) = (World::new(), Database::new());
    let processes = [world.process(), world.one_of_many()];
    let users = processes.each_ref().map(aside);
    database.put("7", "old");
    let (reader, of) = (users[0].clone(), database.clone());
    let loading = tokio::spawn(async move { read(&reader, &of, "7").await });
    tokio::time::sleep(MS).await;
    assert_eq!(database.loads(), 1, "the load is under way");
    database.put("7", "new");
    users[1].delete("7").await.unwrap();
    loading.await.unwrap();
    for users in &users {
        assert_eq!(read(users, &database, "7").await.as_deref(), Some("new"));
    }
    assert!(users[0].delete("7").await.unwrap());
    assert!(!users[0].delete("7").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn values_carry_tags_and_a_time_to_live() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let hour = Duration::from_secs(3600);
    let options = CacheAsideOptions::new().ttl(hour).tags(["all"]);
    let users = CacheAside::new(process.users(), options);
    for tag in ["all", "own"] {
        database.put("7", "Ada");
        read(&users, &database, "7").await;
        let own = || async { Ok::<_, Down>(Loaded::value("Bob".to_owned()).tags(["own"])) };
        users.get("8", own).await.unwrap();
        users
            .set_tagged("9", "Eve".to_owned(), ["own"])
            .await
            .unwrap();
        users.set_many([("10", "Joe".to_owned())]).await.unwrap();
        for key in ["7", "8", "9", "10"] {
            let left = process.users().ttl(key).await.unwrap().unwrap();
            assert!(left.duration().unwrap() > hour / 2, "{key}");
        }
        users
            .cache()
            .invalidate_tags(Tags::any([tag]))
            .await
            .unwrap();
        let mut found = Vec::new();
        for key in ["7", "8", "9", "10"] {
            found.extend(process.get(key).await);
        }
        let expected: &[&str] = if tag == "all" { &[] } else { &["Ada", "Joe"] };
        assert_eq!(found, expected, "{tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_take_one_query_and_one_round_trip() {
    let (world, database) = (World::new(), Database::new());
    let process = world.one_of_many();
    let users = aside(&process);
    for key in ["1", "2", "3"] {
        database.put(key, key);
    }
    users.set("1", "set".to_owned()).await.unwrap();
    let of = database.clone();
    let keys = ["1", "2", "3", "4"].map(str::to_owned);
    let loader = move |missing| async move { of.find_many(missing).await };
    let before = process.chaos.calls(Method::Get);
    let found = users.get_many(keys.clone(), loader.clone()).await.unwrap();
    assert_eq!(process.chaos.calls(Method::Get) - before, 1);
    let mut found: Vec<_> = found.values().map(|value| value.to_string()).collect();
    found.sort();
    assert_eq!(found, ["2", "3", "set"]);
    assert_eq!(database.queries().len(), 1);
    assert_eq!(
        users.delete_many(keys).await.unwrap(),
        4,
        "and one was absent"
    );
    assert_eq!(process.get("1").await, None);
}

#[tokio::test(start_paused = true)]
async fn an_outage_fails_no_read() {
    let (world, database) = (World::new(), Database::new());
    let process = world.one_of_many();
    let users = aside(&process);
    database.put("7", "Ada");
    process.chaos.go_down();
    assert_eq!(read(&users, &database, "7").await.as_deref(), Some("Ada"));
    let of = database.clone();
    let loader = move |missing| async move { of.find_many(missing).await };
    let found = users.get_many(["7".to_owned()], loader).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        users.set("7", "x".to_owned()).await.is_err(),
        "writes say so"
    );
    assert!(users.delete("7").await.is_err());
}
