//! Write-through: one call writes the database and the cache.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::hash::Hash;
use std::sync::Arc;

use larder_cache::{LoadError, Loaded, SetOptions, TypedCache, Value, WriteError, Written};
use larder_cache_core::{Result, Ttl};

/// Write-through: one call writes the database and then the cache, in an order that leaves
/// nothing older behind, whoever else writes, loads or deletes at the same time.
///
/// The lease of the key is taken by force, which voids loads and other writes under way; the
/// writer runs; the value is stored if the lease still stands, and else the key is deleted
/// before the call returns. Cheap to clone. `docs/write-through.md` begins with what goes
/// wrong without it.
///
/// ```
/// # use std::{io, sync::Arc};
/// # use larder_patterns::{WriteThrough, WriteThroughOptions};
/// use larder_cache::Written;
/// # async fn save(_: String, _: Arc<String>) -> Result<(), io::Error> { Ok(()) }
/// # async fn example(cache: larder_cache::TypedCache<String>) -> Result<(), Box<dyn std::error::Error>> {
/// let users = WriteThrough::new(cache, WriteThroughOptions::new());
/// match users.set("7", "Ada".to_owned(), |key, name| save(key, name)).await? {
///     Written::Cached => {}
///     Written::Invalidated => println!("somebody else wrote as well: the next reader loads"),
///     other => println!("the database has it, the cache will follow: {other:?}"),
/// }
/// # Ok(()) }
/// ```
pub struct WriteThrough<V> {
    cache: TypedCache<V>,
    options: WriteThroughOptions,
}

/// Options of a [`WriteThrough`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WriteThroughOptions {
    ttl: Ttl,
    tags: Vec<String>,
}

impl WriteThroughOptions {
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
}

impl<V: Value> WriteThrough<V> {
    /// The pattern over a cache.
    #[must_use]
    pub fn new(cache: TypedCache<V>, options: WriteThroughOptions) -> Self {
        Self { cache, options }
    }

    /// Writes a value to the database and to the cache. The writer gets both key and value.
    ///
    /// # Cost
    /// Two round trips besides the writer.
    ///
    /// # Cancel safety
    /// Dropped half-way, the writer may have run; the key is deleted.
    ///
    /// # Errors
    /// [`WriteError`]: the cache refused the value, and nothing was written; or the writer
    /// failed, and readers load what the database has. A backend that is down is none: the
    /// database is written, and [`Written`] says what is known of the cache.
    pub async fn set<E, F, Fut>(
        &self,
        key: impl Into<String>,
        value: impl Into<Arc<V>>,
        writer: F,
    ) -> Result<Written, WriteError<E>>
    where
        F: FnOnce(String, Arc<V>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let (key, value) = (key.into(), value.into());
        let (of, what) = (key.clone(), Arc::clone(&value));
        let writer = || writer(of, what);
        self.cache
            .write_through_with(key, value, self.set_options(), writer)
            .await
    }

    /// Writes many values to the database, with one run of the writer, and to the cache. Of a
    /// key that is there twice, the last value counts. If one key or value is refused, none is
    /// written.
    ///
    /// # Cost
    /// Two round trips besides the writer, for some hundred values; a third one if some were
    /// changed by others meanwhile.
    ///
    /// # Cancel safety
    /// Dropped half-way, the writer may have run; the keys are deleted.
    ///
    /// # Errors
    /// As [`set`](WriteThrough::set).
    pub async fn set_many<K, T, E, F, Fut>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        writer: F,
    ) -> Result<HashMap<String, Written>, WriteError<E>>
    where
        K: Into<String>,
        T: Into<Arc<V>>,
        F: FnOnce(HashMap<String, Arc<V>>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v.into()));
        let entries: HashMap<String, Arc<V>> = entries.collect();
        let of = entries.clone();
        self.cache
            .write_through_many_with(entries, self.set_options(), || writer(of))
            .await
    }

    /// Deletes a value from the database, and then from the cache.
    ///
    /// # Cost
    /// One round trip besides the deleter.
    ///
    /// # Errors
    /// [`WriteError::Writer`] where the deleter failed: the key is deleted from the cache all
    /// the same, as nobody knows what the database has. A backend that is down is no error.
    pub async fn delete<E, F, Fut>(
        &self,
        key: impl Into<String>,
        deleter: F,
    ) -> Result<Written, WriteError<E>>
    where
        F: FnOnce(String) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let key = key.into();
        let of = key.clone();
        self.cache.delete_through(key, || deleter(of)).await
    }

    /// Deletes values from the database, with one run of the deleter, and then from the cache.
    ///
    /// # Errors
    /// As [`delete`](WriteThrough::delete).
    pub async fn delete_many<K, E, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        deleter: F,
    ) -> Result<Written, WriteError<E>>
    where
        K: Into<String>,
        F: FnOnce(Vec<String>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        let of = keys.clone();
        self.cache.delete_through_many(keys, || deleter(of)).await
    }

    /// Answers from the cache, or else runs the loader and stores what it finds: after an
    /// outage, an expiry, or two writers at once, the cache has nothing.
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
        let WriteThroughOptions { ttl, tags } = &self.options;
        let load = self.cache.load(key.as_ref()).ttl(*ttl).tags(tags);
        load.with(loader).await
    }

    /// Answers many keys from the cache, and runs the loader once for all the rest. Keys
    /// without a value are not in the map.
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
        let WriteThroughOptions { ttl, tags } = &self.options;
        let load = self.cache.load_many(keys).ttl(*ttl).tags(tags);
        load.with(loader).await
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

impl<V> Clone for WriteThrough<V> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            options: self.options.clone(),
        }
    }
}

impl<V> fmt::Debug for WriteThrough<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteThrough")
            .field("cache", &self.cache)
            .field("options", &self.options)
            .finish()
    }
}
