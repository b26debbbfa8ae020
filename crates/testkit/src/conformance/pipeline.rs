//! Different operations in one call.

use std::time::Duration;

use larder_cache_core::{Bytes, Condition, Entry, Expiry, Lifetime, Operation, Reply};

use super::expire::entry;
use super::subject::{Subject, some, write, write_if};

const HOUR: Duration = Duration::from_secs(3600);

/// Each operation has its own answer, in its place.
pub async fn pipeline_answers_in_order(subject: &Subject) {
    let (a, b, missing) = (subject.key("a"), subject.key("b"), subject.key("missing"));
    subject.put(&a, "A").await;
    subject.put(&b, "B").await;
    let operations = [
        Operation::Get(b.clone()),
        Operation::Get(missing.clone()),
        Operation::Delete(missing.clone()),
        Operation::Delete(b),
        Operation::Set(write(&subject.key("c"), "C")),
        Operation::Expire(missing, Lifetime::default()),
        Operation::Get(a),
    ];
    let expected = [
        Answer::Value(some("B")),
        Answer::Value(None),
        Answer::Done(false),
        Answer::Done(true),
        Answer::Done(true),
        Answer::Done(false),
        Answer::Value(some("A")),
    ];
    assert_eq!(run(subject, &operations).await, expected);
}

/// An operation sees what those before it did.
pub async fn pipeline_reads_its_own_writes(subject: &Subject) {
    let key = subject.key("key");
    let operations = [
        Operation::Get(key.clone()),
        Operation::Set(write(&key, "1")),
        Operation::Get(key.clone()),
        Operation::Set(write(&key, "2")),
        Operation::Get(key.clone()),
        Operation::Delete(key.clone()),
        Operation::Delete(key.clone()),
        Operation::Get(key),
    ];
    let expected = [
        Answer::Value(None),
        Answer::Done(true),
        Answer::Value(some("1")),
        Answer::Done(true),
        Answer::Value(some("2")),
        Answer::Done(true),
        Answer::Done(false),
        Answer::Value(None),
    ];
    assert_eq!(run(subject, &operations).await, expected);
}

/// Conditions hold as they do alone.
pub async fn pipeline_keeps_conditions(subject: &Subject) {
    let key = subject.key("key");
    let operations = [
        Operation::Set(write_if(&key, "1", Condition::IfPresent)),
        Operation::Set(write_if(&key, "2", Condition::IfAbsent)),
        Operation::Set(write_if(&key, "3", Condition::IfAbsent)),
        Operation::Set(write_if(&key, "4", Condition::IfPresent)),
    ];
    let expected = [false, true, false, true].map(Answer::Done);
    assert_eq!(run(subject, &operations).await, expected);
    assert_eq!(subject.get(&key).await, some("4"));
}

/// Expiry moves as it does alone, also that of an entry stored a step before.
pub async fn pipeline_moves_expiry(subject: &Subject) {
    let (new, foreign) = (subject.key("new"), subject.key("foreign"));
    let lifetime = Lifetime {
        soft: None,
        hard: Some(HOUR),
    };
    let operations = [
        Operation::Set(write(&new, entry("x").encode())),
        Operation::Expire(new.clone(), lifetime),
        Operation::Set(write(&foreign, "foreign")),
        Operation::Expire(foreign.clone(), lifetime),
    ];
    let expected = [true, true, true, false].map(Answer::Done);
    assert_eq!(run(subject, &operations).await, expected);
    assert!(matches!(subject.ttl(&new).await, Some(Expiry::In(left)) if left <= HOUR));
    let stored = subject.get(&new).await.expect("an entry");
    let freshness = Entry::decode(&stored).expect("sound").header.freshness;
    assert!(freshness.hard.is_some());
    assert_eq!(subject.ttl(&foreign).await, Some(Expiry::Never));
}

/// Thousands of operations work like few.
pub async fn long_pipelines(subject: &Subject) {
    let key = |n: usize| subject.key(&(n % 100).to_string());
    let operations: Vec<_> = (0..3000)
        .map(|n| match n % 3 {
            0 => Operation::Set(write(&key(n / 3), n.to_string())),
            1 => Operation::Get(key(n / 3)),
            _ => Operation::Delete(key(n / 3)),
        })
        .collect();
    let expected: Vec<_> = (0..3000_usize)
        .map(|n| match n % 3 {
            1 => Answer::Value(Some(Bytes::from((n - 1).to_string()))),
            _ => Answer::Done(true),
        })
        .collect();
    assert!(run(subject, &operations).await == expected);
}

/// A reply that can be compared.
#[derive(Debug, PartialEq)]
enum Answer {
    Value(Option<Bytes>),
    Done(bool),
}

async fn run(subject: &Subject, operations: &[Operation]) -> Vec<Answer> {
    let replies = subject.backend().pipeline(operations, subject.call()).await;
    let answer = |reply| match reply {
        Ok(Reply::Value(value)) => Answer::Value(value),
        Ok(Reply::Done(done)) => Answer::Done(done),
        other => panic!("an unexpected reply: {other:?}"),
    };
    replies.expect("pipeline").into_iter().map(answer).collect()
}
