//! What is read all the time never expires, and is loaded about once per time to live.

use std::time::Duration;

use larder_cache_core::{EarlyRefresh, L1};
use larder_patterns::{RefreshAhead, RefreshAheadOptions};
use tokio::time::Instant;

use crate::world::{Database, Down, MS, Process, TTL, World};

type Users = RefreshAhead<String, Down>;

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|key| format!("user:{key}")).collect()
}

/// Refreshes keys in batches.
fn refreshing(process: &Process, database: &Database, options: RefreshAheadOptions) -> Users {
    let database = database.clone();
    let loader = move |keys| {
        let database = database.clone();
        async move { database.find_many(keys).await }
    };
    RefreshAhead::batched(process.users(), options, loader).unwrap()
}

/// Loads keys for the first time.
async fn warm(users: &Users, database: &Database, keys: &[String]) {
    let database = database.clone();
    let loader = move |missing| async move { database.find_many(missing).await };
    let loaded = users.cache().get_or_load_many(keys.to_vec(), loader).await;
    assert_eq!(loaded.unwrap().len(), keys.len());
}

/// How often a read had to wait, and how often all reads together were answered.
#[derive(Debug, Default)]
struct Traffic {
    reads: usize,
    waited: usize,
}

/// Reads each key every 100 ms, a tenth of them every 10 ms, through all processes in turn.
async fn read_for(processes: &[&Users], keys: &[String], time: Duration) -> Traffic {
    let (mut traffic, began) = (Traffic::default(), Instant::now());
    let mut tick = 0;
    while began.elapsed() < time {
        for (number, key) in keys.iter().enumerate().filter(|(n, _)| n % 10 == tick % 10) {
            let asked = Instant::now();
            let found = processes[(number / 10 + tick / 10) % processes.len()]
                .get(key)
                .await;
            assert!(found.unwrap().is_some(), "{key}");
            traffic.reads += 1;
            traffic.waited += usize::from(asked.elapsed() > Duration::ZERO);
        }
        tick += 1;
        tokio::time::sleep(10 * MS).await;
    }
    traffic
}

/// A database of users.
fn database_of(keys: &[String]) -> Database {
    let database = Database::new();
    for key in keys {
        database.put(key, "a user");
    }
    database
}

/// 10,000 keys of 2 seconds, loaded one after the other, with all settings at their defaults.
#[tokio::test(start_paused = true)]
async fn ten_thousand_hot_keys_never_expire() {
    let (world, keys) = (World::new(), keys(10_000));
    let database = database_of(&keys);
    let users = refreshing(&world.process(), &database, RefreshAheadOptions::new());
    for some in keys.chunks(500) {
        warm(&users, &database, some).await;
        tokio::time::sleep(TTL / 24).await;
    }
    let (times, before) = (3, database.loads());
    let traffic = read_for(&[&users], &keys, TTL * times).await;
    let loads = database.loads() - before;
    let per_key = loads as f64 / keys.len() as f64 / f64::from(times);
    println!("{traffic:?}, {per_key} loads per key and time to live");
    assert_eq!(traffic.waited, 0, "of {} reads", traffic.reads);
    assert!((1.0..=1.2).contains(&per_key), "{per_key} loads per key");
    assert_eq!((database.loads_at_once(), users.stats().dropped), (0, 0));
}

/// Those that were all loaded at once are refreshed one after the other.
#[tokio::test(start_paused = true)]
async fn ten_thousand_keys_of_one_moment_never_expire() {
    let (world, keys) = (World::new(), keys(10_000));
    let database = database_of(&keys);
    let users = refreshing(&world.process(), &database, RefreshAheadOptions::new());
    warm(&users, &database, &keys).await;
    let traffic = read_for(&[&users], &keys, TTL + TTL / 10).await;
    assert_eq!(traffic.waited, 0, "of {} reads", traffic.reads);
    assert_eq!(
        (users.stats().refreshed, users.stats().dropped),
        (10_000, 0)
    );
    let asked = database.queries();
    let (first, last) = (asked[1].0, asked[asked.len() - 1].0);
    assert!(last - first >= TTL / 10, "{:?}", last - first);
}

/// The same with four processes, of which each reads each key at times.
#[tokio::test(start_paused = true)]
async fn a_fleet_refreshes_each_key_once() {
    for l1 in [L1::Off, L1::Ttl(100 * MS)] {
        let (world, keys) = (World::new(), keys(100));
        let database = database_of(&keys);
        let mut fleet = Vec::new();
        for _ in 0..4 {
            let process = world.process_with(|users| users.l1(l1));
            let users = refreshing(&process, &database, RefreshAheadOptions::new());
            warm(&users, &database, &keys).await;
            fleet.push(users);
        }
        let (times, before) = (8, database.loads());
        assert_eq!(
            before, 100,
            "the others found what the first one had loaded"
        );
        let processes: Vec<&Users> = fleet.iter().collect();
        let traffic = read_for(&processes, &keys, TTL * times).await;
        let loads = database.loads() - before;
        let per_key = loads as f64 / keys.len() as f64 / f64::from(times);
        assert_eq!(traffic.waited, 0, "{l1:?}: of {} reads", traffic.reads);
        assert!((0.8..=1.2).contains(&per_key), "{l1:?}: {per_key}");
        assert_eq!(database.loads_at_once(), 0, "{l1:?}");
        let working = fleet.iter().filter(|users| users.stats().refreshed > 0);
        assert_eq!(working.count(), 4, "{l1:?}: all of them take part");
    }
}

/// XFetch leaves it to chance when a value is refreshed; where that is late, the stale one is
/// served.
#[tokio::test(start_paused = true)]
async fn xfetch_keeps_hot_keys_too() {
    let (world, keys) = (World::new(), keys(50));
    let database = database_of(&keys);
    for key in &keys {
        database.slow_down(key, 1000 * MS);
    }
    let process = world.process_with(|users| users.ttl(30 * TTL).grace(TTL));
    let policy = EarlyRefresh::XFetch { beta: 100.0 };
    let options = RefreshAheadOptions::new().refresh(policy);
    let users = refreshing(&process, &database, options);
    warm(&users, &database, &keys).await;
    let traffic = read_for(&[&users], &keys, 90 * TTL).await;
    assert_eq!(traffic.waited, 0, "of {} reads", traffic.reads);
    let stats = users.stats();
    assert!((150..=350).contains(&stats.refreshed), "{stats:?}");
}
