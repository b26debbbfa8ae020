//! Scans: what they find and what they don't miss.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fastrand::Rng;
use larder_cache_core::{Backend, Call, Glob, Key};
use tokio::task::JoinSet;

use super::subject::{Subject, write};

/// Pages of any size together have every key, and no other.
pub async fn scan_visits_everything(subject: &Subject) {
    let expected: BTreeSet<String> = put_many(subject, 1000).await;
    for limit in [0, 1, 7, 100, 1000, 5000] {
        let found = subject.scan(&subject.pattern("*"), limit).await;
        let found: BTreeSet<String> = found.into_iter().collect();
        assert!(found == expected, "limit {limit}: {} keys", found.len());
    }
}

/// A pattern that matches nothing ends without a key.
pub async fn scan_of_nothing(subject: &Subject) {
    assert!(subject.scan(&subject.pattern("*"), 10).await.is_empty());
    put_many(subject, 50).await;
    let nothing = subject.pattern("nothing:*");
    assert!(subject.scan(&nothing, 10).await.is_empty());
    assert!(subject.scan(&Glob::new(""), 1000).await.is_empty());
}

/// A namespace's pattern finds no key of a namespace whose name begins alike.
pub async fn scan_stays_in_its_namespace(subject: &Subject) {
    let own = subject.key("own");
    subject.put(&own, "x").await;
    subject.put(&subject.neighbour("other"), "x").await;
    let found = subject.scan(&subject.pattern("*"), 100).await;
    assert_eq!(found, [own.as_str()]);
}

/// Keys that are there from the first page to the last are found, whatever else comes
/// and goes.
pub async fn scan_under_concurrent_writes(subject: &Subject) {
    let expected = put_many(subject, 500).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..3 {
        let names = (0..200).map(|n| format!("passing:{writer}:{n}"));
        let keys: Vec<Key> = names.map(|name| subject.key(&name)).collect();
        let backend = Arc::clone(subject.backend());
        writers.spawn(come_and_go(
            backend,
            keys,
            subject.call(),
            Arc::clone(&stop),
        ));
    }
    for limit in [1, 3, 10, 50, 200, 1000] {
        let found = subject.scan(&subject.pattern("*"), limit).await;
        let found: BTreeSet<String> = found.into_iter().collect();
        let missing = expected.difference(&found).count();
        assert_eq!(missing, 0, "of 500 keys, with limit {limit}");
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(writer) = writers.join_next().await {
        writer.expect("no panic");
    }
}

async fn put_many(subject: &Subject, count: usize) -> BTreeSet<String> {
    let keys: Vec<_> = (0..count).map(|n| subject.key(&format!("n{n}"))).collect();
    let writes: Vec<_> = keys.iter().map(|key| write(key, "x")).collect();
    let stored = subject.backend().set(&writes, subject.call()).await;
    assert_eq!(stored.expect("set"), vec![true; count]);
    keys.iter().map(|key| key.as_str().to_owned()).collect()
}

async fn come_and_go(backend: Arc<dyn Backend>, keys: Vec<Key>, call: Call, stop: Arc<AtomicBool>) {
    let mut rng = Rng::with_seed(keys.len() as u64);
    while !stop.load(Ordering::Relaxed) {
        let from = rng.usize(..keys.len());
        let some = &keys[from..(from + 20).min(keys.len())];
        if rng.bool() {
            let writes: Vec<_> = some.iter().map(|key| write(key, "passing")).collect();
            backend.set(&writes, call).await.expect("set");
        } else {
            backend.delete(some, call).await.expect("delete");
        }
        // An embedded backend never waits; the scan needs its turn.
        tokio::task::yield_now().await;
    }
}
