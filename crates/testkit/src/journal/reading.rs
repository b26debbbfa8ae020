//! What the holder of a claim reads.

use larder_cache_core::{Append, Sequence};

use super::subject::{Subject, WRITER, sequences, set, some};

/// Pages hold what comes after a number, so many at most, and leave nothing out.
pub async fn pages_follow_one_another(subject: &Subject) {
    let keys = subject.keys_of(0, 25);
    let writes: Vec<_> = keys.iter().map(|key| set(key, key)).collect();
    let expected = subject.append(&writes).await;
    let claim = subject.claim(0).await;
    let (mut found, mut after) = (Vec::new(), Sequence::ZERO);
    for expected in [7, 7, 7, 4, 0] {
        let page = subject.read(&claim, after, 7).await;
        assert_eq!(page.len(), expected);
        after = page.last().map_or(after, |record| record.sequence);
        found.extend(page);
    }
    assert_eq!(sequences(&found), expected);
    assert!(found.iter().all(|record| record.value.is_some()));
    assert_eq!(subject.read(&claim, Sequence::ZERO, 0).await, []);
}

/// Nothing is nothing.
pub async fn an_empty_shard_has_no_pages(subject: &Subject) {
    let claim = subject.claim(0).await;
    assert_eq!(subject.read_all(&claim).await, []);
    let key = &subject.keys_of(1, 1)[0];
    subject.set(key, "of another shard").await;
    assert_eq!(subject.read_all(&claim).await, []);
}

/// What was read and not acknowledged is read again, as it was, and whole.
pub async fn what_was_read_stays(subject: &Subject) {
    subject.set("key", "x").await;
    let claim = subject.claim_of("key").await;
    let first = subject.read_all(&claim).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].key, "key");
    assert_eq!(first[0].value, some("x"));
    assert_eq!(first[0].writer, WRITER);
    assert_eq!(subject.read_all(&claim).await, first);
    subject.release(&claim).await;
    let next = subject.claim_of("key").await;
    let again = subject.read_all(&next).await;
    assert_eq!(sequences(&again), sequences(&first));
    assert_eq!(again[0].value, some("x"));
}

/// One holder counts once, however often it reads.
pub async fn a_reader_counts_once(subject: &Subject) {
    subject.set("key", "x").await;
    let claim = subject.claim_of("key").await;
    for _ in 0..3 {
        assert_eq!(subject.read_all(&claim).await[0].deliveries, 1);
    }
}

/// Every further holder that reads a write counts.
pub async fn deliveries_count_readers(subject: &Subject) {
    subject.set("key", "x").await;
    for expected in 1..=5 {
        let claim = subject.claim_of("key").await;
        let deliveries = subject.read_all(&claim).await[0].deliveries;
        assert_eq!(deliveries, expected);
        subject.release(&claim).await;
    }
}

/// A holder that did not read a write does not count for it.
pub async fn what_was_not_read_has_no_delivery(subject: &Subject) {
    let keys = subject.keys_of(0, 4);
    let writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
    subject.append(&writes).await;
    for count in [1, 0, 2] {
        let claim = subject.claim(0).await;
        subject.read(&claim, Sequence::ZERO, count).await;
        subject.release(&claim).await;
    }
    subject.release(&subject.claim(0).await).await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    let deliveries: Vec<_> = read.iter().map(|record| record.deliveries).collect();
    assert_eq!(deliveries, [3, 2, 1, 1]);
}

/// A writer's later append tells what it has settled: that, and not what came after.
pub async fn settled_up_to_the_mark(subject: &Subject) {
    let keys = subject.keys_of(0, 3);
    let writes: Vec<_> = keys.iter().map(|key| set(key, "x")).collect();
    let first = subject.append(&writes).await;
    subject.append_by(WRITER, first[1], &writes[..1]).await;
    let read = subject.read_all(&subject.claim(0).await).await;
    let settled: Vec<_> = read.iter().map(|record| record.is_settled).collect();
    assert_eq!(settled, [true, true, false, false]);
    assert!(subject.latest(&keys[1]).await.expect("a write").is_settled);
    assert!(!subject.latest(&keys[2]).await.expect("a write").is_settled);
}

/// What one writer says is said of its own writes alone.
pub async fn writers_settle_their_own(subject: &Subject) {
    let keys = subject.keys_of(0, 1);
    let write = [set(&keys[0], "x")];
    subject.append_by(1, Sequence::ZERO, &write).await;
    let second = subject.append_by(2, Sequence::ZERO, &write).await[0];
    subject.append_by(2, second, &write).await;
    let read = subject.read_all(&subject.claim(0).await).await;
    let settled: Vec<_> = read.iter().map(|record| record.is_settled).collect();
    assert_eq!(settled, [false, true, false]);
    let writers: Vec<_> = read.iter().map(|record| record.writer).collect();
    assert_eq!(writers, [1, 2, 2]);
}

/// A writer that has nothing more to write can still say what it has settled.
pub async fn an_append_of_nothing_settles(subject: &Subject) {
    let sequence = subject.set("key", "x").await;
    let append = Append {
        writer: WRITER,
        settled: sequence,
        writes: &[],
    };
    let shard = subject.shard_of("key");
    let none = subject.journal().append(shard, append).await;
    assert_eq!(none.expect("append"), []);
    assert!(subject.latest("key").await.expect("a write").is_settled);
}

/// An append that was under way for long does not take back what a later one has said.
pub async fn a_settled_mark_never_goes_back(subject: &Subject) {
    let first = subject.set("key", "x").await;
    let write = [set("key", "y")];
    subject.append_by(WRITER, first, &write).await;
    subject.append_by(WRITER, Sequence::ZERO, &write).await;
    let claim = subject.claim_of("key").await;
    let settled: Vec<_> = subject.read_all(&claim).await;
    let settled: Vec<_> = settled.iter().map(|record| record.is_settled).collect();
    assert_eq!(settled, [true, false, false]);
}
