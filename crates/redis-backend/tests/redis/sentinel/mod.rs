//! A master behind Sentinels.

mod journal;

use std::time::{Duration, Instant};

use larder_cache_core::{Backend, Call, ErrorKind};
use larder_redis_backend::{AtStart, ReadFrom, RedisBackend, RedisConfig};
use larder_testkit::RedisSentinel;

use super::watching::{News, Watched};
use super::{SOON, ask, connect, eventually, key, observed, server, write};

const BUDGET: Call = Call::within(Duration::from_millis(250));

fn config(url: impl Into<String>) -> RedisConfig {
    RedisConfig::new(url)
        .connect_timeout(Duration::from_millis(300))
        .retry_delay(Duration::from_millis(100))
}

async fn backend(group: &RedisSentinel) -> RedisBackend {
    connect(config(group.url())).await.unwrap()
}

async fn writable(backend: &RedisBackend) -> Duration {
    let began = Instant::now();
    eventually("a master", async || {
        backend.set(&[write("a", "again")], BUDGET).await.ok()
    })
    .await;
    began.elapsed()
}

fn raw(group: &RedisSentinel, node: usize) -> ::redis::Connection {
    let address = &group.node_addresses()[node];
    let client = ::redis::Client::open(format!("redis://{address}")).unwrap();
    client.get_connection().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_killed_is_replaced() {
    let group = RedisSentinel::start().unwrap();
    let (backend, recorder) = observed(config(group.url())).await;
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    let before = group.master().unwrap();
    group.kill(before);
    eventually("the loss", async || {
        backend.set(&[write("a", "2")], BUDGET).await.err()
    })
    .await;
    eventually("another master", async || {
        group.master().ok().filter(|&master| master != before)
    })
    .await;
    let late = writable(&backend).await;
    assert!(late < Duration::from_secs(2), "{late:?}");
    let seen = recorder.seen();
    let address = &group.node_addresses()[before];
    assert!(seen[0].ends_with(address), "{seen:?}");
    assert!(!seen.last().unwrap().ends_with(address), "{seen:?}");
    let nodes = backend.inspect().unwrap().nodes(SOON).await.unwrap();
    assert_eq!(nodes[0].role, "master", "{nodes:?}");
    assert_ne!(&nodes[0].address, address);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_hangs_is_replaced() {
    let group = RedisSentinel::start().unwrap();
    let backend = backend(&group).await;
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    let before = group.master().unwrap();
    group.pause(before).unwrap();
    let began = Instant::now();
    eventually("a write", async || {
        let since = Instant::now();
        let put = backend.set(&[write("a", "2")], BUDGET).await;
        let took = since.elapsed();
        assert!(took < 2 * BUDGET.budget, "took {took:?}: {put:?}");
        put.ok()
    })
    .await;
    let outage = began.elapsed();
    assert!(outage < Duration::from_secs(6), "{outage:?}");
    group.resume(before).unwrap();
    for _ in 0..50 {
        backend.set(&[write("a", "3")], SOON).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordered_failover_is_followed_though_the_old_master_answers() {
    let group = RedisSentinel::start().unwrap();
    let backend = backend(&group).await;
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    let before = group.master().unwrap();
    group.failover().unwrap();
    let after = eventually("the failover", async || {
        group.master().ok().filter(|&master| master != before)
    })
    .await;
    let began = Instant::now();
    let mut raw = raw(&group, after);
    eventually("a write at the new master", async || {
        let value = began.elapsed().as_nanos().to_string();
        let written = write("a", value.clone().leak());
        backend.set(&[written], BUDGET).await.ok()?;
        let found: Option<String> = ask(&mut raw, "GET t:n:a");
        (found == Some(value)).then_some(())
    })
    .await;
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demoted_master_is_left_though_no_sentinel_tells() {
    let group = RedisSentinel::start().unwrap();
    let backend = backend(&group).await;
    let master = group.master().unwrap();
    (0..3).for_each(|sentinel| group.kill_sentinel(sentinel));
    // All Sentinels are down: it goes on working.
    for _ in 0..20 {
        backend.set(&[write("a", "1")], SOON).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let other = group.node_addresses()[(master + 1) % 3].clone();
    let (host, port) = other.split_once(':').unwrap();
    ask::<()>(
        &mut raw(&group, master),
        &format!("REPLICAOF {host} {port}"),
    );
    eventually("the role to be seen", async || {
        let error = backend.get(&[key("a")], BUDGET).await.err()?;
        error.to_string().contains("replica").then_some(())
    })
    .await;
    ask::<()>(&mut raw(&group, master), "REPLICAOF NO ONE");
    let outage = writable(&backend).await;
    assert!(outage < Duration::from_secs(2), "{outage:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sentinel_is_enough_and_wrong_ones_say_so() {
    let group = RedisSentinel::start().unwrap();
    let addresses = group.sentinel_addresses();
    let service = group.service();
    let one = format!("redis+sentinel://127.0.0.1:1,{}/{service}", addresses[1]);
    let backend = connect(config(one).at_start(AtStart::Required))
        .await
        .unwrap();
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    let single = server(&[]);
    for (url, kind, says) in [
        (
            format!("redis+sentinel://{}/nobody", addresses[0]),
            ErrorKind::Config,
            "watches no service",
        ),
        (
            format!("redis+sentinel://127.0.0.1:{}/main", single.port()),
            ErrorKind::Config,
            "no Sentinel",
        ),
        (
            "redis+sentinel://127.0.0.1:1/main".to_owned(),
            ErrorKind::Connection,
            "no Sentinel tells",
        ),
        (
            format!("redis://{}", addresses[0]),
            ErrorKind::Config,
            "this is a Sentinel",
        ),
    ] {
        let once = config(url.clone())
            .at_start(AtStart::Required)
            .max_retries(0);
        let error = connect(once).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{url}: {error}");
        assert!(error.to_string().contains(says), "{url}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_and_sentinels_have_logins_of_their_own() {
    let group = RedisSentinel::builder()
        .password("s3cret")
        .sentinel_password("other")
        .start()
        .unwrap();
    let url = group.url().replace("://", "://:s3cret@");
    let good = config(url.clone()).sentinel_login("", "other");
    let backend = connect(good.at_start(AtStart::Required)).await.unwrap();
    backend.set(&[write("a", "1")], SOON).await.unwrap();
    for wrong in [
        config(url.clone()),
        config(url.clone()).sentinel_login("", "wrong"),
        config(group.url()).sentinel_login("", "other"),
    ] {
        let error = connect(wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_read_from_where_that_is_wished() {
    let group = RedisSentinel::start().unwrap();
    let reader = connect(config(group.url()).read_from(ReadFrom::Replica))
        .await
        .unwrap();
    reader.set(&[write("a", "1")], SOON).await.unwrap();
    eventually("the replicas", async || {
        (reader.connections().active == 3).then_some(())
    })
    .await;
    eventually("the value on both", async || {
        for _ in 0..20 {
            let found = reader.get(&[key("a")], SOON).await.unwrap();
            found[0].as_ref()?;
        }
        Some(())
    })
    .await;
    // Frozen, the master answers nobody: the replicas do.
    let master = group.master().unwrap();
    group.pause(master).unwrap();
    for _ in 0..10 {
        let found = reader.get(&[key("a")], SOON).await.unwrap();
        assert_eq!(found, [Some("1".into())]);
    }
    group.resume(master).unwrap();
    reader.close().await;
    assert_eq!(reader.connections().active, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_may_have_forgotten() {
    let group = RedisSentinel::start().unwrap();
    let watched = Watched::connect(config(group.url())).await;
    let before = group.master().unwrap();
    group.kill(before);
    eventually("the news of it", async || {
        let news = watched.told.news();
        let forgotten = news.iter().position(|news| *news == News::Forgotten)?;
        news[forgotten..].contains(&News::ChangedAll).then_some(())
    })
    .await;
    watched.caught_up().await;
    let master = group.master().unwrap();
    assert_ne!(master, before);
    watched.told.take();
    ask::<()>(&mut raw(&group, master), "SET t:n:a 1");
    watched.caught_up().await;
    assert_eq!(watched.told.take(), [News::Changed("t:n:a".into())]);
}
