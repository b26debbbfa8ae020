//! What can't be written.

use larder_cache_core::{DeadLetter, JournalRecord, Sequence};

use super::subject::{Subject, delete, sequences, set, some};

/// A buried write is no more read, and is a letter with all that it was.
pub async fn a_buried_write_is_a_letter(subject: &Subject) {
    let sequence = subject.dead_letter("key", "x").await;
    let letter = DeadLetter {
        sequence,
        key: "key".to_owned(),
        value: some("x"),
        reason: "no such table".to_owned(),
    };
    assert_eq!(subject.dead_letters().await, [letter]);
    let claim = subject.claim_of("key").await;
    assert_eq!(subject.read_all(&claim).await, []);
    let depth = subject.depth().await;
    assert_eq!((depth.records, depth.dead_letters), (0, 1));
}

/// A later letter of a key takes the place of the older one.
pub async fn a_key_has_one_letter(subject: &Subject) {
    subject.dead_letter("key", "old").await;
    let sequence = subject.dead_letter("key", "new").await;
    let letters = subject.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].sequence, sequence);
    assert_eq!(letters[0].value, some("new"));
    assert_eq!(subject.depth().await.dead_letters, 1);
}

/// Where a key's later write was buried already, an older one leaves no letter; so also within
/// one call.
pub async fn an_older_write_makes_no_letter(subject: &Subject) {
    let writes = [set("key", "1"), set("key", "2"), set("key", "3")];
    let all = subject.append(&writes).await;
    let claim = subject.claim_of("key").await;
    let read = subject.read_all(&claim).await;
    subject.bury(&claim, &read[1..2], "no").await;
    subject.bury(&claim, &read[..1], "no").await;
    assert_eq!(subject.dead_letters().await[0].sequence, all[1]);
    subject.bury(&claim, &read, "no").await;
    let letters = subject.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].sequence, all[2]);
    assert_eq!(subject.depth().await.records, 0);
}

/// The oldest letters of a shard come first, also where few are asked for.
pub async fn letters_come_oldest_first(subject: &Subject) {
    let keys = subject.keys_of(0, 6);
    let writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
    let all = subject.append(&writes).await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    for number in [3, 0, 5, 1, 4, 2] {
        let one = &read[number..=number];
        subject.bury(&claim, one, "no").await;
    }
    for at_most in 0..8 {
        let letters = subject.journal().dead_letters(at_most).await;
        let letters = letters.expect("dead letters");
        let found: Vec<_> = letters.iter().map(|letter| letter.sequence).collect();
        assert_eq!(found, all[..at_most.min(6)]);
    }
}

/// What is not there can't be buried, and makes no letter.
pub async fn the_unknown_is_not_buried(subject: &Subject) {
    let keys = subject.keys_of(0, 2);
    subject.set(&keys[0], "x").await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    let unknown = JournalRecord {
        sequence: Sequence::from_u64(read[0].sequence.as_u64() + 1),
        key: keys[1].clone(),
        ..read[0].clone()
    };
    subject.bury(&claim, &[unknown], "no").await;
    subject.bury(&claim, &[], "no").await;
    assert_eq!(subject.dead_letters().await, []);
    subject.acknowledge(&claim, &read).await;
    subject.bury(&claim, &read, "no").await;
    assert_eq!(subject.dead_letters().await, []);
}

/// Many writes in one call, each with its own reason; the others stay.
pub async fn many_are_buried_at_once(subject: &Subject) {
    let keys = subject.keys_of(0, 6);
    let mut writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
    writes[2] = delete(&keys[2]);
    let all = subject.append(&writes).await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    let with_reason = |record: &JournalRecord| (record.clone(), format!("no {}", record.key));
    let buried: Vec<_> = read[1..5].iter().map(with_reason).collect();
    let done = subject.journal().bury(&claim, &buried).await;
    done.expect("bury");
    let letters = subject.dead_letters().await;
    assert_eq!(letters.len(), 4);
    for (letter, number) in letters.iter().zip(1..) {
        assert_eq!(letter.sequence, all[number]);
        assert_eq!(letter.value, writes[number].value);
        assert_eq!(letter.reason, format!("no {}", keys[number]));
    }
    let left = subject.read_all(&claim).await;
    assert_eq!(sequences(&left), [all[0], all[5]]);
}
