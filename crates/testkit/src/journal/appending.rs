//! What is appended, and what is refused.

use std::collections::HashSet;

use larder_cache_core::{Append, ErrorKind, Journal, JournalWrite, Sequence};

use super::subject::{LONG, Subject, WRITER, kind, sequences, set, some};

/// A shard is read in the order in which it was written, appends of many and of one.
pub async fn writes_come_in_order(subject: &Subject) {
    let keys = subject.keys_of(0, 30);
    let mut expected = Vec::new();
    for (number, chunk) in keys.chunks(7).enumerate() {
        let writes: Vec<_> = chunk
            .iter()
            .map(|key| set(key, number.to_string()))
            .collect();
        expected.extend(subject.append(&writes).await);
    }
    let read = subject.read_all(&subject.claim(0).await).await;
    assert_eq!(sequences(&read), expected);
    let found: Vec<_> = read.into_iter().map(|record| record.key).collect();
    assert_eq!(found, keys);
}

/// Every write has a larger number than all before it.
pub async fn sequences_grow(subject: &Subject) {
    let keys = subject.keys_of(1, 3);
    let mut last = Sequence::ZERO;
    for _ in 0..50 {
        let writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
        for sequence in subject.append(&writes).await {
            assert!(sequence > last, "{sequence} came after {last}");
            last = sequence;
        }
    }
}

/// To append no writes is no error.
pub async fn an_append_of_nothing(subject: &Subject) {
    let none = journal_append(&*subject.journal(), 0, &[]).await;
    assert_eq!(none.expect("append"), []);
    assert_eq!(subject.depth().await.records, 0);
}

/// What is in one shard is not read in another.
pub async fn shards_are_apart(subject: &Subject) {
    let (first, second) = (subject.keys_of(0, 1), subject.keys_of(1, 1));
    subject.set(&first[0], "in the first").await;
    subject.set(&second[0], "in the second").await;
    for (shard, key) in [(0, &first[0]), (1, &second[0])] {
        let read = subject.read_all(&subject.claim(shard).await).await;
        let keys: Vec<_> = read.iter().map(|record| &record.key).collect();
        assert_eq!(keys, [key]);
    }
}

/// Every key has a shard that there is, always the same; and every shard has keys.
pub async fn a_key_has_one_shard(subject: &Subject) {
    let shards = subject.journal().shards();
    assert!(shards >= 2, "the suite needs two shards");
    let mut seen = HashSet::new();
    for number in 0..10_000 {
        let key = format!("key {number}");
        let shard = subject.shard_of(&key);
        assert!(shard < shards);
        assert_eq!(shard, subject.shard_of(&key));
        seen.insert(shard);
    }
    assert_eq!(seen.len(), shards.min(1000) as usize);
}

/// A full journal says so, and takes nothing of a batch that has no room as a whole.
pub async fn full_journals_take_nothing(subject: &Subject) {
    let (journal, capacity) = subject.small_journal();
    let writes = vec![set("key", "x"); capacity + 1];
    let shard = journal.shard_of("key");
    let refused = journal_append(journal, shard, &writes).await;
    assert_eq!(kind(&refused), ErrorKind::Backpressure);
    assert_eq!(journal.latest("key").await.expect("latest"), None);
    let most = journal_append(journal, shard, &writes[2..]).await;
    assert_eq!(most.expect("room").len(), capacity - 1);
    let refused = journal_append(journal, shard, &writes[..2]).await;
    assert_eq!(kind(&refused), ErrorKind::Backpressure);
    assert!(refused.is_err_and(|error| error.is_replay_safe()));
    let last = journal_append(journal, shard, &writes[..1]).await;
    assert_eq!(last.expect("room").len(), 1);
    let depth = journal.depth().await.expect("depth");
    assert_eq!(depth.records, capacity as u64);
}

/// What is acknowledged makes room, in whichever shard.
pub async fn room_comes_back(subject: &Subject) {
    let (journal, capacity) = subject.small_journal();
    let shard = journal.shard_of("key");
    for _ in 0..3 {
        let writes = vec![set("key", "x"); capacity];
        let all = journal_append(journal, shard, &writes).await;
        assert_eq!(all.expect("room").len(), capacity);
        let other = (0..100).map(|n| format!("other {n}"));
        for key in other {
            let writes = [set(&key, "x")];
            let refused = journal_append(journal, journal.shard_of(&key), &writes).await;
            assert_eq!(kind(&refused), ErrorKind::Backpressure);
        }
        let claim = journal.claim(shard, LONG).await.expect("claim");
        let claim = claim.expect("nobody else's");
        let read = journal.read(&claim, Sequence::ZERO, capacity).await;
        let read = read.expect("read");
        assert_eq!(read.last().expect("a record").value, some("x"));
        let done = journal.acknowledge(&claim, &read).await;
        done.expect("acknowledge");
        journal.release(&claim).await.expect("release");
    }
}

async fn journal_append(
    journal: &dyn Journal,
    shard: u32,
    writes: &[JournalWrite],
) -> Result<Vec<Sequence>, larder_cache_core::Error> {
    let append = Append {
        writer: WRITER,
        settled: Sequence::ZERO,
        writes,
    };
    journal.append(shard, append).await
}
