//! Changes that failed, and changes that a failover may have lost: what the backend holds
//! of their keys may be outdated.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use larder_cache_core::{Invalidation, Key, Moment, Result};

use crate::guards::Guard;
use crate::shared::Shared;

/// Keys whose last change did not reach the backend, as far as is known. Until they have
/// been deleted there, or changed if they are epochs, they are neither read from it nor
/// filled.
///
/// It is bounded: beyond the bound the whole namespaces of further keys count as pending.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    inner: Mutex<Inner>,
    /// Of the keys, for readers who need not look.
    count: AtomicUsize,
    /// How often what was made has been doubted.
    doubts: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<Key, Attempt>,
    failures: u64,
    is_replaying: bool,
    /// Changes that were made lately, the oldest first.
    made: VecDeque<(Moment, Key)>,
    /// The epochs of the namespaces of those that are not remembered, and when the last of
    /// them was made.
    left_out: HashMap<Key, Moment>,
}

/// Which failure a replay is for: a key may fail again meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt(u64);

/// The most keys that are remembered, of those that failed and of those that were made: a
/// dozen megabytes each.
const MOST: usize = 100_000;

/// For how long a change that was made is remembered: a replica that takes over lacks no
/// more than the last moments.
const MEMORY: Duration = Duration::from_secs(30);

/// Keys in one replay.
const REPLAY: usize = 512;

/// The pauses between replays that fail.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

impl Pending {
    /// Whether what the backend holds of a key may be outdated.
    pub(crate) fn holds(&self, key: &Key) -> bool {
        self.count() > 0 && self.lock().keys.contains_key(key)
    }

    /// How many keys are pending.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// How often what was made has been doubted: what was read meanwhile may be outdated.
    pub(crate) fn doubts(&self) -> u64 {
        self.doubts.load(Ordering::Acquire)
    }

