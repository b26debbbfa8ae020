//! What holds for Redis alone: a server that goes away, keys of other types, other processes.

use std::fmt::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder::{
    Builder, Cache, ErrorKind, Event, GetOptions, L1, Namespace, Observer, OnError, RedisConfig,
    SetOptions, Status, TypedCache,
};
use larder_testkit::{ManualClock, RedisServer};

use crate::backing::{eventually, scanned, tagged};

const BUDGET: Duration = Duration::from_millis(250);

/// Time for the scheduling of a busy machine; tests in virtual time are exact.
const SLACK: Duration = Duration::from_millis(500);

fn builder(server: &RedisServer) -> Builder {
    let config = RedisConfig::new(server.url()).retry_delay(Duration::from_millis(50));
    larder::builder()
        .redis_config(config)
        .budget(Duration::from_secs(5))
}

fn names(cache: &Cache) -> TypedCache<String> {
    cache.namespace("default").unwrap().typed()
}

/// Sends a command as a person at a terminal would.
fn ask(server: &RedisServer, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream
        .write_all(format!("{command}\r\n").as_bytes())
        .unwrap();
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).unwrap();
    reply.trim_end().to_owned()
}

/// What other programs stored under our prefix, and what can't be a key, stops no scan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_key_is_not_listed() {
    let server = RedisServer::start().unwrap();
    let cache = builder(&server).build().await.unwrap();
    let names = names(&cache);
    let vip = SetOptions::new().tags(["vip"]);
    names.set_with("7", "Ada".to_owned(), vip).await.unwrap();
    let long = "x".repeat(2000);
    for key in [
        r"app:app:a\r\nb",
        r"app:app:\x00",
        r"app:app:\xff",
        "app:app:{x}",
        &long,
    ] {
        let command = format!("SET \"{key}\" raw");
        assert_eq!(ask(&server, &command), "+OK");
    }
    assert_eq!(ask(&server, &format!("SET app:app:{long} raw")), "+OK");
    assert_eq!(scanned(&names, "*").await, ["7"]);
    assert_eq!(tagged(&names, "vip").await, ["7"]);
    assert_eq!(names.delete_by_pattern("*").await.unwrap(), 1);
    assert_eq!(scanned(&names, "*").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_other_types_are_misses() {
    let server = RedisServer::start().unwrap();
    let cache = builder(&server).build().await.unwrap();
    let names = names(&cache);
    assert_eq!(ask(&server, "RPUSH app:app:7 a b"), ":2");
    assert_eq!(names.get("7").await.unwrap(), None);
    let strict = GetOptions::new().on_error(OnError::Fail);
    assert_eq!(names.get_with("7", strict).await.unwrap(), None);
    assert!(names.get_many_with(["7"], strict).await.unwrap().is_empty());
    assert!(
        names
            .get_many_with(["7", "8"], strict)
            .await
            .unwrap()
            .is_empty()
    );
    let replies = names.pipeline().get("7").run().await.unwrap();
    let reply = replies.into_iter().next().unwrap();
    assert_eq!(reply.unwrap().into_value(), None);
    assert_eq!(
        names.stats().miss_reasons,
        [("not_found", 2), ("wrong_type", 4)]
    );
    assert!(!names.exists("7").await.unwrap());
    assert_eq!(names.ttl("7").await.unwrap(), None);
    assert!(!names.expire("7", BUDGET).await.unwrap());
    assert_eq!(scanned(&names, "*").await, [""; 0]);
    let loaded = names.get_or_load("7", || async { Ok::<_, Error>("Ada".to_owned()) });
    assert_eq!(*loaded.await.unwrap(), "Ada");
    assert_eq!(
        ask(&server, "TYPE app:app:7"),
        "+string",
        "a load puts it right"
    );
    assert_eq!(ask(&server, "SADD app:app:8 a"), ":1");
    let loader =
        |keys: Vec<u32>| async { Ok::<_, Error>(keys.into_iter().map(|k| (k, "x".to_owned()))) };
    let loaded = names.get_or_load_many([8], loader).await.unwrap();
    assert_eq!(*loaded[&8], "x");
    assert_eq!(ask(&server, "HSET app:app:9 a b"), ":1");
    assert!(names.delete("9").await.unwrap());
}

/// Keys by other programs that are no text, or no key of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_other_programs_are_not_scanned() {
    let server = RedisServer::start().unwrap();
    let cache = builder(&server).build().await.unwrap();
    let names = names(&cache);
    names.set("7", "Ada".to_owned()).await.unwrap();
    for key in [
        "other",
        "app",
        "app:",
        "app:app",
        "app:app:",
        "app~7",
        "app:app:%41",
        "app:app:{7}",
    ] {
        assert_eq!(ask(&server, &format!("SET {key} x")), "+OK");
    }
    assert_eq!(ask(&server, r#"SET "app:app:\xff" x"#), "+OK");
    assert_eq!(scanned(&names, "*").await, ["7"]);
    assert_eq!(names.delete_by_pattern("*").await.unwrap(), 1);
    assert_eq!(ask(&server, "DBSIZE"), ":10", "and the namespace's epoch");
}

/// With the server gone, reads are misses, loads are answered by their loaders, changes are
/// errors, each within its budget; with the server back, all is as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_and_comes_back() {
    let mut server = RedisServer::start().unwrap();
    let cache = builder(&server).budget(BUDGET).build().await.unwrap();
    let names = outliving(&cache).await;
    server.kill();
    eventually("the loss", async || {
        cache.health().await.status == Status::Degraded
    })
    .await;
    without_server(&names, Duration::ZERO).await;
    assert_eq!(cache.stats().connections.active, 0);
    assert!(cache.health().await.backend.error.is_some());
    server.restart().unwrap();
    eventually("the return", async || {
        cache.health().await.status == Status::Healthy
    })
    .await;
    with_server(&names).await;
}

/// The same with a server that hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_and_goes_on() {
    let server = RedisServer::start().unwrap();
    let cache = builder(&server).budget(BUDGET).build().await.unwrap();
    let names = outliving(&cache).await;
    server.pause().unwrap();
    without_server(&names, BUDGET).await;
    server.resume().unwrap();
    eventually("the return", async || {
        cache.health().await.status == Status::Healthy
    })
    .await;
    with_server(&names).await;
}

