//! Refresh-ahead where the database or the backend fails.

use std::time::Duration;

use larder_cache::LoadError;
use larder_patterns::{RefreshAhead, RefreshAheadOptions};
use larder_testkit::{Fault, Method};
use tokio::time::Instant;

use crate::world::{Database, Down, MS, Process, QUERY, TTL, World};

type Users = RefreshAhead<String, Down>;

fn ahead(process: &Process, database: &Database) -> Users {
    let database = database.clone();
    let loader = move |key| {
        let database = database.clone();
        async move { database.find(key).await }
    };
    RefreshAhead::new(process.users(), RefreshAheadOptions::new(), loader).unwrap()
}

/// Reads a key every five milliseconds, for some time; all it finds must be this.
async fn read_for(users: &Users, time: Duration, expected: &str) {
    let began = Instant::now();
    while began.elapsed() < time {
        let asked = Instant::now();
        let found = users.get("7").await.unwrap().unwrap();
        assert_eq!(found.as_str(), expected);
        assert_eq!(asked.elapsed(), Duration::ZERO, "nobody waits");
        tokio::time::sleep(5 * MS).await;
    }
}

/// The stale copy is served, and the database is asked less and less often.
#[tokio::test(start_paused = true)]
async fn failures_keep_the_stale_copy_and_back_off() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process_with(|users| users.grace(60 * TTL));
    let users = ahead(&process, &database);
    database.put("7", "old");
    users.get("7").await.unwrap();
    database.set_down(true);
    read_for(&users, Duration::from_secs(30), "old").await;
    let asked: Vec<Instant> = database.queries().iter().map(|(at, _)| *at).collect();
    let gaps: Vec<_> = asked[1..].windows(2).map(|two| two[1] - two[0]).collect();
    assert!((7..=11).contains(&gaps.len()), "{gaps:?}");
    for (attempt, gap) in gaps.iter().enumerate() {
        let most = 100 * MS * 2_u32.pow(u32::try_from(attempt).unwrap());
        let gap = gap.saturating_sub(QUERY);
        assert!(
            gap >= most / 2 && gap <= most + 10 * MS,
            "{gap:?} of {most:?}"
        );
    }
    assert_eq!(users.stats().failed, gaps.len() as u64 + 1);
    database.set_down(false);
    database.put("7", "new");
    eventually_reads(&users, "new").await;
    let failed = users.stats().failed;
    tokio::time::sleep(1900 * MS).await;
    database.set_down(true);
    read_for(&users, 50 * MS, "new").await;
    assert_eq!(
        users.stats().failed,
        failed + 1,
        "it starts again with the first backoff"
    );
    database.set_down(false);
    database.put("7", "newest");
    let healed = Instant::now();
    eventually_reads(&users, "newest").await;
    assert!(healed.elapsed() <= 110 * MS, "{:?}", healed.elapsed());
}

async fn eventually_reads(users: &Users, expected: &str) {
    for _ in 0..12_000 {
        if users.get("7").await.unwrap().unwrap().as_str() == expected {
            return;
        }
        tokio::time::sleep(5 * MS).await;
    }
    panic!("it was never {expected}");
}

/// While a key is left alone, reads find it in L1, and ask the backend for nothing.
#[tokio::test(start_paused = true)]
async fn reads_stay_in_l1_while_a_refresh_is_put_off() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process_with(|users| users.ttl(100 * TTL));
    let users = ahead(&process, &database);
    database.put("7", "old");
    users.get("7").await.unwrap();
    database.set_down(true);
    tokio::time::sleep(182 * Duration::from_secs(1)).await;
    let before = process.chaos.calls(Method::Get);
    read_for(&users, Duration::from_secs(10), "old").await;
    let attempts = users.stats().failed + users.stats().left;
    assert!(attempts <= 10, "{:?}", users.stats());
    let reads = process.chaos.calls(Method::Get) - before;
    assert!(reads <= attempts, "{reads} reads for {attempts} attempts");
}

/// The other processes leave a key alone for as long.
#[tokio::test(start_paused = true)]
async fn the_fleet_backs_off_together() {
    let (world, database) = (World::new(), Database::new());
    let processes = [0; 4]
        .map(|_| world.process_with(|users| users.grace(60 * TTL).l1(larder_cache_core::L1::Off)));
    let fleet: Vec<Users> = processes.iter().map(|one| ahead(one, &database)).collect();
    database.put("7", "old");
    fleet[0].get("7").await.unwrap();
    database.set_down(true);
    let before = Instant::now();
    while before.elapsed() < Duration::from_secs(10) {
        for users in &fleet {
            assert_eq!(users.get("7").await.unwrap().unwrap().as_str(), "old");
        }
        tokio::time::sleep(5 * MS).await;
    }
    assert_eq!(database.loads_at_once(), 0);
    // Each process doubles its own delays: four times as many attempts as one would make.
    assert!(database.loads() <= 4 * 9, "{} loads", database.loads());
}

/// A reader of what is missing is told why it can't be had.
#[tokio::test(start_paused = true)]
async fn what_is_missing_fails_with_the_loader() {
    let (world, database) = (World::new(), Database::new());
    let process = world.process();
    let users = ahead(&process, &database);
    database.set_down(true);
    match users.get("7").await {
        Err(LoadError::Loader(error)) => assert_eq!(*error, Down),
        other => panic!("{other:?}"),
    }
    match users.get("").await {
        Err(LoadError::Cache(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// With the backend gone, reads are answered from L1 and by the loader; and what could not be
/// stored is not loaded again and again.
#[tokio::test(start_paused = true)]
async fn an_outage_fails_no_read() {
    for (failing, keys) in [
        (&Method::ALL[..], &["7", "8"][..]),
        (&[Method::Lease], &["7", "8"]),
        // A load whose fill fails leaves a lease behind, which others wait for.
        (&[Method::Fill], &["7"]),
    ] {
        let (world, database) = (World::new(), Database::new());
        let process = world.process_with(|users| users.grace(60 * TTL));
        let users = ahead(&process, &database);
        for key in ["7", "8"] {
            database.put(key, "old");
        }
        users.get("7").await.unwrap();
        for method in failing.iter().filter(|method| **method != Method::Now) {
            process.chaos.on(*method).always(Fault::refused());
        }
        let began = Instant::now();
        while began.elapsed() < 2 * TTL {
            for key in keys {
                let found = users.get(key).await.unwrap().unwrap();
                assert_eq!(found.as_str(), "old", "{failing:?}");
            }
            tokio::time::sleep(10 * MS).await;
        }
        assert_eq!(users.stats().refreshed, 0, "{failing:?}");
        let refreshes = users.stats().failed;
        assert!((1..=10).contains(&refreshes), "{failing:?}: {refreshes}");
        process.chaos.heal();
        database.put("7", "new");
        eventually_reads(&users, "new").await;
    }
}
