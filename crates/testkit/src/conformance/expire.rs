//! Moving the expiry of stored entries.

use std::time::Duration;

use larder_cache_core::{
    Bytes, Entry, Expiry, Freshness, Header, Key, Kind, Lease, Lifetime, Timestamp,
};

use super::fenced::{assert_between, foreign};
use super::subject::{Subject, assert_ends_in, write_for};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Soft and hard expiry move in the header, by the server's time, and in the store.
pub async fn expire_moves_header_and_store(subject: &Subject) {
    let key = subject.key("entry");
    let began = subject.now();
    store(subject, &key, &entry("body"), 2 * HOUR).await;
    let keys = std::slice::from_ref(&key);
    let before = subject.server_time(&key).await;
    let moved = subject.expire(keys, lifetime(Some(MINUTE), Some(HOUR)));
    assert_eq!(moved.await, [true]);
    let after = subject.server_time(&key).await;
    let freshness = subject.entry(&key).await.header.freshness;
    assert_between(
        freshness.soft.expect("a time"),
        before.after(MINUTE),
        after.after(MINUTE),
    );
    assert_between(
        freshness.hard.expect("a time"),
        before.after(HOUR),
        after.after(HOUR),
    );
    let found = subject.ttl(&key).await;
    assert_ends_in(found, HOUR, subject.now().since(began));
}

/// Without a hard end the entry stays; without a soft one it is never stale.
pub async fn expire_without_hard_end_persists(subject: &Subject) {
    let key = subject.key("entry");
    store(subject, &key, &entry("body"), HOUR).await;
    let keys = std::slice::from_ref(&key);
    assert_eq!(subject.expire(keys, Lifetime::default()).await, [true]);
    assert_eq!(subject.ttl(&key).await, Some(Expiry::Never));
    let freshness = subject.entry(&key).await.header.freshness;
    assert_eq!((freshness.soft, freshness.hard), (None, None));
    let moved = subject.expire(keys, lifetime(Some(MINUTE), None)).await;
    assert_eq!(moved, [true]);
    assert_eq!(subject.ttl(&key).await, Some(Expiry::Never));
    let freshness = subject.entry(&key).await.header.freshness;
    assert!(freshness.soft.is_some() && freshness.hard.is_none());
}

/// Nothing but the two times changes.
pub async fn expire_keeps_lease_and_body(subject: &Subject) {
    let key = subject.key("entry");
    let mut stored = entry("a body that stays");
    stored.header.schema = 7;
    stored.header.freshness.lease = Some(Lease {
        token: 0x0123_4567_89AB_CDEF,
        until: Timestamp::from_millis(1_700_000_000_001),
    });
    subject.put(&key, stored.encode()).await;
    let moved = subject.expire(std::slice::from_ref(&key), lifetime(None, Some(HOUR)));
    assert_eq!(moved.await, [true]);
    let mut found = subject.entry(&key).await;
    assert!(found.header.freshness.hard.is_some());
    found.header.freshness.hard = None;
    assert_eq!(found, stored);
}

/// An end that was moved near comes; one that was moved away does not.
pub async fn expire_is_followed_by_the_end(subject: &Subject) {
    let keys = subject.keys(&["near", "far", "witness"]);
    let brief = Duration::from_millis(300);
    store(subject, &keys[0], &entry("x"), HOUR).await;
    store(subject, &keys[1], &entry("x"), brief).await;
    let soon = lifetime(None, Some(brief / 2));
    let moved = subject.expire(&keys[..1], soon).await;
    assert_eq!(moved, [true]);
    let later = lifetime(None, Some(HOUR));
    let moved = subject.expire(&keys[1..2], later).await;
    assert_eq!(moved, [true]);
    store(subject, &keys[2], &entry("x"), brief).await;
    subject
        .eventually("expiry", async || subject.get(&keys[2]).await.is_none())
        .await;
    subject.stir().await;
    assert_eq!(subject.exists(&keys).await, [false, true, false]);
}

/// What is not there, or no longer, can't be moved and does not come to be.
pub async fn expire_of_missing_keys(subject: &Subject) {
    let keys = subject.keys(&["missing", "expired"]);
    store(subject, &keys[1], &entry("x"), Duration::from_millis(20)).await;
    subject
        .eventually("expiry", async || subject.get(&keys[1]).await.is_none())
        .await;
    let moved = subject.expire(&keys, lifetime(Some(MINUTE), Some(HOUR)));
    assert_eq!(moved.await, [false, false]);
    assert_eq!(subject.exists(&keys).await, [false, false]);
}

/// Bytes that are no entry of this version keep their bytes and their end.
pub async fn expire_leaves_foreign_bytes_alone(subject: &Subject) {
    for (number, value) in foreign().into_iter().enumerate() {
        let key = subject.key(&number.to_string());
        let began = subject.now();
        assert!(subject.set(write_for(&key, value.clone(), 2 * HOUR)).await);
        let moved = subject.expire(std::slice::from_ref(&key), lifetime(None, Some(HOUR)));
        assert_eq!(moved.await, [false], "{value:?}");
        assert_eq!(subject.get(&key).await, Some(value));
        let found = subject.ttl(&key).await;
        assert_ends_in(found, 2 * HOUR, subject.now().since(began));
    }
}

/// Each key of a batch is moved or not by itself, and answered in order.
pub async fn expire_in_order(subject: &Subject) {
    let keys = subject.keys(&["entry", "missing", "foreign", "entry", "other entry"]);
    subject.put(&keys[0], entry("x").encode()).await;
    subject.put(&keys[2], "foreign").await;
    subject.put(&keys[4], entry("y").encode()).await;
    let moved = subject.expire(&keys, lifetime(None, Some(HOUR))).await;
    assert_eq!(moved, [true, false, false, true, true]);
    assert_eq!(subject.ttl(&keys[2]).await, Some(Expiry::Never));
    for timed in [&keys[0], &keys[4]] {
        assert!(matches!(subject.ttl(timed).await, Some(Expiry::In(_))));
    }
}

/// An entry in a reader's hands does not change when the stored one does.
pub async fn a_held_entry_is_not_patched(subject: &Subject) {
    let key = subject.key("entry");
    let stored = entry("x").encode();
    subject.put(&key, stored.clone()).await;
    let held = subject.get(&key).await;
    let keys = std::slice::from_ref(&key);
    for _ in 0..2 {
        let moved = subject.expire(keys, lifetime(Some(MINUTE), Some(HOUR)));
        assert_eq!(moved.await, [true]);
    }
    assert_eq!(held, Some(stored.clone()));
    assert_ne!(subject.get(&key).await, Some(stored));
}

pub(super) fn entry(body: &'static str) -> Entry {
    let created = Timestamp::from_millis(1_700_000_000_000);
    let mut header = Header::new(Kind::Value, created);
    header.freshness = Freshness::default();
    Entry {
        header,
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn lifetime(soft: Option<Duration>, hard: Option<Duration>) -> Lifetime {
    Lifetime { soft, hard }
}

async fn store(subject: &Subject, key: &Key, entry: &Entry, ttl: Duration) {
    assert!(subject.set(write_for(key, entry.encode(), ttl)).await);
}