/// Names that L1 serves also in an outage, with one in it.
async fn outliving(cache: &Cache) -> TypedCache<String> {
    let outlives = |names: Namespace| {
        names.l1(L1::Coherent {
            max_staleness: L1::MAX_STALENESS,
            outage_ttl: Duration::from_secs(60),
        })
    };
    cache.update_namespace("default", outlives).unwrap();
    let names = names(cache);
    names.set("known", "Ada".to_owned()).await.unwrap();
    eventually("a hit in L1", async || {
        names.get("known").await.unwrap();
        names.stats().l1_hits > 0
    })
    .await;
    names
}

async fn within<T>(budget: Duration, what: &str, call: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let answer = call.await;
    let took = began.elapsed();
    assert!(took < budget + SLACK, "{what} took {took:?}");
    answer
}

async fn without_server(names: &TypedCache<String>, budget: Duration) {
    for n in 0..3 {
        let key = n.to_string();
        let read = within(budget, "get", names.get(&key)).await;
        assert_eq!(read.unwrap(), None);
        let loader = || async { Ok::<_, Error>("loaded".to_owned()) };
        let loaded = within(budget, "get_or_load", names.get_or_load(&key, loader)).await;
        assert_eq!(*loaded.unwrap(), "loaded");
        let set = within(budget, "set", names.set(&key, "x".to_owned())).await;
        assert!(set.unwrap_err().is_transient());
    }
    let many =
        |keys: Vec<u32>| async { Ok::<_, Error>(keys.into_iter().map(|k| (k, "x".to_owned()))) };
    let many = within(
        budget,
        "get_or_load_many",
        names.get_or_load_many([1, 2], many),
    )
    .await;
    assert_eq!(many.unwrap().len(), 2);
    assert_eq!(
        *names.get("known").await.unwrap().unwrap(),
        "Ada",
        "L1 answers"
    );
    let deleted = within(budget, "delete", names.delete("known")).await;
    assert!(deleted.unwrap_err().is_transient());
    let gone = within(budget, "get", names.get("known")).await;
    assert_eq!(gone.unwrap(), None, "an unconfirmed deletion drops L1");
    let strict = GetOptions::new().on_error(OnError::Fail);
    let failed = within(budget, "get_with", names.get_with("unknown", strict)).await;
    assert!(failed.unwrap_err().is_transient());
}

async fn with_server(names: &TypedCache<String>) {
    eventually("a set", async || {
        names.set("7", "back".to_owned()).await.is_ok()
    })
    .await;
    assert_eq!(*names.get("7").await.unwrap().unwrap(), "back");
    eventually("a deletion", async || names.delete("7").await.is_ok()).await;
    assert_eq!(names.get("7").await.unwrap(), None);
}

/// A service can start before its Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_later() {
    let mut server = RedisServer::start().unwrap();
    server.kill();
    let config = RedisConfig::new(server.url())
        .retry_delay(Duration::from_millis(50))
        .max_retries(0);
    let builder = larder::builder().redis_config(config).budget(BUDGET);
    let cache = builder.build().await.unwrap();
    let names = names(&cache);
    let loader = || async { Ok::<_, Error>("Ada".to_owned()) };
    let loaded = within(BUDGET, "get_or_load", names.get_or_load("7", loader)).await;
    assert_eq!(*loaded.unwrap(), "Ada");
    server.restart().unwrap();
    eventually("the connection", async || {
        names.set("7", "Eve".to_owned()).await.is_ok()
    })
    .await;
    assert_eq!(ask(&server, "EXISTS app:app:7"), ":1");
}

