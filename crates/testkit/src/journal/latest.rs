//! The last write of a key, as those ask who read in between.

use super::subject::{Subject, WRITER, set, some};

/// The last of many writes is the one that counts.
pub async fn the_last_write_is_latest(subject: &Subject) {
    assert_eq!(subject.latest("key").await, None);
    subject.set("key", "first").await;
    let last = subject
        .append(&[set("key", "2nd"), set("key", "3rd")])
        .await[1];
    let latest = subject.latest("key").await.expect("a write");
    assert_eq!(latest.sequence, last);
    assert_eq!(latest.key, "key");
    assert_eq!(latest.value, some("3rd"));
    assert_eq!(latest.writer, WRITER);
    assert!(!latest.is_settled);
}

/// A deletion is a write, and one is written over.
pub async fn a_deletion_is_latest(subject: &Subject) {
    subject.set("key", "x").await;
    subject.delete("key").await;
    assert_eq!(subject.latest_value("key").await, Some(None));
    subject.set("key", "y").await;
    assert_eq!(subject.latest_value("key").await, Some(some("y")));
}

/// Keys that resemble one another are not one another.
pub async fn other_keys_are_not_latest(subject: &Subject) {
    let keys = ["key", "key ", "Key", "key:1", "ke", "key\u{e9}", "keyz"];
    for key in keys {
        assert_eq!(subject.latest(key).await, None, "{key:?}");
        subject.set(key, key).await;
    }
    for key in keys {
        let latest = subject.latest(key).await.expect("a write");
        assert_eq!((latest.key.as_str(), latest.value), (key, some(key)));
    }
}

/// What the database has is not in the journal.
pub async fn the_acknowledged_is_not_latest(subject: &Subject) {
    subject.set("key", "x").await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    assert_eq!(subject.latest_value("key").await, Some(some("x")));
    subject.acknowledge(&claim, &read).await;
    assert_eq!(subject.latest("key").await, None);
    subject.set("key", "y").await;
    assert_eq!(subject.latest_value("key").await, Some(some("y")));
}

/// What can't be written is not the value of its key.
pub async fn the_buried_is_not_latest(subject: &Subject) {
    subject.dead_letter("key", "x").await;
    assert_eq!(subject.latest("key").await, None);
    subject.set("key", "y").await;
    assert_eq!(subject.latest_value("key").await, Some(some("y")));
}

/// Where the last write is taken off alone, the one before it is the last.
pub async fn an_older_write_is_latest_again(subject: &Subject) {
    let sequences = [
        subject.set("key", "1").await,
        subject.set("key", "2").await,
        subject.set("key", "3").await,
    ];
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    subject.acknowledge(&claim, &read[2..]).await;
    let latest = subject.latest("key").await.expect("a write");
    assert_eq!((latest.sequence, latest.value), (sequences[1], some("2")));
    subject.bury(&claim, &read[1..2], "no").await;
    let latest = subject.latest("key").await.expect("a write");
    assert_eq!((latest.sequence, latest.value), (sequences[0], some("1")));
}

/// To ask for the latest is not to read under a claim.
pub async fn latest_counts_no_delivery(subject: &Subject) {
    subject.set("key", "x").await;
    for _ in 0..3 {
        let latest = subject.latest("key").await.expect("a write");
        assert_eq!(latest.deliveries, 0);
    }
    let claim = subject.claim_of("key").await;
    assert_eq!(subject.read_all(&claim).await[0].deliveries, 1);
    let latest = subject.latest("key").await.expect("a write");
    assert_eq!(latest.deliveries, 0);
}
