//! A loader's run: bounded, watched, contained.

use std::any::Any;
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
use crate::tasks::closed;

tokio::task_local! {
    /// Set within a loader. A load that begins there may be waited for by its loader, and
    /// must not wait for that loader's place.
    static IN_LOADER: ();
}

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
    origin: Origin,
}

/// Where a load begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Caller,
    Loader,
}

impl Job {
    /// A run that the present task asks for.
    pub(crate) fn new(shared: &Arc<Shared>, space: &Arc<SpaceState>, keys: usize) -> Self {
        let origin = match IN_LOADER.try_with(|()| ()) {
            Ok(()) => Origin::Loader,
            Err(_) => Origin::Caller,
        };
        Self {
            origin,
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
        let permits = Arc::clone(&self.permits);
        let permit = match self.origin {
            Origin::Caller => permits.acquire_owned().await.ok(),
            Origin::Loader => permits.try_acquire_owned().ok(),
        };
        self.run_with(permit, loader).await
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
        let loading = IN_LOADER.scope((), async move { loader().await });
        let result = AssertUnwindSafe(loading).catch_unwind().await;
        drop(permit);
        let (run, outcome) = match result {
            Ok(Ok(loaded)) => (Run::Loaded(loaded), LoadOutcome::Loaded),
            Ok(Err(error)) => (Run::Failed(error), LoadOutcome::Failed),
            Err(panic) => {
                tracing::error!(
                    namespace = self.space.registered.name(),
                    message = message_of(&*panic),
                    "a loader panicked"
                );
                (Run::Panicked, LoadOutcome::Panicked)
            }
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

impl Shared {
    /// Why a load ended without an outcome: the cache was shut down, or code of the
    /// caller's panicked outside of the loader, such as a value's own serialization.
    pub(crate) fn abandoned<E>(&self) -> LoadError<E> {
        if self.tasks.is_closed() {
            closed().into()
        } else {
            LoadError::Panicked
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not a text")
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
