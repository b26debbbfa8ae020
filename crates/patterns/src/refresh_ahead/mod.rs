//! Refresh-ahead: what is read is refreshed before it is stale, and nobody waits for it.

mod backoff;
mod hits;
mod loader;
mod options;
mod queue;
mod report;
mod state;
mod worker;

use std::fmt;
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::{LoadError, Loaded, Look, TypedCache, Value};
use larder_cache_core::Result;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::hits::Hits;
use self::loader::Loader;
pub use self::options::RefreshAheadOptions;
pub use self::report::{RefreshAheadReport, RefreshAheadStats};
use self::state::State;
use self::worker::{Counts, Inner};

/// How long tasks may take to notice that they are ended.
const ABORT_TIME: Duration = Duration::from_secs(1);

/// Refresh-ahead: a value that is read when 80 % of its time to live are over is refreshed in
/// the background, so that no reader of a hot key waits for the loader.
///
/// Cheap to clone. When the last clone is dropped, its tasks end; there are none while nothing
/// is due. `docs/refresh-ahead.md` begins with what goes wrong without it.
///
/// ```
/// use std::{io, sync::Arc, time::Duration};
/// use larder_cache::CacheBuilder;
/// use larder_cache_core::Namespace;
/// use larder_memory_backend::MemoryBackend;
/// use larder_patterns::{RefreshAhead, RefreshAheadOptions};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = CacheBuilder::new()
///     .namespace(Namespace::new("users").ttl(Duration::from_secs(60)))
///     .build(Arc::new(MemoryBackend::new(64 << 20)))?;
/// let users = cache.namespace("users")?.typed::<String>();
///
/// let find = |id: String| async move { Ok::<_, io::Error>(Some(format!("user {id}"))) };
/// let users = RefreshAhead::new(users, RefreshAheadOptions::new(), find)?;
/// assert_eq!(users.get("7").await?.as_deref(), Some(&"user 7".to_owned()));
/// # Ok(()) }
/// ```
pub struct RefreshAhead<V, E> {
    inner: Arc<Inner<V, E>>,
    /// Ends the tasks with the last handle.
    end: Arc<DropGuard>,
}

impl<V: Value, E: Send + Sync + 'static> RefreshAhead<V, E> {
    /// The pattern over a cache, with a loader of single keys. The loader finds a value, an
    /// `Option`, or a [`Loaded`] with terms of its own.
    ///
    /// The namespace's [`early_refresh`](larder_cache_core::Namespace::early_refresh) becomes
    /// that of the options, for all who use the namespace in this process; give other
    /// processes the same.
    ///
    /// # Errors
    /// Kind `Config` where the options can't work.
    pub fn new<R, F, Fut>(
        cache: TypedCache<V>,
        options: RefreshAheadOptions,
        loader: F,
    ) -> Result<Self>
    where
        R: Into<Loaded<V>>,
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        options.check()?;
        let singly = options.max_batch(1).linger(Duration::ZERO);
        Self::with(cache, singly, Loader::of_one(loader))
    }

    /// The pattern over a cache, with a loader of many keys: what is due within a
    /// [`linger`](RefreshAheadOptions::linger) is loaded at once. A key that the loader leaves
    /// out has no value.
    ///
    /// # Errors
    /// As [`new`](RefreshAhead::new).
    pub fn batched<R, M, F, Fut>(
        cache: TypedCache<V>,
        options: RefreshAheadOptions,
        loader: F,
    ) -> Result<Self>
    where
        R: Into<Loaded<V>>,
        M: IntoIterator<Item = (String, R)>,
        F: Fn(Vec<String>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        Self::with(cache, options, Loader::of_many(loader))
    }

    fn with(
        cache: TypedCache<V>,
        options: RefreshAheadOptions,
        loader: Loader<V, E>,
    ) -> Result<Self> {
        options.check()?;
        if cache.settings().early_refresh != options.refresh {
            cache.update(|namespace| namespace.early_refresh(options.refresh))?;
        }
        let end = CancellationToken::new();
        Ok(Self {
            end: Arc::new(end.clone().drop_guard()),
            inner: Arc::new(Inner {
                cache,
                loader,
                hits: Hits::new(),
                counts: Counts::default(),
                tasks: TaskTracker::new(),
                end,
                state: Mutex::new(State::new(&options)),
                options,
            }),
        })
    }

    /// Answers from the cache. What is due or stale is returned at once and refreshed in the
    /// background; what is missing is loaded, and that is waited for. `None`: the loader found
    /// that there is no value.
    ///
    /// # Concurrency
    /// Of all processes that share the backend, one at a time loads or refreshes a key.
    ///
    /// # Cost
    /// On an L1 hit tens of nanoseconds and no allocation; one that is due takes a lock for
    /// less than a microsecond.
    ///
    /// # Cancel safety
    /// A load that has begun goes on when its caller is dropped, and fills the cache.
    ///
    /// # Errors
    /// [`LoadError`]. A backend that is down is none: the loader answers.
    pub async fn get(&self, key: impl AsRef<str>) -> Result<Option<Arc<V>>, LoadError<E>> {
        let (key, inner) = (key.as_ref(), &self.inner);
        inner.hits.count(key);
        let loader = inner.loader.clone();
        let look = inner.cache.look_or_load(key, |key| loader.load(key));
        let look = look.await?;
        if let Look::Due(_, cost) | Look::Stale(_, cost) = &look {
            inner.offer(key, *cost);
        }
        Ok(look.into_value())
    }

    /// What was done since it was made, in this process.
    #[must_use]
    pub fn stats(&self) -> RefreshAheadStats {
        let Counts {
            refreshed,
            failed,
            left,
        } = &self.inner.counts;
        let state = self.inner.state();
        RefreshAheadStats {
            refreshed: refreshed.load(Ordering::Relaxed),
            failed: failed.load(Ordering::Relaxed),
            left: left.load(Ordering::Relaxed),
            dropped: state.dropped,
            queued: state.queue.len(),
            running: state.running.len(),
        }
    }

    /// Takes no more keys, refreshes those that wait, and ends what is left at the deadline.
    /// Reads go on, and nothing is refreshed any more.
    pub async fn shutdown(&self, deadline: Duration) -> RefreshAheadReport {
        let (inner, began) = (&self.inner, Instant::now());
        inner.state().close();
        inner.tasks.close();
        let mut left = Vec::new();
        if tokio::time::timeout(deadline, inner.tasks.wait())
            .await
            .is_err()
        {
            left = inner.state().left();
            inner.end.cancel();
            let ended = tokio::time::timeout(ABORT_TIME, inner.tasks.wait()).await;
            if ended.is_err() {
                tracing::warn!("a loader blocks its thread and can't be ended");
            }
        }
        RefreshAheadReport {
            left,
            elapsed: began.elapsed(),
        }
    }

    /// The cache below, to set, delete and invalidate.
    #[must_use]
    pub fn cache(&self) -> &TypedCache<V> {
        &self.inner.cache
    }
}

impl<V, E> Clone for RefreshAhead<V, E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            end: Arc::clone(&self.end),
        }
    }
}

impl<V, E> fmt::Debug for RefreshAhead<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshAhead")
            .field("cache", &self.inner.cache)
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}
