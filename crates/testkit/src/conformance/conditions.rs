//! Conditional writes.

use std::time::Duration;

use larder_cache_core::{Condition, Expiry};

use super::subject::{Subject, assert_ends_in, some, write, write_for, write_if};

const HOUR: Duration = Duration::from_secs(3600);

/// `IfAbsent` stores where there is nothing, and only there.
pub async fn if_absent(subject: &Subject) {
    let key = subject.key("once");
    assert!(subject.set(write_if(&key, "1", Condition::IfAbsent)).await);
    assert!(!subject.set(write_if(&key, "2", Condition::IfAbsent)).await);
    assert_eq!(subject.get(&key).await, some("1"));
    subject.delete(std::slice::from_ref(&key)).await;
    assert!(subject.set(write_if(&key, "3", Condition::IfAbsent)).await);
    assert_eq!(subject.get(&key).await, some("3"));
}

/// `IfPresent` stores where there is something, and only there.
pub async fn if_present(subject: &Subject) {
    let key = subject.key("again");
    assert!(!subject.set(write_if(&key, "1", Condition::IfPresent)).await);
    assert_eq!(subject.get(&key).await, None);
    subject.put(&key, "2").await;
    assert!(subject.set(write_if(&key, "3", Condition::IfPresent)).await);
    assert_eq!(subject.get(&key).await, some("3"));
}

/// A write that is refused moves neither the value nor its end.
pub async fn a_refused_write_changes_nothing(subject: &Subject) {
    let (timed, endless) = (subject.key("timed"), subject.key("endless"));
    let began = subject.now();
    subject.put_for(&timed, "kept", HOUR).await;
    subject.put(&endless, "kept").await;
    for key in [&timed, &endless] {
        let mut refused = write_for(key, "refused", 2 * HOUR);
        refused.condition = Condition::IfAbsent;
        assert!(!subject.set(refused).await);
        assert!(!subject.set(write_if(key, "", Condition::IfAbsent)).await);
        assert_eq!(subject.get(key).await, some("kept"));
    }
    let found = subject.ttl(&timed).await;
    assert_ends_in(found, HOUR, subject.now().since(began));
    assert_eq!(subject.ttl(&endless).await, Some(Expiry::Never));
}

/// What has expired is absent to conditions too.
pub async fn conditions_take_expired_for_absent(subject: &Subject) {
    let keys = subject.keys(&["a", "b"]);
    for key in &keys {
        subject.put_for(key, "old", Duration::from_millis(20)).await;
    }
    subject
        .eventually("expiry", async || {
            subject.exists(&keys).await == [false, false]
        })
        .await;
    let present = write_if(&keys[0], "new", Condition::IfPresent);
    assert!(!subject.set(present).await);
    let absent = write_if(&keys[1], "new", Condition::IfAbsent);
    assert!(subject.set(absent).await);
    assert_eq!(subject.get_all(&keys).await, [None, some("new")]);
    assert_eq!(subject.ttl(&keys[1]).await, Some(Expiry::Never));
}

/// Each write of a batch sees those before it.
pub async fn conditions_within_a_batch(subject: &Subject) {
    let (a, b) = (subject.key("a"), subject.key("b"));
    let writes = [
        write(&a, "1"),
        write_if(&a, "2", Condition::IfAbsent),
        write_if(&b, "3", Condition::IfPresent),
        write_if(&b, "4", Condition::IfAbsent),
        write_if(&b, "5", Condition::IfPresent),
        write_if(&a, "6", Condition::IfPresent),
    ];
    let stored = subject.backend().set(&writes, subject.call()).await;
    assert_eq!(stored.expect("set"), [true, false, false, true, true, true]);
    assert_eq!(subject.get_all(&[a, b]).await, [some("6"), some("5")]);
}
