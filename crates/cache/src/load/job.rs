//! A loader's run: bounded, watched, contained.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use larder_cache_core::{Event, LoadOutcome, Moment};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LoadError;
use super::flight::Outcome;
use crate::shared::{Shared, SpaceState};

/// How a loader's run ended.
pub(crate) enum Run<T, E> {
    Loaded(T),
    Failed(E),
    Panicked,
}

/// A loader's run in one namespace. It holds the cache weakly: a cache that nobody uses
/// any more ends, whatever its loaders do.
pub(crate) struct Job {
    pub(crate) shared: Weak<Shared>,
    pub(crate) space: Arc<SpaceState>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) keys: usize,
}

impl Job {
    pub(crate) fn new(shared: &Arc<Shared>, space: &Arc<SpaceState>, keys: usize) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            space: Arc::clone(space),
            permits: Arc::clone(&shared.load_permits),
            keys,
        }
    }

    /// Waits for a place among the loads and runs the loader; says how long it ran.
    pub(crate) async fn run<T, E, Fut>(&self, loader: impl FnOnce() -> Fut) -> (Run<T, E>, Duration)
    where
        Fut: Future<Output = Result<T, E>>,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        self.run_with(permit.ok(), loader).await
    }

    /// Runs the loader in a place it already has.
    pub(crate) async fn run_with<T, E, Fut>(
        &self,
        permit: Option<OwnedSemaphorePermit>,
        loader: impl FnOnce() -> Fut,
    ) -> (Run<T, E>, Duration)
    where
        Fut: Future<Output = Result<T, E>>,
    {
        let mut watch = Watch::begin(self);
        let result = AssertUnwindSafe(async move { loader().await })
            .catch_unwind()
            .await;
        drop(permit);
        let (run, outcome) = match result {
            Ok(Ok(loaded)) => (Run::Loaded(loaded), LoadOutcome::Loaded),
            Ok(Err(error)) => (Run::Failed(error), LoadOutcome::Failed),
            Err(_) => (Run::Panicked, LoadOutcome::Panicked),
        };
        watch.outcome = outcome;
        let elapsed = watch.elapsed();
        drop(watch);
        (run, elapsed)
    }

    /// Serves the stale value where there is one, else reports the failure.
    pub(crate) fn fall_back<V, E>(
        &self,
        key: &str,
        stale: Option<Arc<V>>,
        failure: LoadError<E>,
    ) -> Outcome<V, E> {
        let Some(stale) = stale else {
            return Err(failure);
        };
        if let Some(shared) = self.shared.upgrade() {
            let space = self.space.registered.space();
            shared.emit(&self.space, &Event::StaleServed { space, key });
        }
        Ok(Some(stale))
    }
}

/// Tells of the end of a run, also when the run is aborted.
struct Watch<'a> {
    job: &'a Job,
    began: Option<Moment>,
    outcome: LoadOutcome,
}

impl<'a> Watch<'a> {
    fn begin(job: &'a Job) -> Self {
        Self {
            job,
            began: job.shared.upgrade().map(|shared| shared.clock.now()),
            outcome: LoadOutcome::Aborted,
        }
    }

    fn elapsed(&self) -> Duration {
        let now = self.job.shared.upgrade().map(|shared| shared.clock.now());
        now.zip(self.began)
            .map_or(Duration::ZERO, |(now, began)| now.since(began))
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let elapsed = self.elapsed();
        if let Some(shared) = self.job.shared.upgrade() {
            let event = Event::Load {
                space: self.job.space.registered.space(),
                keys: self.job.keys,
                elapsed,
                outcome: self.outcome,
            };
            shared.emit(&self.job.space, &event);
        }
    }
}