    /// Keys have other values now: earlier changes of them that failed no longer matter.
    pub(crate) fn replaced<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) {
        let mut inner = self.lock();
        for key in keys {
            inner.keys.remove(key);
        }
        self.publish(&inner);
    }

    /// Changes of keys were made, which may be lost in a failover. Beyond the bound a key's
    /// namespace takes its place.
    pub(crate) fn made(
        &self,
        keys: impl IntoIterator<Item = Key>,
        now: Moment,
        overflow: impl Fn(&Key) -> Option<Key>,
    ) {
        let mut inner = self.lock();
        inner.made.extend(keys.into_iter().map(|key| (now, key)));
        let is_old = |(at, _): &(Moment, Key)| now.since(*at) > MEMORY;
        while inner.made.front().is_some_and(is_old) {
            inner.made.pop_front();
        }
        while inner.made.len() > MOST {
            let left_out = inner.made.pop_front();
            if let Some((at, key)) = left_out
                && let Some(namespace) = overflow(&key)
            {
                inner.left_out.insert(namespace, at);
            }
        }
        inner.left_out.retain(|_, at| now.since(*at) <= MEMORY);
    }

    /// The changes that were made lately may be lost: they fail, after the fact.
    fn doubt(&self, overflow: impl Fn(&Key) -> Option<Key>) {
        self.doubts.fetch_add(1, Ordering::AcqRel);
        let (made, left_out) = {
            let mut inner = self.lock();
            (mem::take(&mut inner.made), mem::take(&mut inner.left_out))
        };
        let made = made.into_iter().map(|(_, key)| key);
        for key in left_out.into_keys().chain(made) {
            self.add(key, &overflow);
        }
    }

    /// A change of the key has failed, or nobody knows. Beyond the bound its namespace
    /// takes its place.
    fn add(&self, key: Key, overflow: impl Fn(&Key) -> Option<Key>) {
        let mut inner = self.lock();
        inner.failures += 1;
        let attempt = Attempt(inner.failures);
        if inner.keys.len() < MOST || inner.keys.contains_key(&key) {
            inner.keys.insert(key, attempt);
        } else if let Some(epoch) = overflow(&key) {
            // An epoch for each namespace at most.
            if inner.keys.insert(epoch, attempt).is_none() {
                tracing::error!(
                    keys = MOST,
                    %key,
                    "more changes failed than can be remembered: the namespaces of further \
                     keys are cleared when the backend is back"
                );
            }
        }
        self.publish(&inner);
    }

    /// Changes were made again.
    fn settle(&self, settled: impl IntoIterator<Item = (Key, Attempt)>, now: Moment) {
        let mut inner = self.lock();
        for (key, attempt) in settled {
            if inner.keys.get(&key) == Some(&attempt) {
                inner.keys.remove(&key);
            }
            inner.made.push_back((now, key));
        }
        self.publish(&inner);
    }

    fn begin_replay(&self) -> bool {
        !mem::replace(&mut self.lock().is_replaying, true)
    }

    /// Some of the keys; the replay is over where there are none.
    fn next(&self) -> Vec<(Key, Attempt)> {
        let mut inner = self.lock();
        let some = inner.keys.iter().take(REPLAY);
        let some: Vec<_> = some.map(|(key, attempt)| (key.clone(), *attempt)).collect();
        if some.is_empty() {
            inner.is_replaying = false;
        }
        some
    }

    fn publish(&self, inner: &Inner) {
        self.count.store(inner.keys.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Remembers that changes of these keys may not have reached the backend, and sees to
    /// it that they are made there: values are deleted, epochs changed.
    pub(crate) fn remember_failed(&self, keys: impl IntoIterator<Item = Key>) {
        if !self.guards.hold(Guard::Pending) {
            return;
        }
        for key in keys {
            self.pending.add(key, |key| self.epoch_of_namespace_of(key));
        }
        self.replay_pending();
    }

    /// Remembers changes that were made, for the case that a failover loses them.
    pub(crate) fn remember_made(&self, keys: impl IntoIterator<Item = Key>) {
        let overflow = |key: &Key| self.epoch_of_namespace_of(key);
        self.pending.made(keys, self.clock.coarse(), overflow);
    }

    /// The backend may have lost changes that it had confirmed.
    pub(crate) fn doubt_what_was_made(&self) {
        if !self.guards.hold(Guard::Incarnations) {
            return;
        }
        self.pending.doubt(|key| self.epoch_of_namespace_of(key));
        self.replay_pending();
    }

    fn replay_pending(&self) {
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

    fn epoch_of_namespace_of(&self, key: &Key) -> Option<Key> {
        let prefix = self.keyspace.prefix();
        let values = key.as_str().strip_prefix(&prefix.values_start())?;
        let (namespace, _) = values.split_once(':')?;
        Some(prefix.namespace_epoch(namespace))
    }

    /// Makes changes again: values are deleted, epochs get a number of their own. Never is a
    /// value written again, which could put an old one over a new one.
    async fn make_again(&self, keys: &[Key]) -> Result<()> {
        let epochs_start = self.keyspace.prefix().epochs_start();
        let is_epoch = |key: &&Key| key.as_str().starts_with(&epochs_start);
        let (epochs, values): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(is_epoch);
        let mut budget = self.budget(None);
        let backend = &self.backend;
        if !epochs.is_empty() {
            let change =
                |key: &&Key| self.epoch_change((*key).clone(), Vec::new(), Invalidation::Hard);
            let changes: Vec<_> = epochs.iter().map(change).collect();
            self.call("renew", &mut budget, |call| backend.renew(&changes, call))
                .await?;
        }
        if !values.is_empty() {
            let values: Vec<Key> = values.into_iter().cloned().collect();
            self.call("delete", &mut budget, |call| backend.delete(&values, call))
                .await?;
        }
        for key in epochs {
            self.l1.outdate_epoch(key.as_bytes());
        }
        Ok(())
    }
}

async fn replay(shared: Weak<Shared>, pending: Arc<Pending>) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::time::sleep(pause).await;
        let some = pending.next();
        let Some(shared) = shared.upgrade().filter(|_| !some.is_empty()) else {
            return;
        };
        let keys: Vec<Key> = some.iter().map(|(key, _)| key.clone()).collect();
        match shared.make_again(&keys).await {
            Ok(()) => {
                pending.settle(some, shared.clock.coarse());
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

    fn namespace(_: &Key) -> Option<Key> {
        Some(KeyPrefix::new("t").unwrap().namespace_epoch("n"))
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn a_key_that_failed_again_stays() {
        let pending = Pending::default();
        assert!(!pending.holds(&key(1)));
        pending.add(key(1), namespace);
        let replayed = pending.next();
        pending.add(key(1), namespace);
        pending.settle(replayed, at(0));
        assert!(pending.holds(&key(1)), "the second failure is unanswered");
        pending.made([key(1)], at(0), namespace);
        assert!(
            pending.holds(&key(1)),
            "another change does not make up for it"
        );
        pending.replaced(&[key(1)]);
        assert!(!pending.holds(&key(1)));
        assert_eq!(pending.count(), 0);
    }

    #[test]
    fn beyond_the_bound_the_namespace_counts() {
        let pending = Pending::default();
        (0..MOST + 7).for_each(|number| pending.add(key(number), namespace));
        assert_eq!(pending.count(), MOST + 1);
        assert!(pending.holds(&key(7)) && !pending.holds(&key(MOST)));
        let epoch = namespace(&key(0)).unwrap();
        assert!(pending.holds(&epoch));
        loop {
            let some = pending.next();
            if some.is_empty() {
                break;
            }
            pending.settle(some, at(0));
        }
        assert!(!pending.holds(&key(0)) && !pending.holds(&epoch));
    }

    #[test]
    fn what_was_made_lately_is_doubted() {
        let pending = Pending::default();
        pending.made([key(1)], at(0), namespace);
        pending.made([key(2)], at(29), namespace);
        pending.made([key(3)], at(31), namespace);
        pending.doubt(namespace);
        assert!(!pending.holds(&key(1)), "that was long ago");
        assert!(pending.holds(&key(2)) && pending.holds(&key(3)));
    }

    #[test]
    fn of_too_many_that_were_made_the_namespace_is_doubted() {
        let pending = Pending::default();
        pending.made((0..=MOST).map(key), at(0), namespace);
        pending.doubt(namespace);
        assert!(pending.holds(&namespace(&key(0)).unwrap()));
        assert!(!pending.holds(&key(0)) && pending.holds(&key(1)));
    }
}