/// What another process changes, L1 drops at once, or after the time the namespace says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_is_seen_within_the_bound() {
    let server = RedisServer::start().unwrap();
    let clock = ManualClock::new();
    let half = Duration::from_millis(500);
    let brief = Namespace::new("brief").l1(L1::Ttl(half));
    // By the clock of the test time stands still, so it is no time for Redis to expire.
    let here = builder(&server)
        .clock(clock.clone())
        .namespace(brief.clone());
    let (here, there) = (
        here.build().await.unwrap(),
        builder(&server).namespace(brief),
    );
    let there = there.build().await.unwrap();
    let typed = |cache: &Cache, name| cache.namespace(name).unwrap().typed::<String>();
    let (told, teller) = (typed(&here, "default"), typed(&there, "default"));
    for version in 0..100 {
        teller.set("7", version.to_string()).await.unwrap();
        eventually("the change", async || {
            *told.get("7").await.unwrap().unwrap() == version.to_string()
        })
        .await;
    }
    let (here, there) = (typed(&here, "brief"), typed(&there, "brief"));
    there.set("7", "old".to_owned()).await.unwrap();
    assert_eq!(*here.get("7").await.unwrap().unwrap(), "old");
    there.set("7", "new".to_owned()).await.unwrap();
    eventually("the end of what L1 keeps", async || {
        clock.advance(half / 10);
        *here.get("7").await.unwrap().unwrap() == "new"
    })
    .await;
}

/// What is to be encrypted does not leave the process readable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_do_not_leave_the_process_readable() {
    let server = RedisServer::start().unwrap();
    let cache = builder(&server).build().await.unwrap();
    let refused = cache.namespace("sessions").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(
        refused.to_string().contains("CACHE_ENCRYPTION_KEYS"),
        "{refused}"
    );
    let encrypt = |n: Namespace| n.encryption(larder::Encryption::On);
    let refused = cache.update_namespace("default", encrypt).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    let named = Namespace::new("tokens").encryption(larder::Encryption::On);
    let refused = builder(&server).namespace(named).build().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("tokens"), "{refused}");
}

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::Connected { node } => format!("connected {node}"),
            Event::Disconnected { node, .. } => format!("disconnected {node}"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observers_hear_of_connections() {
    let mut server = RedisServer::start().unwrap();
    let recorder = Arc::new(Recorder::default());
    let builder = builder(&server).observer(recorder.clone());
    let cache = builder.build().await.unwrap();
    let heard = || recorder.0.lock().unwrap().clone();
    let node = format!("127.0.0.1:{}", server.port());
    assert_eq!(heard(), [format!("connected {node}")]);
    server.kill();
    eventually("the news", async || heard().len() > 1).await;
    assert_eq!(heard()[1], format!("disconnected {node}"));
    assert!(cache.shutdown(Duration::from_secs(5)).await.is_clean());
}

/// No password is shown by anything that can be printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_never_shown() {
    let requirepass = RedisServer::builder().arg("--requirepass").arg("s3cret");
    let server = requirepass.start().unwrap();
    let url = format!("redis://:s3cret@127.0.0.1:{}", server.port());
    let config = larder::Config::from_vars([("REDIS_URL", url.as_str())]).unwrap();
    let builder = config.builder();
    let mut shown = vec![format!("{config:?} {builder:?}")];
    let cache = builder.build().await.unwrap();
    let names = names(&cache);
    names.set("7", "Ada".to_owned()).await.unwrap();
    let (health, stats) = (cache.health().await, cache.stats());
    shown.push(format!("{cache:?} {names:?} {health:?} {stats:?}"));
    for wrong in [
        "redis://:wr0ng@127.0.0.1",
        "redis://user:wr0ng@127.0.0.1",
        "redis://127.0.0.1",
    ] {
        let config = RedisConfig::new(format!("{wrong}:{}", server.port())).max_retries(0);
        shown.push(format!("{config:?}"));
        let refused = larder::builder()
            .redis_config(config)
            .build()
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Auth, "{refused}");
        shown.push(format!("{refused} {refused:?}"));
    }
    for text in shown {
        assert!(
            !text.contains("s3cret") && !text.contains("wr0ng"),
            "{text}"
        );
        assert!(text.len() > 10);
    }
}

/// Wrong settings are told before a server is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_settings_connect_to_nothing() {
    let mut server = RedisServer::start().unwrap();
    server.kill();
    let slow = RedisConfig::new(server.url()).retry_delay(Duration::from_secs(60));
    let builder = larder::builder().redis_config(slow).budget(Duration::ZERO);
    let refused = within(Duration::ZERO, "build", builder.build()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config);
}
