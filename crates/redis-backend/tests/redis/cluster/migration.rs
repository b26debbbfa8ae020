//! Slots that move under load.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Claim, Condition, Entry, Fill, FillOutcome, Header, Key, KeyPrefix, Kind,
    LeaseRequest, Leased, Lifetime, Operation, Random, SystemRandom, Timestamp, Write,
};
use larder_redis_backend::RedisBackend;
use larder_testkit::{MigrationPace, RedisCluster};
use tokio::task::{JoinSet, spawn_blocking};

use super::{backend, physical, scanned};
use crate::redis::SOON;

/// Keys of one slot: internal ones may name it in braces.
fn keys_of_one_slot(cluster: &RedisCluster, count: usize) -> (u16, Vec<Key>) {
    let prefix = KeyPrefix::new("t").unwrap();
    let mut by_slot: std::collections::HashMap<u16, Vec<Key>> = std::collections::HashMap::new();
    for number in 0.. {
        let key = prefix.value("n", &format!("m{number}")).unwrap();
        let slot = cluster.slot_of(key.as_bytes());
        let keys = by_slot.entry(slot % 64).or_default();
        if slot >= 64 {
            continue;
        }
        keys.push(key);
        if keys.len() == count {
            let slot = cluster.slot_of(keys[0].as_bytes());
            return (slot, std::mem::take(keys));
        }
    }
    unreachable!()
}

fn put(key: &Key, value: u64) -> Write {
    Write {
        key: key.clone(),
        value: Bytes::from(value.to_string()),
        ttl: None,
        condition: Condition::Always,
    }
}

/// Writes ever greater numbers under a few keys and reads them back: any other value is
/// wrong, and so is any error.
async fn load(backend: Arc<RedisBackend>, keys: Vec<Key>, stop: Arc<AtomicBool>) -> u64 {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let writes: Vec<_> = keys.iter().map(|key| put(key, round)).collect();
        let stored = backend.set(&writes, SOON).await.unwrap();
        assert!(stored.iter().all(|stored| *stored));
        let expected: Vec<_> = keys
            .iter()
            .map(|_| Some(Bytes::from(round.to_string())))
            .collect();
        assert_eq!(backend.get(&keys, SOON).await.unwrap(), expected);
        let single = backend.get(&keys[..1], SOON).await.unwrap();
        assert_eq!(single, expected[..1]);
        let heads = backend.head(&keys, 64, SOON).await.unwrap();
        let heads: Vec<_> = heads
            .into_iter()
            .map(|head| head.map(|h| h.bytes))
            .collect();
        assert_eq!(heads, expected);
        let steps: Vec<_> = keys.iter().map(|key| Operation::Get(key.clone())).collect();
        for reply in backend.pipeline(&steps, SOON).await.unwrap() {
            reply.unwrap();
        }
        let lifetime = Lifetime::default();
        check_fills(&backend, &keys, round).await;
        // No entry of ours, or one: the script runs.
        let moved = backend.expire(&keys, lifetime, SOON).await.unwrap();
        assert_eq!(moved.len(), keys.len());
    }
    round
}

/// A fill is refused where the key has moved since the lease; one that was accepted is there.
async fn check_fills(backend: &RedisBackend, keys: &[Key], round: u64) {
    let requests = keys.iter().map(|key| LeaseRequest {
        key: key.clone(),
        token: SystemRandom.next_u64().max(1),
        lasts: Duration::from_secs(5),
        claim: Claim::Force,
    });
    let requests: Vec<LeaseRequest> = requests.collect();
    let leased = backend.lease(&requests, SOON).await.unwrap();
    let value = Entry {
        header: Header::new(Kind::Value, Timestamp::from_millis(round)),
        body: Bytes::new(),
    };
    let fills = keys.iter().zip(leased).map(|(key, leased)| match leased {
        Leased::Granted(grant) => Fill {
            key: key.clone(),
            grant,
            outcome: FillOutcome::Store(value.encode(), None),
        },
        other => panic!("{other:?}"),
    });
    let fills: Vec<Fill> = fills.collect();
    let filled = backend.fill(&fills, SOON).await.unwrap();
    let found = backend.get(keys, SOON).await.unwrap();
    for (is_filled, found) in filled.into_iter().zip(found) {
        let found = Entry::decode(&found.unwrap()).unwrap();
        assert_eq!(found == value, is_filled, "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_slots_move() {
    let cluster = Arc::new(RedisCluster::start().unwrap());
    let backend = Arc::new(backend(&cluster).await);
    let (slot, keys) = keys_of_one_slot(&cluster, 40);
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for keys in keys.chunks(10) {
        let (backend, stop) = (Arc::clone(&backend), Arc::clone(&stop));
        tasks.spawn(load(backend, keys.to_vec(), stop));
    }
    let moved = AtomicU64::new(0);
    for _ in 0..3 {
        let from = cluster.master_of(slot).unwrap();
        let to = (from + 1) % 3;
        let cluster = Arc::clone(&cluster);
        let pace = MigrationPace::default()
            .batch_keys(4)
            .pause(Duration::from_millis(30));
        let migration = spawn_blocking(move || cluster.migrate_slot(slot, from, to, pace));
        moved.fetch_add(migration.await.unwrap().unwrap(), Ordering::Relaxed);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(rounds) = tasks.join_next().await {
        assert!(rounds.unwrap() > 3, "the load went on");
    }
    assert!(moved.into_inner() >= 3 * 40, "the keys moved with the slot");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_misses_no_key_of_a_slot_that_moves() {
    let cluster = Arc::new(RedisCluster::start().unwrap());
    let backend = Arc::new(backend(&cluster).await);
    let (slot, keys) = keys_of_one_slot(&cluster, 60);
    let writes: Vec<_> = keys.iter().map(|key| put(key, 1)).collect();
    backend.set(&writes, SOON).await.unwrap();
    let expected: BTreeSet<String> = physical(&keys);
    let stop = Arc::new(AtomicBool::new(false));
    let scanning = {
        let (backend, stop) = (Arc::clone(&backend), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut scans = 0;
            while !stop.load(Ordering::Relaxed) {
                for limit in [1, 10, 1000] {
                    let found = scanned(&backend, "t:n:m*", limit).await;
                    let missing = expected.difference(&found).count();
                    assert_eq!(missing, 0, "with limit {limit} in scan {scans}");
                    scans += 1;
                }
            }
            scans
        })
    };
    for _ in 0..4 {
        let from = cluster.master_of(slot).unwrap();
        let cluster = Arc::clone(&cluster);
        let pace = MigrationPace::default()
            .batch_keys(3)
            .pause(Duration::from_millis(20));
        let migration =
            spawn_blocking(move || cluster.migrate_slot(slot, from, (from + 2) % 3, pace));
        migration.await.unwrap().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(scanning.await.unwrap() >= 3);
}
