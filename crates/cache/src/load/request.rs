//! A load with options.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Compression, Ttl};

use super::{LoadError, LoadOptions, Loaded};
use crate::typed::TypedCache;
use crate::value::Value;

/// A load with options, begun by [`TypedCache::load`] or [`TypedCache::load_many`] and run
/// by `with`.
#[derive(Clone, Debug)]
#[must_use = "a load does nothing until `with` gives it a loader"]
pub struct LoadRequest<'a, V, K> {
    cache: &'a TypedCache<V>,
    keys: K,
    options: LoadOptions,
}

/// The key of a [`LoadRequest`] for one value.
#[derive(Clone, Debug)]
pub struct OneKey<'a>(pub(crate) Cow<'a, str>);

/// The keys of a [`LoadRequest`] for many values.
#[derive(Clone, Debug)]
pub struct ManyKeys<K>(pub(crate) Vec<K>);

impl<'a, V: Value, K> LoadRequest<'a, V, K> {
    pub(crate) fn new(cache: &'a TypedCache<V>, keys: K) -> Self {
        Self {
            cache,
            keys,
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

    /// How long to wait for the loader where a stale value is in hand, before that is served
    /// and the loader left to the background. Default: what the namespace says.
    pub fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.options.soft_timeout = Some(timeout);
        self
    }

    /// How long to wait for the loader. It goes on in the background after that.
    /// Default: the cache's load timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }
}

impl<V: Value> LoadRequest<'_, V, OneKey<'_>> {
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
        let OneKey(key) = &self.keys;
        self.cache.run_load(key, &self.options, loader).await
    }
}

impl<V: Value, K> LoadRequest<'_, V, ManyKeys<K>>
where
    K: Display + Clone + Eq + Hash + Send + 'static,
{
    /// Answers from the cache, and runs the loader once for all the rest, as
    /// [`TypedCache::get_or_load_many`] does. The options are for every value.
    ///
    /// # Errors
    /// [`LoadError`], also when only one of the keys failed.
    pub async fn with<R, E, M, F, Fut>(self, loader: F) -> Result<HashMap<K, Arc<V>>, LoadError<E>>
    where
        R: Into<Loaded<V>>,
        E: Send + Sync + 'static,
        M: IntoIterator<Item = (K, R)>,
        F: FnOnce(Vec<K>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        let ManyKeys(keys) = self.keys;
        self.cache.run_load_many(keys, &self.options, loader).await
    }
}
