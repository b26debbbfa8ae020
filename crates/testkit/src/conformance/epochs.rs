//! Epoch records.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_cache_core::{
    Bytes, Condition, Epoch, EpochChange, EpochRecord, Invalidation, Key, MAX_TAG_SETS, Operation,
    Reply, Tag,
};
use tokio::task::JoinSet;

use super::concurrency::join;
use super::subject::{Subject, assert_ends_in, write_for};

/// How long a record lives after its last change.
const RECORD_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

const HOUR: Duration = Duration::from_secs(3600);

/// How many batches of random changes are made.
const BATCHES: usize = 300;

/// A record is made by the first who reads it, and read by all.
pub async fn a_record_is_made_once_and_read(subject: &Subject) {
    let key = subject.key("epoch");
    let record = |hard| EpochRecord::new(Epoch { hard, soft: 7 });
    for (own, made) in [(1, true), (2, false)] {
        let mut write = write_for(&key, record(own).encode(), RECORD_TTL);
        write.condition = Condition::IfAbsent;
        let operations = [Operation::Set(write), Operation::Get(key.clone())];
        let call = subject.call();
        let replies = subject.backend().pipeline(&operations, call).await;
        match replies.expect("pipeline").as_slice() {
            [Ok(Reply::Done(done)), Ok(Reply::Value(Some(found)))] => {
                assert_eq!(*done, made);
                assert_eq!(EpochRecord::decode(found), Some(record(1)));
            }
            other => panic!("unexpected replies: {other:?}"),
        }
    }
}

/// Where nothing stands, or nothing that is a record, any change makes one.
pub async fn every_change_makes_a_record(subject: &Subject) {
    let made = EpochRecord::new(Epoch { hard: 9, soft: 9 });
    let mut number = 0;
    for stored in [None, Some("junk"), Some("17 bytes of junk.")] {
        for others in [vec![], tags(&["b"]), tags(&["b", "c"])] {
            for effect in [Invalidation::Soft, Invalidation::Hard] {
                number += 1;
                let key = subject.key(&number.to_string());
                if let Some(stored) = stored {
                    subject.put(&key, stored).await;
                }
                let began = subject.now();
                renew(subject, &[change(&key, &others, effect, 9)]).await;
                assert_eq!(record(subject, &key).await, Some(made.clone()));
                let ttl = subject.ttl(&key).await;
                assert_ends_in(ttl, RECORD_TTL, subject.now().since(began));
            }
        }
    }
}

/// Every change moves the end of the record away.
pub async fn changes_renew_the_end(subject: &Subject) {
    let key = subject.key("epoch");
    for others in [vec![], tags(&["b"])] {
        for effect in [Invalidation::Soft, Invalidation::Hard] {
            let stored = EpochRecord::new(Epoch { hard: 1, soft: 2 });
            assert!(subject.set(write_for(&key, stored.encode(), HOUR)).await);
            let began = subject.now();
            renew(subject, &[change(&key, &others, effect, 3)]).await;
            let ttl = subject.ttl(&key).await;
            assert_ends_in(ttl, RECORD_TTL, subject.now().since(began));
        }
    }
}

/// A record tells some sets of tags apart; one more changes everything.
pub async fn too_many_sets_change_the_record_itself(subject: &Subject) {
    let key = subject.key("epoch");
    renew(subject, &[change(&key, &[], Invalidation::Hard, 1)]).await;
    let mut expected = EpochRecord::new(Epoch { hard: 1, soft: 1 });
    for number in 0..=MAX_TAG_SETS as u64 {
        assert_eq!(record(subject, &key).await, Some(expected.clone()));
        let others = tags(&[&format!("tag {number}")]);
        expected.apply(&others, Invalidation::Soft, 100 + number);
        let changes = [change(&key, &others, Invalidation::Soft, 100 + number)];
        renew(subject, &changes).await;
    }
    let fresh = 100 + MAX_TAG_SETS as u64;
    let alone = EpochRecord::new(Epoch {
        hard: fresh,
        soft: fresh,
    });
    assert_eq!(expected, alone);
    assert_eq!(record(subject, &key).await, Some(alone));
}

