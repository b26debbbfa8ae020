//! Masters that die or hang.

use std::time::{Duration, Instant};

use larder_cache_core::{Backend, Bytes, Call, Condition, Key, Result, Write};
use larder_redis_backend::RedisBackend;
use larder_testkit::RedisCluster;

use super::{backend, key_on, keys, physical, scanned};
use crate::redis::{SOON, eventually, write};

const BUDGET: Duration = Duration::from_millis(250);
const SLACK: Duration = Duration::from_millis(100);

/// A write that must end in time, however it ends.
async fn put(backend: &RedisBackend, key: &Key) -> Result<()> {
    let write = Write {
        key: key.clone(),
        value: Bytes::from_static(b"again"),
        ttl: None,
        condition: Condition::Always,
    };
    let began = Instant::now();
    let put = backend.set(&[write], Call::within(BUDGET)).await;
    let took = began.elapsed();
    assert!(took < BUDGET + SLACK, "took {took:?}: {put:?}");
    put.map(drop)
}

/// How long a key is not writable, while another one on a healthy node is, and quickly.
async fn outage(backend: &RedisBackend, struck: &Key, healthy: &Key) -> Duration {
    let began = Instant::now();
    eventually("the failure to be seen", async || {
        put(backend, struck).await.err()
    })
    .await;
    loop {
        let since = Instant::now();
        let other = put(backend, healthy).await;
        assert!(other.is_ok(), "{:?}: {other:?}", began.elapsed());
        let took = since.elapsed();
        assert!(took < BUDGET, "a healthy node took {took:?}");
        if put(backend, struck).await.is_ok() {
            return began.elapsed();
        }
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(10), "not writable: {waited:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn partial_coverage() -> RedisCluster {
    let cluster = RedisCluster::builder();
    let cluster = cluster.arg("--cluster-require-full-coverage").arg("no");
    cluster.start().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_killed_is_replaced_and_others_work_on() {
    let cluster = partial_coverage();
    let backend = backend(&cluster).await;
    let ((_, struck), (_, healthy)) = (key_on(&cluster, 0), key_on(&cluster, 1));
    put(&backend, &struck).await.unwrap();
    cluster.kill(0);
    let outage = outage(&backend, &struck, &healthy).await;
    assert!(outage < Duration::from_secs(5), "{outage:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_hangs_is_replaced_and_others_work_on() {
    let cluster = partial_coverage();
    let backend = backend(&cluster).await;
    let ((_, struck), (_, healthy)) = (key_on(&cluster, 0), key_on(&cluster, 1));
    put(&backend, &struck).await.unwrap();
    cluster.pause(0).unwrap();
    let outage = outage(&backend, &struck, &healthy).await;
    assert!(outage < Duration::from_secs(5), "{outage:?}");
    // Back as a replica, it is never taken for the master again.
    cluster.resume(0).unwrap();
    for _ in 0..100 {
        put(&backend, &struck).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_outlives_a_failover() {
    let cluster = RedisCluster::start().unwrap();
    let backend = backend(&cluster).await;
    let names = super::names(600);
    let writes: Vec<_> = names.iter().map(|name| write(name, "1")).collect();
    backend.set(&writes, SOON).await.unwrap();
    let pattern = larder_cache_core::Glob::new("t:n:*");
    let mut cursor = larder_cache_core::Cursor::start();
    let mut found = std::collections::BTreeSet::new();
    for page in 0.. {
        if page == 3 {
            cluster.kill(0);
        }
        let next = eventually("a page", async || {
            let page = backend.scan(cursor.clone(), &pattern, 10, SOON).await;
            page.ok()
        })
        .await;
        found.extend(next.keys);
        match next.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(found, physical(&keys(600)));
    assert_eq!(scanned(&backend, "t:n:*", 100).await.len(), 600);
}
