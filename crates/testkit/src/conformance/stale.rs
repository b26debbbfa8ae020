//! Marking entries stale.

use larder_cache_core::{Claim, Expiry, FillOutcome, Kind};

use super::fenced::{HOUR, entry_of, foreign, fresh, id_of, large, stale, store};
use super::subject::{Subject, assert_ends_in, some, write_for};

/// Entries of all kinds become stale and lose their lease; everything else stays. Bytes
/// that somebody read before do not change.
pub async fn marked_entries_are_stale_and_stay(subject: &Subject) {
    for kind in [Kind::Value, Kind::Absent] {
        let key = subject.key(&format!("{kind:?}"));
        let keys = std::slice::from_ref(&key);
        let soon = subject.server_time(&key).await.after(HOUR);
        for (soft, hard) in [(None, None), (Some(soon), Some(soon.after(HOUR)))] {
            let mut entry = entry_of(kind, "body");
            entry.header.freshness.soft = soft;
            entry.header.freshness.hard = hard;
            let began = subject.now();
            subject.put_entry(&key, &entry).await;
            let grant = subject.granted(&key, Claim::Force).await;
            let held = subject.get(&key).await.expect("an entry");
            let before = held.to_vec();
            assert_eq!(subject.mark_stale(keys).await, [true]);
            assert_eq!(held, before);
            let mut found = subject.entry(&key).await;
            let now = subject.server_time(&key).await;
            assert!(found.header.freshness.is_stale(now));
            found.header.freshness.soft = soft;
            assert_eq!(found, entry);
            let ttl = subject.ttl(&key).await;
            assert_ends_in(ttl, HOUR, subject.now().since(began));
            assert!(!subject.fill(&key, grant, FillOutcome::Remove).await);
        }
    }
}

/// What was marked is to be loaded anew, over the value that stays.
pub async fn marked_entries_are_leased(subject: &Subject) {
    let key = subject.key("key");
    let keys = std::slice::from_ref(&key);
    subject.put(&key, fresh("old").encode()).await;
    assert_eq!(subject.mark_stale(keys).await, [true]);
    assert_eq!(subject.ttl(&key).await, Some(Expiry::Never));
    let grant = subject.granted(&key, Claim::Missing).await;
    assert_eq!(subject.entry(&key).await.body, "old");
    assert_eq!(subject.token(&key).await, Some(grant.token));
    assert!(subject.fill(&key, grant, store(&fresh("new"))).await);
    assert_eq!(subject.entry(&key).await, fresh("new"));
}

/// What is stale already stays stale, and loses its lease.
pub async fn stale_entries_are_marked_again(subject: &Subject) {
    let key = subject.key("key");
    let keys = std::slice::from_ref(&key);
    let entry = stale("old");
    subject.put_entry(&key, &entry).await;
    for _ in 0..3 {
        let grant = subject.granted(&key, Claim::Missing).await;
        assert_eq!(subject.mark_stale(keys).await, [true]);
        assert!(!subject.fill(&key, grant, store(&fresh("late"))).await);
        let mut found = subject.entry(&key).await;
        let now = subject.server_time(&key).await;
        assert!(found.header.freshness.is_stale(now));
        found.header.freshness.soft = entry.header.freshness.soft;
        assert_eq!(found, entry);
    }
}

/// A placeholder is nothing that could be stale: it goes, and its fill is refused.
pub async fn marked_placeholders_go(subject: &Subject) {
    let key = subject.key("key");
    let grant = subject.granted(&key, Claim::Missing).await;
    let marked = subject.mark_stale(std::slice::from_ref(&key)).await;
    assert_eq!(marked, [false]);
    assert_eq!(subject.get(&key).await, None);
    assert!(!subject.fill(&key, grant, store(&fresh("late"))).await);
    assert_eq!(subject.get(&key).await, None);
}

/// Bytes that are no entry of this version keep their bytes and their end; where there is
/// nothing, nothing comes to be.
pub async fn marks_leave_foreign_bytes_alone(subject: &Subject) {
    for (number, value) in foreign().into_iter().enumerate() {
        let key = subject.key(&number.to_string());
        let began = subject.now();
        assert!(subject.set(write_for(&key, value.clone(), HOUR)).await);
        let marked = subject.mark_stale(std::slice::from_ref(&key)).await;
        assert_eq!(marked, [false], "{value:?}");
        assert_eq!(subject.get(&key).await, Some(value));
        let ttl = subject.ttl(&key).await;
        assert_ends_in(ttl, HOUR, subject.now().since(began));
    }
    let missing = subject.keys(&["missing"]);
    assert_eq!(subject.mark_stale(&missing).await, [false]);
    assert_eq!(subject.exists(&missing).await, [false]);
}

/// Each key of a batch is marked by itself and answered in its place.
pub async fn marks_in_order(subject: &Subject) {
    let keys = subject.keys(&["a", "missing", "foreign", "a", "held", "b"]);
    subject.put(&keys[0], fresh("a").encode()).await;
    subject.put(&keys[2], "foreign").await;
    subject.granted(&keys[4], Claim::Missing).await;
    subject.put(&keys[5], fresh("b").encode()).await;
    let marked = subject.mark_stale(&keys).await;
    assert_eq!(marked, [true, false, false, true, false, true]);
    assert_eq!(subject.get(&keys[2]).await, some("foreign"));
    let there = [true, false, true, true, false, true];
    assert_eq!(subject.exists(&keys).await, there);
    for marked in [&keys[0], &keys[5]] {
        let now = subject.server_time(marked).await;
        assert!(subject.entry(marked).await.header.freshness.is_stale(now));
    }
    assert_eq!(subject.mark_stale(&[]).await, []);
}

/// Values of several MiB become stale like small ones, and are known by the same identity.
pub async fn large_values_are_marked(subject: &Subject) {
    let key = subject.key("large");
    let entry = fresh(large(1, 5 << 20));
    subject.put_entry(&key, &entry).await;
    let marked = subject.mark_stale(std::slice::from_ref(&key)).await;
    assert_eq!(marked, [true]);
    let found = subject.entry(&key).await;
    let now = subject.server_time(&key).await;
    assert!(found.header.freshness.is_stale(now) && found.body == entry.body);
    assert_eq!(id_of(&found), id_of(&entry));
}
