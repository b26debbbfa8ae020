//! What becomes of dead letters.

use super::subject::{Subject, set, some};

/// A revived letter is read after all that was written meanwhile, as if nobody had read it.
pub async fn a_revived_letter_is_a_write_of_now(subject: &Subject) {
    let keys = subject.keys_of(0, 2);
    subject.dead_letter(&keys[0], "x").await;
    let between = subject.set(&keys[1], "y").await;
    assert_eq!(subject.revive(&[&keys[0]]).await, 1);
    assert_eq!(subject.dead_letters().await, []);
    let latest = subject.latest(&keys[0]).await.expect("a write");
    assert!(latest.sequence > between);
    assert_eq!(latest.value, some("x"));
    let read = subject.read_all(&subject.claim(0).await).await;
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].sequence, between);
    assert_eq!(read[1].sequence, latest.sequence);
    assert_eq!(read[1].deliveries, 1);
    let depth = subject.depth().await;
    assert_eq!((depth.records, depth.dead_letters), (2, 0));
}

/// What its first writer had settled says nothing of a letter that was revived.
pub async fn a_revived_letter_is_not_settled(subject: &Subject) {
    let sequence = subject.dead_letter("key", "x").await;
    assert_eq!(subject.revive(&["key"]).await, 1);
    let write = [set("key", "y")];
    subject
        .append_by(super::subject::WRITER, sequence, &write)
        .await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    assert_eq!(read[0].value, some("x"));
    assert!(!read[0].is_settled);
}

/// Where a later write of the key waits, that one is to win, and the letter goes.
pub async fn a_later_write_wins(subject: &Subject) {
    subject.dead_letter("key", "old").await;
    let later = subject.set("key", "new").await;
    assert_eq!(subject.revive(&["key"]).await, 0);
    assert_eq!(subject.dead_letters().await, []);
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].sequence, later);
}

/// An earlier write of the key that waits is no reason to drop the letter.
pub async fn an_earlier_write_does_not_win(subject: &Subject) {
    let all = subject.append(&[set("key", "1"), set("key", "2")]).await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    subject.bury(&claim, &read[1..], "no").await;
    assert_eq!(subject.revive(&["key"]).await, 1);
    let read = subject.read_all(&claim).await;
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].sequence, all[0]);
    assert!(read[1].sequence > all[1]);
    assert_eq!(read[1].value, some("2"));
}

/// Keys without a letter, and a key named twice, are no error and not counted.
pub async fn the_unknown_is_not_revived(subject: &Subject) {
    subject.set("waiting", "x").await;
    assert_eq!(subject.revive(&["nobody", "waiting"]).await, 0);
    assert_eq!(subject.revive(&[]).await, 0);
    assert_eq!(subject.depth().await.records, 1);
    subject.dead_letter("key", "x").await;
    assert_eq!(subject.revive(&["key", "key"]).await, 1);
    assert_eq!(subject.revive(&["key"]).await, 0);
    assert_eq!(subject.depth().await.records, 2);
}

/// A discarded letter can't be revived; what waits of its key stays.
pub async fn a_discarded_letter_is_gone(subject: &Subject) {
    subject.dead_letter("key", "x").await;
    subject.set("key", "y").await;
    assert_eq!(subject.discard(&["key", "key", "nobody"]).await, 1);
    assert_eq!(subject.dead_letters().await, []);
    assert_eq!(subject.revive(&["key"]).await, 0);
    assert_eq!(subject.discard(&["key"]).await, 0);
    assert_eq!(subject.discard(&[]).await, 0);
    assert_eq!(subject.latest_value("key").await, Some(some("y")));
}

/// Only the named keys are meant, in whichever shards.
pub async fn other_letters_stay(subject: &Subject) {
    let keys = [subject.keys_of(0, 3), subject.keys_of(1, 3)].concat();
    for key in &keys {
        subject.dead_letter(key, key).await;
    }
    assert_eq!(subject.revive(&[&keys[0], &keys[3]]).await, 2);
    assert_eq!(subject.discard(&[&keys[1], &keys[4]]).await, 2);
    let letters = subject.dead_letters().await;
    let mut left: Vec<_> = letters.iter().map(|letter| &letter.key).collect();
    left.sort();
    let mut expected = [&keys[2], &keys[5]];
    expected.sort();
    assert_eq!(left, expected);
    for (key, is_waiting) in keys.iter().zip([true, false, false, true, false, false]) {
        assert_eq!(subject.latest(key).await.is_some(), is_waiting, "{key}");
    }
}

/// A deletion stays one through all of it.
pub async fn a_deletion_is_revived(subject: &Subject) {
    subject.delete("key").await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    subject.bury(&claim, &read, "no").await;
    assert_eq!(subject.dead_letters().await[0].value, None);
    assert_eq!(subject.revive(&["key"]).await, 1);
    assert_eq!(subject.latest_value("key").await, Some(None));
}