/// Random changes, in batches, make of a record what its definition says.
///
/// A failure names its seed; `LARDER_SEED` runs that one again.
pub async fn random_changes_match_the_definition(subject: &Subject) {
    let seed = match env::var("LARDER_SEED") {
        Ok(seed) => seed.parse().expect("LARDER_SEED must be a number"),
        Err(_) => fastrand::u64(..),
    };
    let mut rng = Rng::with_seed(seed);
    let keys = subject.keys(&["a", "b", "c"]);
    let mut model = BTreeMap::new();
    for number in 0..BATCHES {
        let changes: Vec<_> = (0..rng.usize(0..6))
            .map(|_| random_change(&mut rng, &keys))
            .collect();
        for change in &changes {
            apply(&mut model, change);
        }
        renew(subject, &changes).await;
        for key in &keys {
            assert_eq!(
                record(subject, key).await.as_ref(),
                model.get(key),
                "batch {number}, {changes:?}; run again with LARDER_SEED={seed}"
            );
        }
    }
}

/// Of many changes at once none is lost.
pub async fn changes_at_once_are_all_kept(subject: &Subject) {
    let key = subject.key("epoch");
    renew(subject, &[change(&key, &[], Invalidation::Hard, 1)]).await;
    let others: Vec<_> = (0..16).map(|n| tags(&[&format!("tag {n}")])).collect();
    let mut tasks = JoinSet::new();
    for others in others.clone() {
        let (backend, call) = (Arc::clone(subject.backend()), subject.call());
        let changes = [change(&key, &others, Invalidation::Hard, 7)];
        tasks.spawn(async move { backend.renew(&changes, call).await });
    }
    for renewed in join(tasks).await {
        renewed.expect("renew");
    }
    let found = record(subject, &key).await.expect("a record");
    for others in others {
        let mut alone = EpochRecord::new(Epoch { hard: 1, soft: 1 });
        alone.apply(&others, Invalidation::Hard, 7);
        assert_eq!(found.of_entry(&others), alone.of_entry(&others));
    }
}

/// A change of one of few records, seldom of its own epoch, so that now and then it holds
/// as many sets as it can, some of them with long names.
fn random_change(rng: &mut Rng, keys: &[Key]) -> EpochChange {
    let others = if rng.usize(0..20) == 0 {
        0
    } else {
        rng.usize(1..3)
    };
    let names: Vec<_> = (0..others)
        .map(|_| match rng.usize(0..30) {
            number if number < 3 => format!("ü{}", "x".repeat(200 + number)),
            number => format!("tag {number}"),
        })
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let effects = [Invalidation::Hard, Invalidation::Soft];
    let (key, effect) = (&keys[rng.usize(..keys.len())], effects[rng.usize(..2)]);
    change(key, &tags(&names), effect, rng.u64(1..))
}

fn apply(model: &mut BTreeMap<Key, EpochRecord>, change: &EpochChange) {
    let stored = model.get(&change.key).map(EpochRecord::encode);
    let record = change.apply_to(stored.as_deref());
    model.insert(change.key.clone(), record);
}

fn change(key: &Key, others: &[Tag], effect: Invalidation, fresh: u64) -> EpochChange {
    EpochChange {
        key: key.clone(),
        others: others.to_vec(),
        effect,
        fresh,
    }
}

fn tags(names: &[&str]) -> Vec<Tag> {
    Tag::list(names).expect("good tags")
}

async fn renew(subject: &Subject, changes: &[EpochChange]) {
    let renewed = subject.backend().renew(changes, subject.call()).await;
    renewed.expect("renew");
}

/// The record under a key; `None` where there is nothing.
async fn record(subject: &Subject, key: &Key) -> Option<EpochRecord> {
    let stored: Bytes = subject.get(key).await?;
    let record = EpochRecord::decode(&stored);
    Some(record.expect("a record"))
}
