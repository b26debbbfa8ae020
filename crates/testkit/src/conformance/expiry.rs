//! Times to live.

use std::time::Duration;

use larder_cache_core::{Expiry, Ttl};

use super::subject::{Subject, assert_ends_in, some, write_for};

/// How much later than asked a value may still be there: servers compare whole
/// milliseconds of a clock that they read once per round.
const LATE: Duration = Duration::from_millis(10);

/// How much earlier it may be gone: servers cut off the fraction of the millisecond in
/// which the value was stored.
const EARLY: Duration = Duration::from_millis(2);

const BRIEF: Duration = Duration::from_millis(30);
const HOUR: Duration = Duration::from_secs(3600);

/// A time to live is kept to the millisecond.
pub async fn ttl_to_the_millisecond(subject: &Subject) {
    for millis in [5_001, 59_999, 3_600_001] {
        let key = subject.key(&format!("for {millis} ms"));
        let ttl = Duration::from_millis(millis);
        let began = subject.now();
        subject.put_for(&key, "x", ttl).await;
        let found = subject.ttl(&key).await;
        assert_ends_in(found, ttl, subject.now().since(began));
    }
}

/// A fraction of a millisecond counts as a whole one.
pub async fn fractions_of_a_millisecond_round_up(subject: &Subject) {
    let (brief, long) = (subject.key("brief"), subject.key("long"));
    let nanosecond = Duration::from_nanos(1);
    subject.put_for(&brief, "x", nanosecond).await;
    subject
        .eventually("the end of 1 ns", async || {
            subject.get(&brief).await.is_none()
        })
        .await;
    subject
        .eventually("an answer within the millisecond", async || {
            subject.put_for(&long, "x", HOUR + nanosecond).await;
            let Some(Expiry::In(left)) = subject.ttl(&long).await else {
                panic!("no end");
            };
            assert!(left <= HOUR + Duration::from_millis(1), "{left:?}");
            left > HOUR
        })
        .await;
}

/// A hundred years are a time to live like others.
pub async fn the_longest_ttl(subject: &Subject) {
    let key = subject.key("heirloom");
    let began = subject.now();
    subject.put_for(&key, "x", Ttl::MAX).await;
    let found = subject.ttl(&key).await;
    assert_ends_in(found, Ttl::MAX, subject.now().since(began));
    assert_eq!(subject.get(&key).await, some("x"));
}

/// What ends, what does not, and what is not there are told apart, key by key.
pub async fn ttl_in_order(subject: &Subject) {
    let keys = subject.keys(&["timed", "missing", "endless", "timed"]);
    let began = subject.now();
    subject.put_for(&keys[0], "x", HOUR).await;
    subject.put(&keys[2], "x").await;
    let ttls = subject.backend().ttl(&keys, subject.call()).await;
    let ttls = ttls.expect("ttl");
    assert_eq!(ttls.len(), 4);
    assert_eq!((ttls[1], ttls[2]), (None, Some(Expiry::Never)));
    for timed in [ttls[0], ttls[3]] {
        assert_ends_in(timed, HOUR, subject.now().since(began));
    }
}

/// What has expired is there for no operation.
pub async fn expired_is_gone(subject: &Subject) {
    let (key, kept) = (subject.key("brief"), subject.key("kept"));
    subject.put(&kept, "x").await;
    subject.put_for(&key, "x", BRIEF).await;
    subject
        .eventually("expiry", async || subject.get(&key).await.is_none())
        .await;
    let keys = [key.clone(), kept.clone()];
    assert_eq!(subject.exists(&keys).await, [false, true]);
    assert_eq!(subject.ttl(&key).await, None);
    assert_eq!(subject.head(&keys, 1).await[0], None);
    let found = subject.scan(&subject.pattern("*"), 100).await;
    assert_eq!(found, [kept.as_str()]);
    assert_eq!(subject.delete(&keys).await, 1);
}

/// A value is there until its time is over, and not afterwards.
pub async fn nothing_is_served_past_its_ttl(subject: &Subject) {
    for millis in [1, 20, 75] {
        let key = subject.key(&format!("for {millis} ms"));
        let ttl = Duration::from_millis(millis);
        let sent = subject.now();
        subject.put_for(&key, "x", ttl).await;
        let stored = subject.now();
        subject
            .eventually("expiry", async || {
                let asked = subject.now();
                let there = subject.get(&key).await.is_some();
                let answered = subject.now();
                let (late, early) = (asked.since(stored), answered.since(sent));
                assert!(!there || late < ttl + LATE, "there {late:?} after {ttl:?}");
                assert!(there || early + EARLY >= ttl, "gone {early:?} of {ttl:?}");
                !there
            })
            .await;
    }
}

/// A write without an end takes away the end that was there.
pub async fn overwriting_clears_the_ttl(subject: &Subject) {
    let (key, witness) = (subject.key("key"), subject.key("witness"));
    subject.put_for(&key, "old", BRIEF).await;
    subject.put(&key, "new").await;
    assert_eq!(subject.ttl(&key).await, Some(Expiry::Never));
    subject.put_for(&witness, "x", BRIEF).await;
    subject
        .eventually("expiry", async || subject.get(&witness).await.is_none())
        .await;
    subject.stir().await;
    assert_eq!(subject.get(&key).await, some("new"));
}

/// A write with an end gives it to what had another or none.
pub async fn overwriting_sets_the_ttl(subject: &Subject) {
    let (key, witness) = (subject.key("key"), subject.key("witness"));
    subject.put(&key, "endless").await;
    for ttl in [BRIEF, HOUR, 3 * HOUR, 2 * HOUR] {
        let began = subject.now();
        assert!(subject.set(write_for(&key, "timed", ttl)).await);
        let found = subject.ttl(&key).await;
        assert_ends_in(found, ttl, subject.now().since(began));
    }
    subject.put_for(&witness, "x", BRIEF).await;
    subject
        .eventually("expiry", async || subject.get(&witness).await.is_none())
        .await;
    subject.stir().await;
    assert_eq!(subject.get(&key).await, some("timed"));
    subject.put_for(&key, "brief", BRIEF).await;
    subject
        .eventually("expiry", async || subject.get(&key).await.is_none())
        .await;
}
