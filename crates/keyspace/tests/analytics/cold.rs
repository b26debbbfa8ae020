//! Stored keys that nobody reads.

use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Condition, Entry, Header, KeyPrefix, Kind, Namespace, Timestamp, Write,
};
use larder_keyspace::analytics::{ColdOptions, ColdReads};
use larder_memory_backend::MemoryBackend;

use crate::watched::Watched;

const CALL: Call = Call::within(Duration::from_secs(5));

pub(crate) fn prefix() -> KeyPrefix {
    KeyPrefix::new("app").unwrap()
}

pub(crate) fn users() -> Namespace {
    Namespace::new("users").prefix("user")
}

pub(crate) async fn put(backend: &dyn Backend, key: &str, created: u64) {
    let header = Header::new(Kind::Value, Timestamp::from_millis(created));
    let body = Bytes::from_static(b"body");
    let write = Write {
        key: prefix().value("user", key).unwrap(),
        value: Entry { header, body }.encode(),
        ttl: Some(Duration::from_secs(100)),
        condition: Condition::Always,
    };
    backend.set(&[write], CALL).await.unwrap();
}

pub(crate) async fn check(backend: &dyn Backend) {
    let watched = Watched::new();
    for (created, key) in [(3, "hot:1"), (2, "warm:1"), (1, "new:1"), (0, "old:1")] {
        put(backend, key, created).await;
    }
    (0..100).for_each(|_| watched.hit("hot:1"));
    watched.wait(2);
    watched.hit("warm:1");
    let options = ColdOptions::new().limit(3);
    let found = watched
        .analytics
        .cold_keys(backend, &prefix(), &users(), &options)
        .await
        .unwrap();
    assert_eq!((found.examined, found.is_at_end), (4, true));
    let evidence: Vec<_> = found
        .keys
        .iter()
        .map(|cold| (&*cold.key, cold.reads))
        .collect();
    let expected = [
        ("old:1", ColdReads::Never),
        ("new:1", ColdReads::Never),
        ("warm:1", ColdReads::Exactly(1)),
    ];
    assert_eq!(evidence, expected);
    let warm = &found.keys[2];
    assert_eq!((warm.stored_ms, warm.bytes), (Some(2), 108));
    assert!(warm.remaining_ms.unwrap() <= 100_000);
    let last = warm.last_read_ms.unwrap() - found.since_ms;
    assert!((1_900..=2_000).contains(&last), "{last}");
    assert_eq!(found.keys[0].last_read_ms, None);
}

#[tokio::test]
async fn the_least_read_and_oldest_come_first() {
    check(&MemoryBackend::new(1 << 20)).await;
}

#[tokio::test]
async fn repeated_calls_go_through_all_keys() {
    let (backend, watched) = (MemoryBackend::new(8 << 20), Watched::new());
    for number in 0..1000 {
        put(&backend, &format!("a:{number}"), number).await;
    }
    let options = ColdOptions::new().limit(1000).pages(2).page_keys(50);
    let mut seen = std::collections::HashSet::new();
    for calls in 1.. {
        let found = watched
            .analytics
            .cold_keys(&backend, &prefix(), &users(), &options)
            .await
            .unwrap();
        assert!(found.examined <= 400, "{}", found.examined);
        seen.extend(found.keys.into_iter().map(|cold| cold.key));
        if found.is_at_end {
            assert!(calls > 1);
            break;
        }
        assert!(calls < 1000);
    }
    assert_eq!(seen.len(), 1000);
}
