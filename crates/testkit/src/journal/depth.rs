//! How much there is.

use std::time::Duration;

use larder_cache_core::JournalDepth;

use super::subject::{Subject, set};

/// Nothing is nothing.
pub async fn an_empty_journal_has_no_depth(subject: &Subject) {
    assert_eq!(subject.depth().await, JournalDepth::default());
    subject.claim(0).await;
    assert_eq!(subject.depth().await, JournalDepth::default());
}

/// Writes and letters are counted over all shards, through all that happens to them.
pub async fn depth_counts(subject: &Subject) {
    let keys = [subject.keys_of(0, 3), subject.keys_of(1, 3)].concat();
    for key in &keys {
        subject.append(&[set(key, "1"), set(key, "2")]).await;
    }
    check(subject, 12, 0).await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    check(subject, 12, 0).await;
    subject.acknowledge(&claim, &read[..2]).await;
    check(subject, 10, 0).await;
    subject.bury(&claim, &read[2..], "no").await;
    check(subject, 6, 2).await;
    subject.revive(&[&keys[1]]).await;
    check(subject, 7, 1).await;
    subject.discard(&[&keys[2]]).await;
    check(subject, 7, 0).await;
}

/// The age is that of the oldest write that waits, whatever came later.
pub async fn the_oldest_ages(subject: &Subject) {
    let step = Duration::from_millis(50);
    let keys = subject.keys_of(0, 2);
    subject.set(&keys[0], "x").await;
    subject.pass(step).await;
    subject.set(&keys[1], "y").await;
    let old = subject.depth().await.oldest.expect("an age");
    assert!(old + Duration::from_millis(5) >= step, "{old:?}");
    assert!(old < Duration::from_secs(60), "{old:?}");
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    subject.acknowledge(&claim, &read[1..]).await;
    subject.pass(step).await;
    let older = subject.depth().await.oldest.expect("an age");
    assert!(older > old, "{older:?} after {old:?}");
    subject.bury(&claim, &read[..1], "no").await;
    assert_eq!(subject.depth().await.oldest, None);
}

async fn check(subject: &Subject, records: u64, dead_letters: u64) {
    let depth = subject.depth().await;
    let found = (depth.records, depth.dead_letters);
    assert_eq!(found, (records, dead_letters));
    assert_eq!(depth.oldest.is_some(), records > 0);
}
