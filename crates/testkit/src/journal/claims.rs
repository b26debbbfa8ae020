//! Who reads a shard.

use std::collections::HashSet;
use std::time::Duration;

use larder_cache_core::{ErrorKind, JournalRecord, Sequence, ShardClaim};

use super::subject::{LONG, Subject, kind};

/// Short enough to wait for its end, long enough to do something before.
const SHORT: Duration = Duration::from_millis(200);

/// A shard has one consumer; another shard may have another.
pub async fn a_claim_is_exclusive(subject: &Subject) {
    subject.claim(0).await;
    for _ in 0..3 {
        assert_eq!(subject.try_claim(0, LONG).await, None);
    }
    subject.claim(1).await;
}

/// Who lets go makes way at once.
pub async fn a_released_claim_is_free(subject: &Subject) {
    for _ in 0..3 {
        let claim = subject.claim(0).await;
        subject.release(&claim).await;
        subject.release(&claim).await;
    }
}

/// Who has lost a claim does not end the next one by letting go.
pub async fn another_claim_is_not_released(subject: &Subject) {
    let first = subject.claim(0).await;
    subject.release(&first).await;
    let second = subject.claim(0).await;
    subject.release(&first).await;
    assert_eq!(subject.try_claim(0, LONG).await, None);
    let renewed = subject.journal().renew(&second, LONG).await;
    assert!(renewed.expect("renew"));
}

/// A claim that is not renewed ends, and not before its time.
pub async fn a_claim_ends_in_time(subject: &Subject) {
    let began = std::time::Instant::now();
    let claim = subject.try_claim(0, SHORT).await.expect("nobody else's");
    let next = subject.try_claim(0, LONG).await;
    let is_early = began.elapsed() < SHORT;
    assert!(next.is_none() || !is_early, "it ended before its time");
    subject
        .eventually("the end of a claim", async || {
            subject.try_claim(0, LONG).await.is_some()
        })
        .await;
    let renewed = subject.journal().renew(&claim, LONG).await;
    assert!(!renewed.expect("renew"));
}

/// A claim lasts from its renewal, longer or shorter than before.
pub async fn a_renewed_claim_lasts(subject: &Subject) {
    let claim = subject.try_claim(0, SHORT).await.expect("nobody else's");
    let renewed = subject.journal().renew(&claim, LONG).await;
    assert!(renewed.expect("renew"));
    subject.pass(SHORT * 2).await;
    assert_eq!(subject.try_claim(0, LONG).await, None);
    let renewed = subject.journal().renew(&claim, SHORT).await;
    assert!(renewed.expect("renew"));
    subject
        .eventually("the end of a claim", async || {
            subject.try_claim(0, LONG).await.is_some()
        })
        .await;
}

/// A claim that was let go, or that ended unseen, does not come back.
pub async fn an_ended_claim_is_not_renewed(subject: &Subject) {
    let released = subject.claim(0).await;
    subject.release(&released).await;
    let renewed = subject.journal().renew(&released, LONG).await;
    assert!(!renewed.expect("renew"));
    let ended = subject.try_claim(1, SHORT).await.expect("nobody else's");
    subject.pass(SHORT * 2).await;
    let renewed = subject.journal().renew(&ended, LONG).await;
    assert!(!renewed.expect("renew"));
    subject.claim(0).await;
    subject.claim(1).await;
}

/// No token is used twice.
pub async fn tokens_differ(subject: &Subject) {
    let mut tokens = HashSet::new();
    for _ in 0..100 {
        let claim = subject.claim(0).await;
        subject.release(&claim).await;
        assert!(tokens.insert(claim.token), "{} came twice", claim.token);
    }
}

/// Who was too slow is told so by all that a claim is needed for.
pub async fn an_ended_claim_reads_and_takes_nothing(subject: &Subject) {
    let key = &subject.keys_of(0, 1)[0];
    subject.set(key, "x").await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    subject.release(&claim).await;
    check_superseded(subject, &claim, &read).await;
    let claim = subject.try_claim(0, SHORT).await.expect("nobody else's");
    subject.pass(SHORT * 2).await;
    check_superseded(subject, &claim, &read).await;
}

/// The same where somebody else has come since.
pub async fn a_superseded_claim_reads_and_takes_nothing(subject: &Subject) {
    let key = &subject.keys_of(0, 1)[0];
    subject.set(key, "x").await;
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    subject.release(&claim).await;
    let next = subject.claim(0).await;
    check_superseded(subject, &claim, &read).await;
    assert_eq!(subject.read_all(&next).await.len(), 1);
}

/// A token that nobody was given opens no shard, nor does one of another shard.
pub async fn an_invented_claim_is_none(subject: &Subject) {
    let key = &subject.keys_of(0, 1)[0];
    subject.set(key, "x").await;
    let other = subject.claim(1).await;
    let own = subject.claim(0).await;
    let read = subject.read_all(&own).await;
    for token in [0, own.token ^ 1, other.token] {
        let invented = ShardClaim { shard: 0, token };
        check_superseded(subject, &invented, &read).await;
        subject.release(&invented).await;
    }
    assert_eq!(subject.read_all(&own).await.len(), 1);
}

async fn check_superseded(subject: &Subject, claim: &ShardClaim, records: &[JournalRecord]) {
    let journal = subject.journal();
    let read = journal.read(claim, Sequence::ZERO, 10).await;
    assert_eq!(kind(&read), ErrorKind::Superseded);
    let acknowledged = journal.acknowledge(claim, records).await;
    assert_eq!(kind(&acknowledged), ErrorKind::Superseded);
    let letter = (records[0].clone(), "no".to_owned());
    let buried = journal.bury(claim, &[letter]).await;
    assert_eq!(kind(&buried), ErrorKind::Superseded);
    let renewed = journal.renew(claim, LONG).await.expect("renew");
    assert!(!renewed);
    let depth = subject.depth().await;
    assert_eq!((depth.records, depth.dead_letters), (1, 0));
}
