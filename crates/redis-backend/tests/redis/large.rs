//! Values above 256 KiB: stored under a key of their own, and never in the way of others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_cache_core::{
    Backend, Bytes, Call, Condition, Entry, ErrorKind, Expiry, Freshness, Header, Kind, Lifetime,
    Operation, Reply, Timestamp, Write,
};
use larder_redis_backend::{RedisBackend, RedisConfig};
use larder_testkit::RedisServer;

use super::{SOON, ask, backend, config, connect, key, keys, raw, server, write};

const MIB: usize = 1 << 20;

/// Bytes that differ from place to place, and from seed to seed.
fn bytes(seed: u8, length: usize) -> Bytes {
    let byte = |at: usize| (at as u8).wrapping_mul(31).wrapping_add(seed);
    (0..length).map(byte).collect()
}

fn large(name: &str, value: &Bytes, condition: Condition) -> Write {
    Write {
        value: value.clone(),
        ttl: Some(Duration::from_secs(60)),
        condition,
        ..write(name, "")
    }
}

async fn stored(backend: &RedisBackend, name: &str) -> Option<Bytes> {
    let found = backend.get(&[key(name)], SOON).await;
    found.unwrap().pop().unwrap()
}

/// What every topology must do with them.
pub(super) async fn check_large_values(backend: &RedisBackend) {
    let (first, second) = (bytes(1, MIB), bytes(2, 3 * MIB));
    let always = |value| large("a", value, Condition::Always);
    assert_eq!(backend.set(&[always(&first)], SOON).await.unwrap(), [true]);
    assert_eq!(stored(backend, "a").await.as_ref(), Some(&first));
    backend.set(&[always(&second)], SOON).await.unwrap();
    assert_eq!(stored(backend, "a").await.as_ref(), Some(&second));
    backend.set(&[write("a", "small")], SOON).await.unwrap();
    assert_eq!(stored(backend, "a").await.as_deref(), Some(&b"small"[..]));
    let batch = [
        write("b", "before"),
        large("c", &first, Condition::Always),
        write("d", "behind"),
        large("e", &second, Condition::IfPresent),
        large("f", &second, Condition::IfAbsent),
    ];
    let done = backend.set(&batch, SOON).await.unwrap();
    assert_eq!(done, [true, true, true, false, true]);
    let names = keys(["b", "c", "d", "e", "f", "c"]);
    let found = backend.get(&names, SOON).await.unwrap();
    let plain = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    let expected = [
        plain("before"),
        Some(first.clone()),
        plain("behind"),
        None,
        Some(second.clone()),
        Some(first.clone()),
    ];
    assert!(found == expected, "{:?}", lengths(&found));
    assert_eq!(
        backend.delete(&keys(["c", "f", "e"]), SOON).await.unwrap(),
        2
    );
    assert_eq!(stored(backend, "c").await, None);
}

fn lengths(found: &[Option<Bytes>]) -> Vec<Option<usize>> {
    found.iter().map(|v| v.as_ref().map(Bytes::len)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_values_like_others() {
    let server = server(&[]);
    check_large_values(&backend(&server).await).await;
}

#[tokio::test]
async fn they_stand_under_a_key_of_their_own_and_go_with_it() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let mut raw = raw(&server);
    for round in 0..3 {
        let value = bytes(round, MIB);
        let write = large("a", &value, Condition::Always);
        backend.set(&[write], SOON).await.unwrap();
        assert_eq!(ask::<Vec<String>>(&mut raw, "KEYS *").len(), 2);
        assert!(ask::<usize>(&mut raw, "STRLEN t:n:a") < 8192);
        let body: usize = ask(&mut raw, "STRLEN t~body:{t:n:a}");
        assert_eq!(body, MIB + 16);
        let (stub, body): (i64, i64) = (
            ask(&mut raw, "TTL t:n:a"),
            ask(&mut raw, "TTL t~body:{t:n:a}"),
        );
        assert!((50..=60).contains(&stub) && (110..=120).contains(&body));
    }
    assert_eq!(backend.delete(&[key("a")], SOON).await.unwrap(), 1);
    assert_eq!(ask::<Vec<String>>(&mut raw, "KEYS *"), [""; 0]);
}

#[tokio::test]
async fn one_whose_own_key_was_evicted_is_gone() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let write = large("a", &bytes(1, MIB), Condition::Always);
    backend.set(&[write], SOON).await.unwrap();
    let _: u64 = ask(&mut raw(&server), "DEL t~body:{t:n:a}");
    assert_eq!(stored(&backend, "a").await, None);
}

fn entry(seed: u8) -> Bytes {
    let mut header = Header::new(Kind::Value, Timestamp::from_millis(1));
    header.freshness = Freshness::from(Timestamp::from_millis(1), None, None);
    let body = bytes(seed, MIB);
    Entry { header, body }.encode()
}

