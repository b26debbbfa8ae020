//! Journals in a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use larder_cache_core::{ErrorKind, Journal, Sequence};
use larder_testkit::{MigrationPace, RedisCluster};
use tokio::task::spawn_blocking;

use super::{backend, config};
use crate::redis::journal::{append, claim, opened, options, put, use_all};
use crate::redis::{ask, eventually};

fn durable() -> RedisCluster {
    let builder = RedisCluster::builder().replicas_per_master(0);
    builder.arg("--appendonly").arg("yes").start().unwrap()
}

fn raw(cluster: &RedisCluster, node: usize) -> ::redis::Connection {
    let url = format!("redis://127.0.0.1:{}", cluster.port(node));
    ::redis::Client::open(url)
        .unwrap()
        .get_connection()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_and_every_master_is_looked_at() {
    let cluster = durable();
    let journal = opened(config(&cluster), options().shards(16))
        .await
        .unwrap();
    use_all(&journal).await;
    use_all(
        &backend(&cluster)
            .await
            .journal(options().shards(16))
            .await
            .unwrap(),
    )
    .await;
    let shards = |node| {
        let keys: Vec<String> = ask(&mut raw(&cluster, node), "KEYS t~journal:{*}:meta");
        keys.len()
    };
    let shards = [shards(0), shards(1), shards(2)];
    assert!(shards.iter().all(|&shards| shards > 1), "{shards:?}");
    ask::<()>(&mut raw(&cluster, 2), "CONFIG SET appendonly no");
    let error = opened(config(&cluster), options().shards(16))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let node = format!("node: 127.0.0.1:{}", cluster.port(2));
    assert!(error.to_string().contains(&node), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_move_while_they_are_used() {
    let cluster = Arc::new(durable());
    let journal = Arc::new(opened(config(&cluster), options().shards(1)).await.unwrap());
    let slot = cluster.slot_of(b"t~journal:{orders:0}:log");
    let from = cluster.master_of(slot).unwrap();
    let (stop, appends) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let writer = tokio::spawn({
        let (journal, stop, appends) = (Arc::clone(&journal), stop.clone(), appends.clone());
        async move {
            let mut sequences = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let key = format!("k{}", sequences.len() % 7);
                sequences.extend(append(&journal, &[put(&key, "1")]).await);
                appends.store(sequences.len(), Ordering::Relaxed);
            }
            sequences
        }
    });
    for step in 0..6 {
        let (at, there) = ((from + step) % 3, (from + step + 1) % 3);
        let pace = match step {
            // Scripts wait while some keys of the slot are there and some here.
            0 => MigrationPace::default()
                .batch_keys(1)
                .pause(Duration::from_millis(10)),
            _ => MigrationPace::default(),
        };
        let moving = Arc::clone(&cluster);
        let moved = spawn_blocking(move || moving.migrate_slot(slot, at, there, pace));
        assert_eq!(
            moved.await.unwrap().unwrap(),
            4,
            "all keys of a shard are there always"
        );
        let before = appends.load(Ordering::Relaxed);
        eventually("more appends", async || {
            (appends.load(Ordering::Relaxed) > before + 10 || writer.is_finished()).then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    let appended = writer.await.unwrap();
    let own = claim(&journal, 0).await;
    let records = journal
        .read(&own, Sequence::ZERO, usize::MAX)
        .await
        .unwrap();
    let found: Vec<_> = records.iter().map(|record| record.sequence).collect();
    assert_eq!(found, appended);
}
