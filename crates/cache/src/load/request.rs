//! A load with options.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Compression, Ttl};

use super::{LoadError, LoadOptions, Loaded};
use crate::typed::TypedCache;
use crate::value::Value;

/// A load with options, begun by [`TypedCache::load`] and run by [`with`](LoadRequest::with).
#[derive(Clone, Debug)]
#[must_use = "a load does nothing until `with` gives it a loader"]
pub struct LoadRequest<'a, V> {
    cache: &'a TypedCache<V>,
    key: &'a str,
    options: LoadOptions,
}

impl<'a, V: Value> LoadRequest<'a, V> {
    pub(crate) fn new(cache: &'a TypedCache<V>, key: &'a str) -> Self {
        Self {
            cache,
            key,
            options: LoadOptions::default(),
        }
    }

    /// How long the value stays fresh. Default: the namespace's time to live.
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.options.ttl = ttl.into();
        self
    }

    /// Tags to store with the value. Default: none.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.options.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Whether to compress the value. Default: what the namespace says.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// How long the backend may take, for the lookup and the store together. Default: the
    /// cache's budget.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.options.budget = Some(budget);
        self
    }

    /// How long to wait for the loader. It goes on in the background after that.
    /// Default: the cache's load timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Answers from the cache, or else runs the loader and stores what it finds. `None`: the
    /// loader found that there is no value.
    ///
    /// # Concurrency
    /// As [`get_or_load`](TypedCache::get_or_load), with which it shares its loads.
    ///
    /// # Cost
    /// On an L1 hit no allocation but the request's own options; else one read from the
    /// backend, and after a load one write.
    ///
    /// # Cancel safety
    /// A load that has begun goes on when its caller is dropped, and fills the cache.
    ///
    /// # Errors
    /// [`LoadError`]. A backend that is down is none: the loader answers.
    pub async fn with<R, E, F, Fut>(self, loader: F) -> Result<Option<Arc<V>>, LoadError<E>>
    where
        R: Into<Loaded<V>>,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.cache.run_load(self.key, &self.options, loader).await
    }
}
