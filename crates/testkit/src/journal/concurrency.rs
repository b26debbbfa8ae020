//! Many at once.

use std::collections::HashMap;
use std::sync::Arc;

use larder_cache_core::{Append, Journal, JournalRecord, JournalWrite, Sequence};
use tokio::task::JoinSet;

use super::subject::{LONG, Subject, set};

const TASKS: u64 = 16;

/// What one caller appends one after the other is read so, whatever others append.
pub async fn callers_keep_their_order(subject: &Subject) {
    let key = subject.keys_of(0, 1).remove(0);
    let mut tasks = JoinSet::new();
    for writer in 0..TASKS {
        let (journal, key) = (subject.journal(), key.clone());
        tasks.spawn(async move {
            let mut sequences = Vec::new();
            for number in 0..50 {
                let writes = [set(&key, number.to_string())];
                sequences.extend(append(&*journal, writer, &writes).await);
            }
            (writer, sequences)
        });
    }
    let appended: HashMap<_, _> = tasks.join_all().await.into_iter().collect();
    let read = subject.read_all(&subject.claim(0).await).await;
    assert_eq!(read.len(), TASKS as usize * 50);
    for (writer, sequences) in appended {
        let own: Vec<_> = of(&read, writer).collect();
        let found: Vec<_> = own.iter().map(|record| record.sequence).collect();
        assert_eq!(found, sequences);
        for (number, record) in own.iter().enumerate() {
            assert_eq!(record.value.as_deref(), Some(number.to_string().as_bytes()));
        }
    }
}

/// A claim is granted to one.
pub async fn one_of_many_claims(subject: &Subject) {
    for _ in 0..20 {
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let journal = subject.journal();
            tasks.spawn(async move { journal.claim(0, LONG).await.expect("claim") });
        }
        let granted: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(granted.len(), 1);
        subject.release(&granted[0]).await;
    }
}

/// The writes of one append stand together.
pub async fn appends_are_not_mixed(subject: &Subject) {
    let keys = Arc::new(subject.keys_of(1, 5));
    let mut tasks = JoinSet::new();
    for writer in 0..TASKS {
        let (journal, keys) = (subject.journal(), keys.clone());
        tasks.spawn(async move {
            for _ in 0..20 {
                let writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
                append(&*journal, writer, &writes).await;
            }
        });
    }
    tasks.join_all().await;
    let read = subject.read_all(&subject.claim(1).await).await;
    assert_eq!(read.len(), TASKS as usize * 100);
    for together in read.chunks(5) {
        let writer = together[0].writer;
        assert!(together.iter().all(|record| record.writer == writer));
        assert!(together.iter().map(|record| &record.key).eq(keys.iter()));
    }
}

/// A consumer that reads and takes while others append meets every write once, in order.
pub async fn consumers_miss_nothing(subject: &Subject) {
    let key = subject.keys_of(0, 1).remove(0);
    let mut tasks = JoinSet::new();
    for writer in 0..4 {
        let (journal, key) = (subject.journal(), key.clone());
        tasks.spawn(async move {
            for number in 0..100 {
                append(&*journal, writer, &[set(&key, number.to_string())]).await;
            }
        });
    }
    let claim = subject.claim(0).await;
    let mut seen: Vec<JournalRecord> = Vec::new();
    subject
        .eventually("all writes", async || {
            let page = subject.read(&claim, Sequence::ZERO, 7).await;
            subject.acknowledge(&claim, &page).await;
            seen.extend(page);
            seen.len() >= 400
        })
        .await;
    assert_eq!(seen.len(), 400);
    assert!(seen.is_sorted_by(|one, next| one.sequence < next.sequence));
    for writer in 0..4 {
        for (number, record) in of(&seen, writer).enumerate() {
            assert_eq!(record.value.as_deref(), Some(number.to_string().as_bytes()));
        }
    }
    assert_eq!(subject.depth().await.records, 0);
}

async fn append(journal: &dyn Journal, writer: u64, writes: &[JournalWrite]) -> Vec<Sequence> {
    let append = Append {
        writer,
        settled: Sequence::ZERO,
        writes,
    };
    let shard = journal.shard_of(&writes[0].key);
    journal.append(shard, append).await.expect("append")
}

fn of(records: &[JournalRecord], writer: u64) -> impl Iterator<Item = &JournalRecord> {
    records.iter().filter(move |record| record.writer == writer)
}
