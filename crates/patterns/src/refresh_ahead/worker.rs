//! The work: keys from the queue, through the loader, into the cache.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache::{Refreshed, TypedCache, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::hits::Hits;
use super::loader::Loader;
use super::options::RefreshAheadOptions;
use super::state::{Need, State};

/// What the handles and the workers share.
pub(super) struct Inner<V, E> {
    pub(super) cache: TypedCache<V>,
    pub(super) loader: Loader<V, E>,
    pub(super) options: RefreshAheadOptions,
    pub(super) hits: Hits,
    pub(super) counts: Counts,
    pub(super) tasks: TaskTracker,
    pub(super) end: CancellationToken,
    pub(super) state: Mutex<State>,
}

/// What the workers did.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) refreshed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) left: AtomicU64,
}

impl<V: Value, E: Send + Sync + 'static> Inner<V, E> {
    /// Queues a key whose refresh is due. Readers do this: it waits for nothing but a lock.
    pub(super) fn offer(self: &Arc<Self>, key: &str, load_cost: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        if !state.takes(key, now) {
            return;
        }
        self.hits.age(&mut state.aged, now);
        let micros = u64::try_from(load_cost.as_micros()).unwrap_or(u64::MAX);
        let hits = u64::from(self.hits.of(key)).max(1);
        let need = state.put(key, hits.saturating_mul(micros.max(1)));
        self.meet(need, state);
    }

    /// Begins a worker where one is needed.
    fn meet(self: &Arc<Self>, need: Need, state: MutexGuard<'_, State>) {
        drop(state);
        if need == Need::Nobody {
            return;
        }
        let (inner, end) = (Arc::clone(self), self.end.clone());
        let work = async move {
            tokio::select! {
                biased;
                () = end.cancelled() => {}
                () = inner.work() => {}
            }
        };
        tokio::spawn(self.tasks.track_future(work));
    }

    /// Works until nothing is left.
    async fn work(self: &Arc<Self>) {
        loop {
            if self.state().has_room() && !self.options.linger.is_zero() {
                tokio::time::sleep(self.options.linger).await;
            }
            let Some(taken) = self.take() else {
                return;
            };
            self.refresh(&taken).await;
            taken.finish();
        }
    }

    /// Keys for a worker; `None`: none is left, and it has ended.
    fn take(self: &Arc<Self>) -> Option<Taken<'_>> {
        let mut state = self.state();
        let keys = state.take();
        if keys.is_empty() {
            return None;
        }
        let need = state.need();
        self.meet(need, state);
        Some(Taken {
            state: &self.state,
            keys,
        })
    }

    async fn refresh(&self, taken: &Taken<'_>) {
        let delays = self.delays(&taken.keys);
        // In other processes, which don't know how often a key has failed.
        let throttle = delays.iter().min().copied().unwrap_or_default();
        let loader = self.loader.clone();
        let keys = taken.keys.iter().map(|key| String::from(&**key));
        let refreshed = self
            .cache
            .refresh_many(keys, throttle, |keys| loader.load_many(keys))
            .await;
        self.count(&refreshed);
        let (mut state, now) = (self.state(), Instant::now());
        for key in refreshed.loaded.iter().chain(&refreshed.left) {
            state.backoff.succeeded(key);
        }
        for key in &refreshed.failed {
            let place = taken.keys.iter().position(|taken| **taken == **key);
            let delay = place.map_or(throttle, |place| delays[place]);
            state.backoff.failed(key, delay, now);
        }
    }

    /// For how long each key is left alone if it fails.
    fn delays(&self, keys: &[Arc<str>]) -> Vec<Duration> {
        let state = self.state();
        let delay = |key: &Arc<str>| {
            let spread = self.hits.spread(key, state.backoff.attempts(key));
            state.backoff.delay(key, spread)
        };
        keys.iter().map(delay).collect()
    }

    fn count(&self, refreshed: &Refreshed<E>) {
        let Refreshed {
            loaded,
            left,
            failed,
            ..
        } = refreshed;
        for (count, keys) in [
            (&self.counts.refreshed, loaded),
            (&self.counts.left, left),
            (&self.counts.failed, failed),
        ] {
            count.fetch_add(keys.len() as u64, Ordering::Relaxed);
        }
        if !failed.is_empty() {
            let namespace = self.cache.name();
            tracing::debug!(namespace, keys = failed.len(), "a refresh failed");
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The keys that a worker refreshes. Dropped before the end, the worker has ended.
struct Taken<'a> {
    state: &'a Mutex<State>,
    keys: Vec<Arc<str>>,
}

impl Taken<'_> {
    /// They are refreshed, and their worker comes for more.
    fn finish(mut self) {
        let mut state = lock(self.state);
        for key in self.keys.drain(..) {
            state.running.remove(&key);
        }
        state.collect_again();
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let mut state = lock(self.state);
        for key in self.keys.drain(..) {
            state.running.remove(&key);
        }
        state.worker_ended();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
