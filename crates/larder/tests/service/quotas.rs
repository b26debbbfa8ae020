//! The quota of a namespace, on each backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use larder::{Cache, Compression, Event, Namespace, Observer, TypedCache};

use crate::backing::{Backing, eventually, physical};

const QUOTA: u64 = 256 << 10;

/// Counts what was enforced.
#[derive(Debug, Default)]
struct Enforced(AtomicUsize);

impl Observer for Enforced {
    fn observe(&self, event: &Event<'_>) {
        if let Event::QuotaEnforced { .. } = event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn process(backing: &Backing, quota: u64, enforced: &Arc<Enforced>) -> Cache {
    let limited = Namespace::new("limited").quota_bytes(quota);
    let limited = limited.compression(Compression::Off);
    let observer = enforced.clone();
    backing
        .build(move |builder| builder.namespace(limited).observer(observer))
        .await
}

fn limited(cache: &Cache) -> TypedCache<String> {
    cache.namespace("limited").unwrap().typed()
}

/// 4 KiB that tell their key.
fn value(key: usize) -> String {
    format!("{key:04}").repeat(1 << 10)
}

/// Two processes write three times the quota, while others read. Within two sweeps and some
/// seconds no more than the quota is stored, though nobody writes any more.
pub(crate) async fn processes_keep_a_quota_together(backing: &Backing) {
    let enforced = Arc::new(Enforced::default());
    let one = process(backing, QUOTA, &enforced).await;
    let other = process(backing, QUOTA, &enforced).await;
    let (ours, theirs) = (limited(&one), limited(&other));
    let ends = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (theirs, ends) = (theirs.clone(), ends.clone());
        async move {
            let mut hits = 0;
            while !ends.load(Ordering::Relaxed) {
                for key in (0..200).step_by(7) {
                    if let Some(found) = theirs.get(key.to_string()).await.unwrap() {
                        assert_eq!(*found, value(key));
                        hits += 1;
                    }
                }
                tokio::task::yield_now().await;
            }
            hits
        }
    });
    for key in 0..100 {
        ours.set(key.to_string(), value(key)).await.unwrap();
        let key = key + 100;
        theirs.set(key.to_string(), value(key)).await.unwrap();
    }
    eventually("the sweep", async || {
        backing.pass(Duration::from_millis(50)).await;
        ours.measure_usage().await.unwrap().bytes <= QUOTA
    })
    .await;
    // A sweep is told of at its end, which may come after its last deletion.
    let sweeps = || enforced.0.load(Ordering::Relaxed);
    eventually("the news of it", async || {
        backing.pass(Duration::from_millis(50)).await;
        sweeps() > 0
    })
    .await;
    // One sees what was written by then, one the rest; a third where writing took seconds.
    assert!(sweeps() <= 3, "{} sweeps", sweeps());
    ends.store(true, Ordering::Relaxed);
    assert!(reader.await.unwrap() > 0);
    let usage = theirs.usage().await.unwrap().unwrap();
    assert!(
        usage.bytes > QUOTA / 2 && usage.quota_bytes == Some(QUOTA),
        "{usage:?}"
    );
    hear(backing, &[ours, theirs]).await;
}

/// What was deleted is found by nobody, in no tier.
async fn hear(backing: &Backing, all: &[TypedCache<String>]) {
    if matches!(backing, Backing::Memory(..)) {
        // Two caches over one embedded backend are not told of each other's changes.
        return;
    }
    let program = backing.program().await;
    let mut gone = 0;
    for key in 0..200 {
        let key = key.to_string();
        if program.get(&physical("limited", &key)).await.is_none() {
            gone += 1;
            for users in all {
                let is_gone = async || users.get(&key).await.unwrap().is_none();
                eventually("the news", is_gone).await;
            }
        }
    }
    assert!(gone > 100, "{gone}");
}

/// A value that is kept elsewhere counts where its key is.
pub(crate) async fn large_values_count_whole(backing: &Backing) {
    let enforced = Arc::new(Enforced::default());
    let cache = process(backing, 4 << 20, &enforced).await;
    let large = limited(&cache);
    for key in 0..3 {
        large
            .set(key.to_string(), "x".repeat(1 << 20))
            .await
            .unwrap();
    }
    let usage = large.measure_usage().await.unwrap();
    assert_eq!(usage.entries, 3);
    assert!(
        (3 << 20..(3 << 20) + 1000).contains(&usage.bytes),
        "{usage:?}"
    );
    for key in 3..6 {
        large
            .set(key.to_string(), "x".repeat(1 << 20))
            .await
            .unwrap();
    }
    eventually("the sweep", async || {
        backing.pass(Duration::from_millis(50)).await;
        large
            .usage()
            .await
            .unwrap()
            .is_some_and(|usage| usage.entries < 6)
            && large.measure_usage().await.unwrap().entries == 3
    })
    .await;
    // Which, is not said of what was stored in one moment.
    let mut whole = 0;
    for key in 0..6 {
        if let Some(found) = large.get(key.to_string()).await.unwrap() {
            assert_eq!(*found, "x".repeat(1 << 20), "{key}");
            whole += 1;
        }
    }
    assert_eq!(whole, 3);
    // One, and another where the first began before the last value was written.
    let sweeps = enforced.0.load(Ordering::Relaxed);
    assert!((1..=2).contains(&sweeps), "{sweeps} sweeps");
}