#[tokio::test]
async fn their_header_is_read_without_them_and_their_expiry_moves() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let value = entry(1);
    let write = large("a", &value, Condition::Always);
    backend.set(&[write], SOON).await.unwrap();
    let heads = backend.head(&[key("a")], 96, SOON).await.unwrap();
    let head = heads[0].as_ref().unwrap();
    assert_eq!(
        (&head.bytes[..], head.total_bytes),
        (&value[..96], value.len())
    );
    let lifetime = Lifetime {
        soft: Some(Duration::from_secs(300)),
        hard: Some(Duration::from_secs(600)),
    };
    let moved = backend.expire(&[key("a")], lifetime, SOON).await.unwrap();
    assert_eq!(moved, [true]);
    let header = Entry::decode(&stored(&backend, "a").await.unwrap()).unwrap();
    let freshness = header.header.freshness;
    let apart = freshness.hard.unwrap().since(freshness.soft.unwrap());
    assert_eq!(apart, Duration::from_secs(300));
    let expiry = backend.ttl(&[key("a")], SOON).await.unwrap()[0].unwrap();
    assert!(matches!(expiry, Expiry::In(left) if left > Duration::from_secs(590)));
    let body: i64 = ask(&mut raw(&server), "TTL t~body:{t:n:a}");
    assert!((650..=660).contains(&body), "{body}");
}

#[tokio::test]
async fn they_keep_their_place_in_a_pipeline() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let (old, new) = (bytes(1, MIB), bytes(2, MIB));
    let set = |value: &Bytes| Operation::Set(large("a", value, Condition::Always));
    let get = || Operation::Get(key("a"));
    let operations = [set(&old), get(), set(&new), get()];
    let replies = backend.pipeline(&operations, SOON).await.unwrap();
    let values: Vec<_> = replies
        .into_iter()
        .filter_map(|reply| match reply.unwrap() {
            Reply::Value(value) => Some(value),
            _ => None,
        })
        .collect();
    assert!(values == [Some(old), Some(new)], "{:?}", lengths(&values));
    let operations = [Operation::Delete(key("a")), get()];
    let replies = backend.pipeline(&operations, SOON).await.unwrap();
    assert!(matches!(replies[0], Ok(Reply::Done(true))));
    assert!(matches!(replies[1], Ok(Reply::Value(None))));
}

/// Whoever reads while another writes gets one version or the other, whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_see_half_of_one() {
    let server = server(&[]);
    let backend = Arc::new(backend(&server).await);
    let versions: Vec<Bytes> = (0..4).map(|seed| bytes(seed, 300_000)).collect();
    let first = large("a", &versions[0], Condition::Always);
    backend.set(&[first], SOON).await.unwrap();
    let writer = tokio::spawn({
        let (backend, versions) = (Arc::clone(&backend), versions.clone());
        async move {
            for round in 0..100 {
                let version = &versions[round % versions.len()];
                let write = large("a", version, Condition::Always);
                backend.set(&[write], SOON).await.unwrap();
            }
        }
    });
    let mut reads = 0;
    while !writer.is_finished() {
        let found = stored(&backend, "a").await.expect("there always is one");
        assert!(versions.contains(&found));
        reads += 1;
    }
    writer.await.unwrap();
    assert!(reads > 10, "{reads} reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_connections_are_in_use_the_call_says_so_in_time() {
    let server = server(&[]);
    let config = config(server.url()).bulk_connections(1);
    let backend = Arc::new(connect(config).await.unwrap());
    let write = large("a", &bytes(1, MIB), Condition::Always);
    backend.set(&[write], SOON).await.unwrap();
    // The only connection waits for a server that does nothing else meanwhile.
    let _: String = ask(&mut raw(&server), "CLIENT PAUSE 700 WRITE");
    let holder = tokio::spawn({
        let (backend, value) = (Arc::clone(&backend), bytes(2, MIB));
        let write = large("b", &value, Condition::Always);
        async move { backend.set(&[write], SOON).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    let budget = Duration::from_millis(200);
    let error = backend
        .get(&[key("a")], Call::within(budget))
        .await
        .unwrap_err();
    let took = began.elapsed();
    assert_eq!(error.kind(), ErrorKind::Backpressure, "{error}");
    assert!(error.to_string().contains("connections: 1"), "{error}");
    assert!(took >= budget - Duration::from_millis(5) && took < budget + Duration::from_millis(50));
    holder.await.unwrap().unwrap();
    assert!(stored(&backend, "a").await.is_some());
}

/// Small reads go their way while large values come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_reads_do_not_wait_for_them() {
    let server = server(&[]);
    let backend = Arc::new(backend(&server).await);
    let value = bytes(1, 16 * MIB);
    let minute = Call::within(Duration::from_secs(60));
    let writes = [large("a", &value, Condition::Always), write("small", "1")];
    backend.set(&writes, minute).await.unwrap();
    let reader = tokio::spawn({
        let backend = Arc::clone(&backend);
        async move {
            for _ in 0..5 {
                let found = backend.get(&[key("a")], minute).await.unwrap();
                assert_eq!(found[0].as_ref().map(Bytes::len), Some(16 * MIB));
            }
        }
    });
    let mut waits = Vec::new();
    while !reader.is_finished() {
        let began = Instant::now();
        stored(&backend, "small").await.unwrap();
        waits.push(began.elapsed());
    }
    reader.await.unwrap();
    waits.sort();
    let median = waits[waits.len() / 2];
    assert!(
        median < Duration::from_millis(20),
        "{median:?} of {}",
        waits.len()
    );
}

#[tokio::test]
async fn what_redis_cannot_hold_is_refused() {
    let server: RedisServer = server(&[]);
    let config = RedisConfig::new(server.url());
    let backend = connect(config).await.unwrap();
    let value = Bytes::from(vec![0; (512 << 20) + 1]);
    let write = large("a", &value, Condition::Always);
    let error = backend.set(&[write], SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}
