//! Clusters: keys on several nodes, nodes that die, slots that move.

mod failover;
mod journal;
mod migration;
mod start;
mod watching;

use std::collections::BTreeSet;
use std::time::Duration;

use larder_cache_core::{Backend, Cursor, Glob, Key, Operation, Reply};
use larder_redis_backend::{ReadFrom, RedisBackend, RedisConfig};
use larder_testkit::RedisCluster;

use super::{SOON, connect, eventually, key, write};

/// Settings under which nothing takes long.
fn config(cluster: &RedisCluster) -> RedisConfig {
    quick(RedisConfig::cluster(cluster.addresses()))
}

fn quick(config: RedisConfig) -> RedisConfig {
    config
        .connect_timeout(Duration::from_millis(300))
        .retry_delay(Duration::from_millis(100))
}

async fn backend(cluster: &RedisCluster) -> RedisBackend {
    connect(config(cluster)).await.unwrap()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("k{n}")).collect()
}

fn keys(count: usize) -> Vec<Key> {
    names(count).iter().map(|name| key(name)).collect()
}

/// A key whose slot a master holds at the start.
fn key_on(cluster: &RedisCluster, master: usize) -> (String, Key) {
    let is_there = |name: &String| {
        let slot = cluster.slot_of(key(name).as_bytes());
        cluster.master_of(slot).unwrap() == master
    };
    let name = names(100).into_iter().find(is_there).unwrap();
    let key = key(&name);
    (name, key)
}

async fn scanned(backend: &RedisBackend, pattern: &str, limit: usize) -> BTreeSet<String> {
    let (mut cursor, mut found) = (Cursor::start(), BTreeSet::new());
    let pattern = Glob::new(pattern);
    loop {
        let page = backend.scan(cursor, &pattern, limit, SOON).await.unwrap();
        found.extend(page.keys);
        match page.next {
            Some(next) => cursor = next,
            None => return found,
        }
    }
}

fn physical(keys: &[Key]) -> BTreeSet<String> {
    keys.iter().map(|key| key.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_go_to_all_nodes_and_come_back_in_order() {
    let cluster = RedisCluster::start().unwrap();
    let backend = backend(&cluster).await;
    let names = names(300);
    let writes: Vec<_> = names.iter().map(|n| write(n, n.clone().leak())).collect();
    assert_eq!(backend.set(&writes, SOON).await.unwrap(), [true; 300]);
    let found = backend.get(&keys(300), SOON).await.unwrap();
    let expected: Vec<_> = names.iter().map(|name| Some(name.clone().into())).collect();
    assert_eq!(found, expected);
    let nodes = backend.inspect().unwrap().nodes(SOON).await.unwrap();
    let role = |role: &str| nodes.iter().filter(|node| node.role == role).count();
    assert_eq!((role("master"), role("replica")), (3, 3), "{nodes:?}");
    assert!(nodes.iter().all(|node| node.version.is_some()), "{nodes:?}");
    assert_eq!(backend.connections().active, 3);

    // Order per key, whatever else is in the pipeline.
    let steps = keys(50).into_iter().flat_map(|key| {
        let set = |value: &'static str| {
            let mut write = write("any", value);
            write.key = key.clone();
            Operation::Set(write)
        };
        [set("1"), set("2"), Operation::Get(key.clone())]
    });
    let steps: Vec<Operation> = steps.collect();
    let replies = backend.pipeline(&steps, SOON).await.unwrap();
    for three in replies.chunks(3) {
        assert!(matches!(&three[2], Ok(Reply::Value(Some(value))) if value == "2"));
    }

    assert_eq!(scanned(&backend, "t:n:*", 20).await, physical(&keys(300)));
    assert_eq!(scanned(&backend, "t:n:k29?", 1000).await.len(), 10);
    assert_eq!(backend.delete(&keys(300), SOON).await.unwrap(), 300);
    assert!(scanned(&backend, "*", 100).await.is_empty());
    backend.close().await;
    assert_eq!(backend.connections().active, 0);
    let error = backend.get(&keys(1), SOON).await.unwrap_err();
    assert_eq!(error.kind(), larder_cache_core::ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_read_from_where_that_is_wished() {
    let cluster = RedisCluster::start().unwrap();
    let from_primary = backend(&cluster).await;
    let from_replica = connect(config(&cluster).read_from(ReadFrom::Replica))
        .await
        .unwrap();
    let (name, own) = key_on(&cluster, 0);
    let own = [own];
    from_primary.set(&[write(&name, "1")], SOON).await.unwrap();
    let there = Some("1".into());
    eventually("the replica", async || {
        let found = from_replica.get(&own, SOON).await.ok()?;
        (from_replica.connections().active == 4 && found[0] == there).then_some(())
    })
    .await;
    // What the replica alone does not see any more shows whom was asked.
    cluster.pause(0).unwrap();
    assert_eq!(
        from_replica.get(&own, SOON).await.unwrap(),
        [Some("1".into())]
    );
    assert_eq!(from_replica.exists(&own, SOON).await.unwrap(), [true]);
    assert!(from_replica.head(&own, 1, SOON).await.unwrap()[0].is_some());
    assert!(from_replica.ttl(&own, SOON).await.unwrap()[0].is_some());
    cluster.resume(0).unwrap();
    // Without its replica the primary answers.
    cluster.kill(3);
    eventually("the primary", async || {
        let found = from_replica.get(&own, SOON).await.ok()?;
        (found[0] == Some("1".into())).then_some(())
    })
    .await;
    let one = RedisConfig::new("redis://localhost").read_from(ReadFrom::Replica);
    assert!(one.validate().unwrap_err().to_string().contains("replicas"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_are_values_like_others() {
    let cluster = RedisCluster::start().unwrap();
    super::large::check_large_values(&backend(&cluster).await).await;
    super::leases::check_large_fills(&backend(&cluster).await).await;
}
