//! What the database has.

use larder_cache_core::{JournalRecord, Sequence};

use super::subject::{Subject, sequences, set};

/// What was acknowledged is not read again, by whomever.
pub async fn the_acknowledged_is_gone(subject: &Subject) {
    let keys = subject.keys_of(0, 5);
    let writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
    subject.append(&writes).await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    subject.acknowledge(&claim, &read).await;
    assert_eq!(subject.read_all(&claim).await, []);
    subject.release(&claim).await;
    assert_eq!(subject.read_all(&subject.claim(0).await).await, []);
    assert_eq!(subject.depth().await.records, 0);
}

/// The others stay, in their order, also those of the same key.
pub async fn only_what_is_named_goes(subject: &Subject) {
    let writes: Vec<_> = (0..5).map(|n: u8| set("key", n.to_string())).collect();
    let all = subject.append(&writes).await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    let taken = [read[3].clone(), read[1].clone()];
    subject.acknowledge(&claim, &taken).await;
    let left = subject.read_all(&claim).await;
    assert_eq!(sequences(&left), [all[0], all[2], all[4]]);
}

/// To acknowledge twice, or what never was, is no error and takes nothing else.
pub async fn the_unknown_is_nothing(subject: &Subject) {
    let keys = subject.keys_of(0, 2);
    let sequence = subject.set(&keys[0], "x").await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    let unknown = |key: &str, sequence: u64| JournalRecord {
        sequence: Sequence::from_u64(sequence),
        key: key.to_owned(),
        ..read[0].clone()
    };
    let number = sequence.as_u64();
    let unknowns = [
        unknown(&keys[0], number + 1),
        unknown(&keys[0], number - 1),
        unknown(&keys[1], number + 1),
    ];
    subject.acknowledge(&claim, &unknowns).await;
    subject.acknowledge(&claim, &[]).await;
    assert_eq!(subject.read_all(&claim).await, read);
    subject.acknowledge(&claim, &read).await;
    subject.acknowledge(&claim, &read).await;
    assert_eq!(subject.depth().await.records, 0);
}

/// A later write that the database has makes an older letter of its key pointless.
pub async fn older_letters_go(subject: &Subject) {
    subject.dead_letter("key", "old").await;
    subject.set("key", "new").await;
    assert_eq!(subject.dead_letters().await.len(), 1);
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    assert_eq!(subject.dead_letters().await.len(), 1);
    subject.acknowledge(&claim, &read).await;
    assert_eq!(subject.dead_letters().await, []);
}

/// An older write that the database has says nothing of a newer letter.
pub async fn newer_letters_stay(subject: &Subject) {
    let all = subject
        .append(&[set("key", "old"), set("key", "new")])
        .await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    subject.bury(&claim, &read[1..], "no").await;
    subject.acknowledge(&claim, &read[..1]).await;
    let letters = subject.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].sequence, all[1]);
}

/// Letters of other keys stay.
pub async fn letters_of_others_stay(subject: &Subject) {
    let keys = subject.keys_of(0, 2);
    subject.dead_letter(&keys[0], "x").await;
    subject.set(&keys[1], "y").await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    subject.acknowledge(&claim, &read).await;
    assert_eq!(subject.dead_letters().await.len(), 1);
}
