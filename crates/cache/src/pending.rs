//! Changes that failed: what the backend holds of their keys may be outdated.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use larder_cache_core::Key;

use crate::shared::Shared;

/// Keys whose last change did not reach the backend, as far as is known. Until they have
/// been deleted there, they are neither read from it nor filled.
///
/// It is bounded: beyond the bound all keys count as pending, so that nothing outdated is
/// read, and the first replay that goes through ends that.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    inner: Mutex<Inner>,
    /// Of the keys, for readers who need not look.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<Key, Attempt>,
    failures: u64,
    /// There were more than could be remembered.
    overflowed: bool,
    is_replaying: bool,
}

/// Which failure a replay is for: a key may fail again meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt(u64);

/// The most keys that are remembered: a dozen megabytes.
const MOST: usize = 100_000;

/// Keys in one replay.
const REPLAY: usize = 512;

/// The pauses between replays that fail.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

impl Pending {
    /// Whether what the backend holds of a key may be outdated.
    pub(crate) fn holds(&self, key: &Key) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let inner = self.lock();
        inner.overflowed || inner.keys.contains_key(key)
    }

    /// How many keys are pending.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// A change of the key has failed, or nobody knows.
    fn add(&self, key: Key) {
        let mut inner = self.lock();
        inner.failures += 1;
        let attempt = Attempt(inner.failures);
        if inner.keys.len() < MOST || inner.keys.contains_key(&key) {
            inner.keys.insert(key, attempt);
        } else if !inner.overflowed {
            inner.overflowed = true;
            tracing::error!(
                keys = MOST,
                "more changes failed than can be remembered: nothing is read from the backend \
                 until it is back, and keys beyond these may be outdated then"
            );
        }
        self.count.store(inner.keys.len(), Ordering::Release);
    }

    /// A change of the key was made: an earlier one that failed no longer matters.
    pub(crate) fn settle(&self, key: &Key) {
        if self.count.load(Ordering::Acquire) > 0 {
            self.settle_all([(key.clone(), None)]);
        }
    }

    fn settle_all(&self, settled: impl IntoIterator<Item = (Key, Option<Attempt>)>) {
        let mut inner = self.lock();
        for (key, attempt) in settled {
            if attempt.is_none() || inner.keys.get(&key).copied() == attempt {
                inner.keys.remove(&key);
            }
        }
        self.count.store(inner.keys.len(), Ordering::Release);
    }

    fn begin_replay(&self) -> bool {
        !std::mem::replace(&mut self.lock().is_replaying, true)
    }

    /// Some of the keys; the replay is over where there are none.
    fn next(&self) -> Vec<(Key, Attempt)> {
        let mut inner = self.lock();
        let some = inner.keys.iter().take(REPLAY);
        let some: Vec<_> = some.map(|(key, attempt)| (key.clone(), *attempt)).collect();
        if some.is_empty() {
            inner.is_replaying = false;
            inner.overflowed = false;
        }
        some
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Remembers that changes of these keys may not have reached the backend, and sees to
    /// it that they are deleted there.
    pub(crate) fn remember_failed(&self, keys: impl IntoIterator<Item = Key>) {
        keys.into_iter().for_each(|key| self.pending.add(key));
        // A caller may be dropped together with the runtime.
        let in_runtime = tokio::runtime::Handle::try_current().is_ok();
        if !in_runtime || self.pending.count() == 0 || !self.pending.begin_replay() {
            return;
        }
        let replay = replay(self.me.clone(), Arc::clone(&self.pending));
        let spawned = self.tasks.spawn("replay of failed changes".into(), replay);
        if spawned.is_err() {
            tracing::warn!(
                keys = self.pending.count(),
                "changes failed and the cache is shut down: these keys may be outdated in the backend"
            );
        }
    }
}

async fn replay(shared: Weak<Shared>, pending: Arc<Pending>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let some = pending.next();
        let Some(shared) = shared.upgrade().filter(|_| !some.is_empty()) else {
            return;
        };
        let keys: Vec<Key> = some.iter().map(|(key, _)| key.clone()).collect();
        let mut budget = shared.budget(None);
        let deleted = shared.call("delete", &mut budget, |call| {
            shared.backend.delete(&keys, call)
        });
        match deleted.await {
            Ok(_) => {
                let settled = some.into_iter().map(|(key, attempt)| (key, Some(attempt)));
                pending.settle_all(settled);
                pause = Duration::ZERO;
            }
            Err(error) => {
                tracing::debug!(%error, keys = pending.count(), "failed changes stay pending");
                pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use larder_cache_core::KeyPrefix;

    use super::*;

    fn key(number: usize) -> Key {
        let prefix = KeyPrefix::new("t").unwrap();
        prefix.value("n", &number.to_string()).unwrap()
    }

    #[test]
    fn a_key_that_failed_again_stays() {
        let pending = Pending::default();
        assert!(!pending.holds(&key(1)));
        pending.add(key(1));
        let replayed = pending.next();
        pending.add(key(1));
        pending.settle_all(replayed.into_iter().map(|(key, at)| (key, Some(at))));
        assert!(pending.holds(&key(1)), "the second failure is unanswered");
        pending.settle(&key(1));
        assert!(!pending.holds(&key(1)));
        assert_eq!(pending.count(), 0);
    }

    #[test]
    fn beyond_the_bound_nothing_is_trusted() {
        let pending = Pending::default();
        (0..=MOST).for_each(|number| pending.add(key(number)));
        assert_eq!(pending.count(), MOST);
        assert!(pending.holds(&key(MOST)) && pending.holds(&key(MOST + 7)));
        loop {
            let some = pending.next();
            if some.is_empty() {
                break;
            }
            pending.settle_all(some.into_iter().map(|(key, at)| (key, Some(at))));
        }
        assert!(!pending.holds(&key(0)));
    }
}
