//! Cache-aside: the application reads through the cache, writes the database, and deletes.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{LoadError, Loaded, SetOptions, TypedCache, Value};
use larder_cache_core::{Result, Ttl};

/// Cache-aside: reads load what is missing; after a write to the database the key is deleted.
///
/// Cheap to clone. `docs/cache-aside.md` begins with what goes wrong without it.
///
/// ```
/// # use std::{io, sync::Arc};
/// # use larder_patterns::{CacheAside, CacheAsideOptions};
/// # async fn save(_: &str) -> Result<(), io::Error> { Ok(()) }
/// # async fn example(cache: larder_cache::TypedCache<String>) -> Result<(), Box<dyn std::error::Error>> {
/// let users = CacheAside::new(cache, CacheAsideOptions::new());
/// let ada = users.get("7", || async { Ok::<_, io::Error>(Some("Ada".to_owned())) }).await?;
///
/// save("Ada Lovelace").await?;
/// users.delete("7").await?;
/// # Ok(()) }
/// ```
pub struct CacheAside<V> {
    cache: TypedCache<V>,
    options: CacheAsideOptions,
}

/// Options of a [`CacheAside`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CacheAsideOptions {
    ttl: Ttl,
    tags: Vec<String>,
    timeout: Option<Duration>,
}

impl CacheAsideOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long values stay fresh. Default: the namespace's time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Tags of all values. Default: none.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// How long a read waits for its loader. Default: the cache's load timeout.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl<V: Value> CacheAside<V> {
    /// The pattern over a cache.
    #[must_use]
    pub fn new(cache: TypedCache<V>, options: CacheAsideOptions) -> Self {
        Self { cache, options }
    }

    /// Answers from the cache, or else runs the loader and stores what it finds: a value, an
    /// `Option`, or a [`Loaded`] with terms of its own. `None`: there is no value, which is
    /// remembered for the namespace's `negative_ttl`.
    ///
    /// # Concurrency
    /// Of all callers, in all processes, one loads; the others wait for what it finds.
    ///
    /// # Cost
    /// On an L1 hit tens of nanoseconds and no allocation, but for tags among the options.
    ///
    /// # Cancel safety
    /// A load that has begun goes on when its caller is dropped, and fills the cache.
    ///
    /// # Errors
    /// [`LoadError`]. A backend that is down is none: the loader answers.
    pub async fn get<R, E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        loader: F,
    ) -> Result<Option<Arc<V>>, LoadError<E>>
    where
        R: Into<Loaded<V>>,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        let CacheAsideOptions { ttl, tags, timeout } = &self.options;
        let mut load = self.cache.load(key.as_ref()).ttl(*ttl).tags(tags);
        if let Some(timeout) = timeout {
            load = load.timeout(*timeout);
        }
        load.with(loader).await
    }

    /// Answers many keys from the cache, and runs the loader once for all the rest. Keys
    /// without a value are not in the map.
    ///
    /// # Cost
    /// One read for all keys that L1 does not know, and one write for what was loaded.
    ///
    /// # Errors
    /// [`LoadError`], also when only one of the keys failed.
    pub async fn get_many<K, R, E, M, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        loader: F,
    ) -> Result<HashMap<K, Arc<V>>, LoadError<E>>
    where
        K: Display + Clone + Eq + Hash + Send + 'static,
        R: Into<Loaded<V>>,
        E: Send + Sync + 'static,
        M: IntoIterator<Item = (K, R)>,
        F: FnOnce(Vec<K>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        let CacheAsideOptions { ttl, tags, timeout } = &self.options;
        let mut load = self.cache.load_many(keys).ttl(*ttl).tags(tags);
        if let Some(timeout) = timeout {
            load = load.timeout(*timeout);
        }
        load.with(loader).await
    }

    /// Stores a value, with the pattern's time to live and tags. Of two setters that cross
    /// the last one wins, whatever the database says: prefer
    /// [`delete`](CacheAside::delete) after a write, or [`WriteThrough`](crate::WriteThrough).
    ///
    /// # Errors
    /// As [`TypedCache::set_with`].
    pub async fn set(&self, key: impl AsRef<str>, value: impl Into<Arc<V>>) -> Result<()> {
        self.set_tagged(key, value, std::iter::empty::<String>())
            .await
    }

    /// Stores a value, with more tags than those of the pattern.
    ///
    /// # Errors
    /// As [`TypedCache::set_with`].
    pub async fn set_tagged<T: Into<String>>(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        tags: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        let options = self.set_options().tags(tags);
        self.cache.set_with(key, value, options).await
    }

    /// Stores many values.
    ///
    /// # Cost
    /// One round trip for some hundred values.
    ///
    /// # Errors
    /// As [`TypedCache::set_many_with`]; nothing was sent if one was refused.
    pub async fn set_many<K: AsRef<str> + Eq + Hash, T: Into<Arc<V>>>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
    ) -> Result<()> {
        self.cache.set_many_with(entries, self.set_options()).await
    }

    /// Deletes a value, and says whether there was something under the key. No load that
    /// began before puts an older value back: call it after the database has committed.
    ///
    /// # Errors
    /// When the backend did not confirm it; the cache goes on trying
    /// ([`delete`](larder_cache::NamespaceHandle::delete)).
    pub async fn delete(&self, key: impl AsRef<str>) -> Result<bool> {
        self.cache.delete(key).await
    }

    /// Deletes values, and says how many there were.
    ///
    /// # Errors
    /// As [`delete`](CacheAside::delete).
    pub async fn delete_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<u64> {
        self.cache.delete_many(keys).await
    }

    /// The cache below.
    #[must_use]
    pub fn cache(&self) -> &TypedCache<V> {
        &self.cache
    }

    fn set_options(&self) -> SetOptions {
        let options = SetOptions::new().ttl(self.options.ttl);
        options.tags(&self.options.tags)
    }
}

impl<V> Clone for CacheAside<V> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            options: self.options.clone(),
        }
    }
}

impl<V> fmt::Debug for CacheAside<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheAside")
            .field("cache", &self.cache)
            .field("options", &self.options)
            .finish()
    }
}
