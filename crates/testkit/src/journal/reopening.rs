//! What is there after the journal was closed and opened again; journals that can't be are
//! not asked.

use super::subject::{Subject, WRITER, sequences, set, some};

/// Writes are read as before, those that were taken off are not.
pub async fn writes_are_there_again(subject: &Subject) {
    let keys = subject.keys_of(0, 4);
    let mut writes: Vec<_> = keys.iter().map(|key| set(key, key)).collect();
    writes[2].value = None;
    let all = subject.append(&writes).await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    subject.acknowledge(&claim, &read[..1]).await;
    subject.release(&claim).await;
    if !subject.was_reopened().await {
        return;
    }
    assert_eq!(subject.latest(&keys[0]).await, None);
    let latest = subject.latest(&keys[3]).await.expect("a write");
    assert_eq!(latest.sequence, all[3]);
    assert_eq!(subject.depth().await.records, 3);
    let again = subject.read_all(&subject.claim(0).await).await;
    assert_eq!(sequences(&again), all[1..]);
    for (record, write) in again.iter().zip(&writes[1..]) {
        assert_eq!((&record.key, &record.value), (&write.key, &write.value));
        assert_eq!(record.writer, WRITER);
    }
}

/// Letters are there, and can be revived.
pub async fn letters_are_there_again(subject: &Subject) {
    subject.dead_letter("key", "x").await;
    subject.dead_letter("other", "y").await;
    let before = subject.dead_letters().await;
    if !subject.was_reopened().await {
        return;
    }
    assert_eq!(subject.dead_letters().await, before);
    assert_eq!(subject.discard(&["other"]).await, 1);
    assert_eq!(subject.revive(&["key"]).await, 1);
    assert!(subject.was_reopened().await);
    assert_eq!(subject.dead_letters().await, []);
    assert_eq!(subject.latest_value("key").await, Some(some("x")));
}

/// Numbers grow over it, also where all that had one is gone.
pub async fn sequences_grow_over_a_reopening(subject: &Subject) {
    let mut last = subject.set("key", "x").await;
    for _ in 0..3 {
        let claim = subject.claim_of("key").await;
        let read = subject.read_all(&claim).await;
        subject.acknowledge(&claim, &read).await;
        subject.release(&claim).await;
        if !subject.was_reopened().await {
            return;
        }
        let next = subject.set("key", "x").await;
        assert!(next > last, "{next} came after {last}");
        last = next;
    }
}

/// Who read before counts after it.
pub async fn deliveries_are_counted_over_a_reopening(subject: &Subject) {
    let keys = subject.keys_of(0, 3);
    let writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
    subject.append(&writes).await;
    for round in 1..4 {
        let claim = subject.claim(0).await;
        let read = subject
            .read(&claim, larder_cache_core::Sequence::ZERO, 2)
            .await;
        let deliveries: Vec<_> = read.iter().map(|record| record.deliveries).collect();
        assert_eq!(deliveries, [round, round]);
        subject.release(&claim).await;
        if !subject.was_reopened().await {
            return;
        }
    }
    let read = subject.read_all(&subject.claim(0).await).await;
    let deliveries: Vec<_> = read.iter().map(|record| record.deliveries).collect();
    assert_eq!(deliveries, [4, 4, 1]);
}

/// What a writer has settled is settled after it.
pub async fn marks_are_there_again(subject: &Subject) {
    let first = subject.set("key", "x").await;
    let write = [set("key", "y")];
    subject.append_by(WRITER, first, &write).await;
    if !subject.was_reopened().await {
        return;
    }
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    let settled: Vec<_> = read.iter().map(|record| record.is_settled).collect();
    assert_eq!(settled, [true, false]);
}
