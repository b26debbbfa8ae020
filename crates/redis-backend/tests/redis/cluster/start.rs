//! How a cluster is found, and what is no cluster.

use std::time::{Duration, Instant};

use larder_cache_core::{Backend, ErrorKind};
use larder_redis_backend::{AtStart, ReadFrom, RedisConfig};
use larder_testkit::RedisCluster;

use super::{config, quick};
use crate::redis::{SOON, ask, connect, eventually, key, server, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_single_seed_is_enough() {
    let cluster = RedisCluster::start().unwrap();
    for seed in cluster.addresses() {
        let one = quick(RedisConfig::cluster([seed])).at_start(AtStart::Required);
        let backend = connect(one).await.unwrap();
        let writes: Vec<_> = ["a", "b", "c", "d"].map(|name| write(name, "1")).into();
        assert_eq!(backend.set(&writes, SOON).await.unwrap(), [true; 4]);
    }
    let mut seeds = vec!["127.0.0.1:1".to_owned()];
    seeds.extend(cluster.addresses().into_iter().take(1));
    let dead_first = quick(RedisConfig::cluster(seeds))
        .at_start(AtStart::Required)
        .max_retries(0);
    let backend = connect(dead_first).await.unwrap();
    backend.get(&[key("a")], SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_go_for_all_nodes() {
    let cluster = RedisCluster::builder().password("s3cret").start().unwrap();
    let names = ["a", "b", "c", "d", "e", "f"];
    let keys = names.map(key);
    let with_password = config(&cluster).password("s3cret");
    let addresses = cluster.addresses();
    let first_url = format!("redis://:s3cret@{}", addresses[0]);
    let in_url = quick(RedisConfig::cluster([first_url, addresses[1].clone()]));
    for good in [with_password, in_url] {
        let backend = connect(good).await.unwrap();
        backend.get(&keys, SOON).await.unwrap();
    }
    for (wrong, says) in [
        (config(&cluster), "wants a password"),
        (config(&cluster).password("wrong"), "refuses"),
    ] {
        let error = connect(wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_server_is_no_cluster_and_a_node_is_no_single_server() {
    let single = server(&[]);
    let address = format!("127.0.0.1:{}", single.port());
    let error = connect(quick(RedisConfig::cluster([address])))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(
        error.to_string().contains("not part of a cluster"),
        "{error}"
    );
    let cluster = RedisCluster::start().unwrap();
    let node = RedisConfig::new(format!("redis://127.0.0.1:{}", cluster.port(0)));
    let backend = connect(quick(node)).await.unwrap();
    let names: Vec<_> = (0..20).map(|n| key(&n.to_string())).collect();
    let mut refused = None;
    for key in names {
        refused = refused.or(backend.get(&[key], SOON).await.err());
    }
    let error = refused.unwrap();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("part of a cluster"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_starts_without_a_node_and_finds_the_cluster_when_it_comes() {
    let cluster = RedisCluster::start().unwrap();
    (0..6).for_each(|node| cluster.kill(node));
    let required = config(&cluster).at_start(AtStart::Required).max_retries(1);
    let error = connect(required).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let backend = connect(config(&cluster).max_retries(0)).await.unwrap();
    let began = Instant::now();
    let error = backend.get(&[key("a")], SOON).await.unwrap_err();
    assert!(error.is_transient() && error.is_replay_safe(), "{error}");
    assert!(
        began.elapsed() < Duration::from_millis(100),
        "fails at once"
    );
    assert_eq!(backend.connections().broken, 1);
    (0..6).for_each(|node| cluster.restart(node).unwrap());
    eventually("the cluster", async || {
        backend.set(&[write("a", "1")], SOON).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_permissions_are_enough() {
    let cluster = RedisCluster::start().unwrap();
    let rules = crate::redis::permissions::rules(true);
    for address in cluster.addresses() {
        let client = ::redis::Client::open(format!("redis://{address}")).unwrap();
        let mut raw = client.get_connection().unwrap();
        ask::<()>(&mut raw, &format!("ACL SETUSER larder {rules}"));
    }
    let seeds = cluster.addresses().into_iter();
    let seeds = seeds.map(|address| format!("redis://larder:pw@{address}"));
    for read_from in [ReadFrom::Primary, ReadFrom::Replica] {
        let own = quick(RedisConfig::cluster(seeds.clone())).read_from(read_from);
        let backend = connect(own.at_start(AtStart::Required)).await.unwrap();
        crate::redis::permissions::use_all(&backend).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_closed_or_dropped_backend() {
    let cluster = RedisCluster::start().unwrap();
    let names: Vec<_> = (0..50).map(|n| key(&n.to_string())).collect();
    let clients = |node: usize| {
        let url = format!("redis://{}", cluster.addresses()[node]);
        let mut raw = ::redis::Client::open(url)
            .unwrap()
            .get_connection()
            .unwrap();
        let list: String = ask(&mut raw, "CLIENT LIST TYPE normal");
        list.lines().count()
    };
    let before: Vec<usize> = (0..6).map(clients).collect();
    let reading = config(&cluster).read_from(ReadFrom::Replica);
    let closed = connect(reading.clone()).await.unwrap();
    let dropped = connect(reading).await.unwrap();
    for backend in [&closed, &dropped] {
        eventually("all connections", async || {
            backend.get(&names, SOON).await.unwrap();
            (backend.connections().active == 6).then_some(())
        })
        .await;
    }
    let during: Vec<usize> = (0..6).map(clients).collect();
    assert!(
        during
            .iter()
            .zip(&before)
            .all(|(during, before)| *during >= before + 2)
    );
    closed.close().await;
    closed.close().await;
    drop(dropped);
    eventually("their end", async || {
        let after: Vec<usize> = (0..6).map(clients).collect();
        (after == before).then_some(())
    })
    .await;
    // Nor does anything come back.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((0..6).map(clients).collect::<Vec<_>>(), before);
}
