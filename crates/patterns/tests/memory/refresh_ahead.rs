//! Refresh-ahead: what is refreshed, when, in which order, and how it ends.

use std::time::Duration;

use larder_cache_core::{EarlyRefresh, ErrorKind};
use larder_patterns::{RefreshAhead, RefreshAheadOptions};
use larder_testkit::Method;
use tokio::time::Instant;

use crate::world::{Database, Down, MS, Process, QUERY, TTL, World, eventually};

type Users = RefreshAhead<String, Down>;

/// When each value is due, at the latest.
const LATEST: Duration = Duration::from_millis(1810);

fn single(process: &Process, database: &Database, options: RefreshAheadOptions) -> Users {
    let database = database.clone();
    let loader = move |key| {
        let database = database.clone();
        async move { database.find(key).await }
    };
    RefreshAhead::new(process.users(), options, loader).unwrap()
}

fn batched(process: &Process, database: &Database, options: RefreshAheadOptions) -> Users {
    let database = database.clone();
    let loader = move |keys| {
        let database = database.clone();
        async move { database.find_many(keys).await }
    };
    RefreshAhead::batched(process.users(), options, loader).unwrap()
}

async fn read(users: &Users, key: &str) -> Option<String> {
    let found = users.get(key).await.unwrap();
    found.map(|found| found.to_string())
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_refreshed_and_nobody_waits() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let users = single(&process, &database, RefreshAheadOptions::new());
    database.put("7", "old");
    assert_eq!(read(&users, "7").await.as_deref(), Some("old"));
    assert_eq!(read(&users, "8").await, None);
    database.put("7", "new");
    let loaded = Instant::now();
    tokio::time::sleep(1590 * MS).await;
    assert_eq!(read(&users, "7").await.as_deref(), Some("old"));
    tokio::time::sleep(QUERY * 2).await;
    assert_eq!(database.loads(), 2, "it is not due before 80 %");
    tokio::time::sleep_until(loaded + LATEST).await;
    assert_eq!(read(&users, "7").await.as_deref(), Some("old"));
    assert_eq!(read(&users, "7").await.as_deref(), Some("old"));
    assert_eq!(loaded.elapsed(), LATEST, "nobody waited");
    eventually("the refresh", || users.stats().refreshed == 1).await;
    assert_eq!(read(&users, "7").await.as_deref(), Some("new"));
    assert_eq!(database.loads(), 3);
    // What nobody reads is left alone.
    tokio::time::sleep(2 * TTL).await;
    assert_eq!(database.loads(), 3);
}

/// A stale value is served at once, and refreshed as well.
#[tokio::test(start_paused = true)]
async fn what_is_stale_is_served() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process_with(|users| users.grace(TTL).soft_timeout(TTL));
    let users = single(&process, &database, RefreshAheadOptions::new());
    database.put("7", "old");
    read(&users, "7").await;
    database.put("7", "new");
    tokio::time::sleep(TTL + MS).await;
    let asked = Instant::now();
    assert_eq!(read(&users, "7").await.as_deref(), Some("old"));
    assert_eq!(asked.elapsed(), Duration::ZERO);
    eventually("the refresh", || users.stats().refreshed == 1).await;
    assert_eq!(read(&users, "7").await.as_deref(), Some("new"));
}

/// In the whole fleet one process refreshes a key, and the others leave it alone.
#[tokio::test(start_paused = true)]
async fn one_process_refreshes_a_key() {
    let (world, database) = (World::new(), Database::new());
    let processes = [0; 4].map(|_| world.one_of_many());
    let fleet: Vec<Users> = processes
        .iter()
        .map(|process| single(process, &database, RefreshAheadOptions::new()))
        .collect();
    database.put("7", "old");
    read(&fleet[0], "7").await;
    database.slow_down("7", 100 * MS);
    tokio::time::sleep(LATEST).await;
    for _ in 0..5 {
        for users in &fleet {
            assert_eq!(read(users, "7").await.as_deref(), Some("old"));
        }
        tokio::time::sleep(5 * MS).await;
    }
    eventually("the refresh", || {
        fleet
            .iter()
            .map(|users| users.stats().refreshed)
            .sum::<u64>()
            == 1
    })
    .await;
    assert_eq!((database.loads(), database.loads_at_once()), (2, 0));
}

/// With a budget of one, what is read the most and costs the most comes first.
#[tokio::test(start_paused = true)]
async fn the_most_valuable_come_first() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let options = RefreshAheadOptions::new().max_concurrent(1);
    let users = single(&process, &database, options);
    // Hits and cost: a is worth 4 x 10, b 2 x 50, c 20 x 10, d 1 x 30; the first of all
    // occupies the loader.
    let worth = [
        ("first", 1, 1),
        ("a", 4, 10),
        ("b", 2, 50),
        ("c", 20, 10),
        ("d", 1, 30),
    ];
    for (key, hits, cost) in worth {
        database.put(key, "old");
        database.slow_down(key, cost * MS);
        users.cache().delete(key).await.unwrap();
        for _ in 0..hits - 1 {
            read(&users, key).await;
        }
    }
    for (key, hits, _) in worth {
        if hits == 1 {
            // The one read of these loads them, and the next one finds them due.
            let database = database.clone();
            let load = move || async move { database.find(key.to_owned()).await };
            users.cache().load(key).with(load).await.unwrap();
        }
    }
    tokio::time::sleep(LATEST).await;
    let before = database.loads();
    for (key, _, _) in worth {
        assert_eq!(read(&users, key).await.as_deref(), Some("old"), "{key}");
        // The first one begins before the others come.
        tokio::task::yield_now().await;
    }
    assert_eq!((users.stats().queued, users.stats().running), (4, 1));
    eventually("all refreshes", || users.stats().refreshed == 5).await;
    let order: Vec<_> = database
        .queries()
        .into_iter()
        .map(|(_, keys)| keys.concat())
        .collect();
    assert_eq!(order[before..], ["first", "c", "b", "a", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_what_is_worth_the_least() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let options = RefreshAheadOptions::new().max_concurrent(1).max_queued(2);
    let users = single(&process, &database, options);
    for (key, hits) in [("first", 1), ("a", 20), ("b", 2), ("c", 90)] {
        database.put(key, "old");
        for _ in 0..hits {
            read(&users, key).await;
        }
    }
    tokio::time::sleep(LATEST).await;
    let before = database.loads();
    for key in ["first", "a", "b", "c"] {
        read(&users, key).await;
        tokio::task::yield_now().await;
    }
    let stats = users.stats();
    assert_eq!((stats.queued, stats.running, stats.dropped), (2, 1, 1));
    eventually("all refreshes", || users.stats().refreshed == 3).await;
    let order: Vec<_> = database
        .queries()
        .into_iter()
        .map(|(_, keys)| keys.concat())
        .collect();
    assert_eq!(order[before..], ["first", "c", "a"]);
}

/// What is due within a linger is loaded at once, in batches of a hundred.
#[tokio::test(start_paused = true)]
async fn batches_are_coalesced() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let users = batched(&process, &database, RefreshAheadOptions::new());
    let keys: Vec<String> = (0..250).map(|key| key.to_string()).collect();
    let mut entries = Vec::new();
    for key in &keys {
        database.put(key, "new");
        entries.push((key, "old".to_owned()));
    }
    users.cache().set_many(entries).await.unwrap();
    tokio::time::sleep(LATEST).await;
    let asked = Instant::now();
    for key in &keys {
        assert_eq!(read(&users, key).await.as_deref(), Some("old"));
    }
    assert_eq!(asked.elapsed(), Duration::ZERO);
    eventually("all refreshes", || users.stats().refreshed == 250).await;
    let mut sizes: Vec<_> = database
        .queries()
        .iter()
        .map(|(_, keys)| keys.len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
    assert_eq!(asked.elapsed().as_millis() / 20, 0, "they ran at once");
    assert_eq!(read(&users, "7").await.as_deref(), Some("new"));
    // One key alone waits for a linger, and no longer.
    let slow = batched(
        &process,
        &database,
        RefreshAheadOptions::new().linger(500 * MS),
    );
    tokio::time::sleep(LATEST).await;
    let asked = Instant::now();
    read(&slow, "7").await;
    tokio::time::sleep(100 * MS).await;
    read(&slow, "8").await;
    eventually("both", || slow.stats().refreshed == 2).await;
    assert!(
        (500..510).contains(&asked.elapsed().as_millis()),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(database.queries().last().unwrap().1.len(), 2);
}

/// A key that the loader does not find any more has no value any more.
#[tokio::test(start_paused = true)]
async fn what_is_gone_is_forgotten() {
    for options in [
        RefreshAheadOptions::new(),
        RefreshAheadOptions::new().max_batch(1),
    ] {
        let (world, database) = (World::new(), Database::new());
        let process = world.process();
        let users = batched(&process, &database, options);
        database.put("7", "old");
        assert_eq!(read(&users, "7").await.as_deref(), Some("old"));
        database.remove("7");
        tokio::time::sleep(LATEST).await;
        assert_eq!(read(&users, "7").await.as_deref(), Some("old"));
        eventually("the refresh", || users.stats().refreshed == 1).await;
        assert_eq!(read(&users, "7").await, None);
        assert_eq!(database.loads(), 2, "which is remembered");
    }
}

/// What was deleted while it was being refreshed is not put back.
#[tokio::test(start_paused = true)]
async fn a_change_voids_a_refresh() {
    let (world, database) = (World::new(), Database::new());
    let [process, other] = [world.process(), world.one_of_many()];
    for users in [process.users(), other.users()] {
        let ahead = single(&process, &database, RefreshAheadOptions::new());
        database.put("7", "old");
        database.slow_down("7", 50 * MS);
        users.delete("7").await.unwrap();
        process.users().delete("7").await.unwrap();
        read(&ahead, "7").await;
        tokio::time::sleep(LATEST).await;
        read(&ahead, "7").await;
        eventually("its beginning", || ahead.stats().running == 1).await;
        tokio::time::sleep(10 * MS).await;
        database.put("7", "new");
        users.delete("7").await.unwrap();
        eventually("its end", || ahead.stats().running == 0).await;
        assert_eq!((ahead.stats().refreshed, ahead.stats().failed), (0, 1));
        assert_eq!(other.get("7").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_last_handle() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let users = single(&process, &database, RefreshAheadOptions::new());
    database.put("7", "old");
    read(&users, "7").await;
    database.slow_down("7", 1000 * MS);
    tokio::time::sleep(LATEST).await;
    let twin = users.clone();
    read(&users, "7").await;
    drop(users);
    eventually("its beginning", || database.loads() == 2).await;
    assert_eq!(twin.stats().running, 1, "one handle is left");
    drop(twin);
    tokio::time::sleep(2 * TTL).await;
    assert_eq!(
        process.chaos.calls(Method::Fill),
        1,
        "the refresh was ended"
    );
    assert_eq!(process.get("7").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains_or_reports() {
    for (deadline, left) in [(1000 * MS, 0), (30 * MS, 2)] {
        let (world, database) = (World::new(), Database::new());
        let process = world.process();
        let options = RefreshAheadOptions::new().max_concurrent(1);
        let users = single(&process, &database, options);
        for key in ["1", "2", "3"] {
            database.put(key, "old");
            database.slow_down(key, 20 * MS);
            read(&users, key).await;
        }
        tokio::time::sleep(LATEST - 40 * MS).await;
        tokio::time::sleep(40 * MS).await;
        for key in ["1", "2", "3"] {
            read(&users, key).await;
        }
        let report = users.shutdown(deadline).await;
        assert_eq!(report.left.len(), left, "{report:?}");
        assert_eq!(report.is_clean(), left == 0);
        assert!(report.elapsed < deadline + 10 * MS, "{report:?}");
        assert_eq!(users.stats().refreshed, 3 - left as u64);
        // Reads go on, and nothing else.
        let loads = database.loads();
        tokio::time::sleep(50 * MS).await;
        assert_eq!(read(&users, "3").await.as_deref(), Some("old"));
        assert_eq!(database.loads(), loads);
    }
}

#[tokio::test(start_paused = true)]
async fn its_policy_becomes_the_namespaces() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let users = single(&process, &database, RefreshAheadOptions::new());
    let threshold = EarlyRefresh::Threshold(0.8);
    assert_eq!(users.cache().settings().early_refresh, threshold);
    for policy in [EarlyRefresh::Off, EarlyRefresh::Threshold(1.5)] {
        let options = RefreshAheadOptions::new().refresh(policy);
        let loader = |_: String| async { Ok::<_, Down>(None::<String>) };
        let refused = RefreshAhead::new(process.users(), options, loader);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config, "{policy:?}");
    }
    assert_eq!(users.cache().settings().early_refresh, threshold);
}
