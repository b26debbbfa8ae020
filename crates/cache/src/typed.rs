//! The typed cache of one namespace.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use larder_cache_core::{Error, ErrorKind, Event, MissReason, Result, Tier};

use crate::handle::NamespaceHandle;
use crate::load::{
    Batch, LoadError, LoadOptions, LoadRequest, Loaded, ManyKeys, OneKey, Renewal, Single, Wanted,
};
use crate::options::{GetOptions, OnError};
use crate::pipeline::Pipeline;
use crate::reading::Found;
use crate::value::Value;

/// A namespace whose values are of type `V`. Cheap to clone; all clones share one cache.
///
/// It is its namespace with a type fixed, so all that needs no type (`delete`, `exists`,
/// `ttl`, `expire`, `keys_by_pattern`, `delete_by_pattern`) is used through it as well.
pub struct TypedCache<V> {
    namespace: NamespaceHandle,
    values: PhantomData<fn() -> V>,
}

/// The values that are known, and the keys that are not.
type Known<K, V> = (HashMap<K, Arc<V>>, Vec<K>);

impl<V: Value> TypedCache<V> {
    pub(crate) fn new(namespace: NamespaceHandle) -> Self {
        Self {
            namespace,
            values: PhantomData,
        }
    }

    /// Reads a value. `None`: there is none, it is past its time to live, or the backend
    /// could not be asked.
    ///
    /// # Cost
    /// On an L1 hit tens of nanoseconds, no allocation, no await, no system call; else one
    /// round trip.
    ///
    /// # Errors
    /// Kind `InvalidKey`, or `TypeMismatch` when the key is cached as another type.
    pub async fn get(&self, key: impl AsRef<str>) -> Result<Option<Arc<V>>> {
        let key = key.as_ref();
        if let Some(answer) = self.shared.l1_answer(&self.space, key)? {
            return Ok(answer);
        }
        // Boxed, so that the future of a hit stays small.
        Box::pin(self.get_from_backend(key, GetOptions::default())).await
    }

    /// Reads a value, with options.
    ///
    /// # Errors
    /// As [`get`](TypedCache::get), and the backend's where the options ask for that.
    pub async fn get_with(
        &self,
        key: impl AsRef<str>,
        options: GetOptions,
    ) -> Result<Option<Arc<V>>> {
        let key = key.as_ref();
        if let Some(answer) = self.shared.l1_answer(&self.space, key)? {
            return Ok(answer);
        }
        Box::pin(self.get_from_backend(key, options)).await
    }

    async fn get_from_backend(&self, key: &str, options: GetOptions) -> Result<Option<Arc<V>>> {
        let mut budget = self.shared.budget(options.budget);
        let found = match self.shared.fetch(&self.space, key, &mut budget).await {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::InvalidKey => return Err(error),
            Err(error) => {
                let missing = Found::Missing(MissReason::Backend, None);
                self.tell::<V>(key, &missing);
                if options.on_error == OnError::Fail {
                    return Err(error);
                }
                let in_l1 = self.shared.l1_in_outage(&self.space, key);
                return Ok(in_l1.and_then(Result::ok));
            }
        };
        Ok(self.tell(key, &found))
    }

    /// Reads many values; keys without one are not in the map.
    ///
    /// # Cost
    /// One round trip for all keys that L1 does not know.
    ///
    /// # Errors
    /// As [`get`](TypedCache::get).
    pub async fn get_many<K: AsRef<str> + Eq + Hash>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<HashMap<K, Arc<V>>> {
        self.get_many_with(keys, GetOptions::default()).await
    }

    /// Reads many values, with options.
    ///
    /// # Errors
    /// As [`get_with`](TypedCache::get_with).
    pub async fn get_many_with<K: AsRef<str> + Eq + Hash>(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: GetOptions,
    ) -> Result<HashMap<K, Arc<V>>> {
        let (mut values, unknown) = self.ask_l1(keys)?;
        if unknown.is_empty() {
            return Ok(values);
        }
        let texts: Vec<&str> = unknown.iter().map(AsRef::as_ref).collect();
        let mut budget = self.shared.budget(options.budget);
        let found = match self
            .shared
            .fetch_many(&self.space, &texts, &mut budget)
            .await
        {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::InvalidKey => return Err(error),
            Err(error) => {
                for key in texts {
                    self.tell::<V>(key, &Found::Missing(MissReason::Backend, None));
                }
                if options.on_error == OnError::Fail {
                    return Err(error);
                }
                for key in unknown {
                    let in_l1 = self.shared.l1_in_outage(&self.space, key.as_ref());
                    if let Some(Ok(value)) = in_l1 {
                        values.insert(key, value);
                    }
                }
                return Ok(values);
            }
        };
        for (key, found) in unknown.into_iter().zip(found) {
            if let Some(value) = self.tell(key.as_ref(), &found) {
                values.insert(key, value);
            }
        }
        Ok(values)
    }

    /// What L1 knows of the keys, and the keys it does not know.
    fn ask_l1<K: AsRef<str> + Eq + Hash>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Known<K, V>> {
        let keys = keys.into_iter();
        let mut values = HashMap::with_capacity(keys.size_hint().0);
        let mut unknown = Vec::with_capacity(keys.size_hint().0);
        for key in keys {
            match self.shared.l1_answer(&self.space, key.as_ref())? {
                Some(Some(value)) => drop(values.insert(key, value)),
                Some(None) => {}
                None => unknown.push(key),
            }
        }
        Ok((values, unknown))
    }

    /// Answers from the cache, or else runs the loader and stores its value.
    ///
    /// ```
    /// # use std::{io, sync::Arc};
    /// # async fn example(users: larder_cache::TypedCache<String>) -> Result<(), larder_cache::LoadError<io::Error>> {
    /// let name: Arc<String> = users
    ///     .get_or_load("name:7", || async { Ok::<_, io::Error>("Ada".to_owned()) })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Concurrency
    /// Of all callers in this process that want the same key as the same type, and whose
    /// loaders fail with the same type, one runs its loader: on its own options, in a task of
    /// its own and in that caller's tracing span. A loader may load other keys; one that
    /// loads its own key waits for itself, until its timeout.
    ///
    /// Of all processes that share the backend one at a time loads a key; the others wait for
    /// what it stores, for as long as a [lease](crate::CacheBuilder::lease) lasts.
    ///
    /// # Cost
    /// On an L1 hit as [`get`](TypedCache::get); else one read from the backend, and for a
    /// load a lease before it and a write after it.
    ///
    /// # Cancel safety
    /// A load that has begun goes on when its caller is dropped, and fills the cache.
    ///
    /// # Errors
    /// [`LoadError`]. A backend that is down is none: the loader answers.
    pub async fn get_or_load<E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        loader: F,
    ) -> Result<Arc<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let key = key.as_ref();
        if let Some(value) = self.shared.l1_value(&self.space, key)? {
            return Ok(value);
        }
        let single = self.single(key, &LoadOptions::default(), Wanted::Value)?;
        let loaded = Box::pin(single.run(loader)).await?.into_value();
        loaded.ok_or_else(|| LoadError::Cache(no_value()))
    }

    /// Begins a load with options: time to live, tags, budget, timeout; the loader may find
    /// that there is no value.
    pub fn load<'a>(&'a self, key: impl Into<Cow<'a, str>>) -> LoadRequest<'a, V, OneKey<'a>> {
        LoadRequest::new(self, OneKey(key.into()))
    }

    /// Begins a load of many keys with options.
    pub fn load_many<K>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> LoadRequest<'_, V, ManyKeys<K>> {
        LoadRequest::new(self, ManyKeys(keys.into_iter().collect()))
    }

    pub(crate) async fn run_load<R, E, F, Fut>(
        &self,
        key: &str,
        options: &LoadOptions,
        loader: F,
    ) -> Result<Option<Arc<V>>, LoadError<E>>
    where
        R: Into<Loaded<V>>,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        if let Some(answer) = self.shared.l1_current(&self.space, key)? {
            return Ok(answer);
        }
        let single = self.single(key, options, Wanted::ValueOrAbsence)?;
        Ok(Box::pin(single.run(loader)).await?.into_value())
    }

    pub(crate) fn single<'a>(
        &'a self,
        key: &'a str,
        options: &LoadOptions,
        wanted: Wanted,
    ) -> Result<Single<'a>> {
        Ok(Single {
            shared: &self.namespace.shared,
            space: &self.namespace.space,
            key,
            terms: options.check(&self.shared, &self.settings())?,
            wanted,
            renewal: Renewal::InBackground,
        })
    }

    /// Answers many keys from the cache, and runs the loader once for all the rest. Keys for
    /// which the loader has no value are not in the map, and remembered as absent.
    ///
    /// A key's text is what its `Display` prints. The loader's values may be plain or
    /// [`Loaded`]. A stale value is served only when the loader fails.
    ///
    /// # Concurrency
    /// Keys that other callers are loading, as [`get_or_load`](TypedCache::get_or_load) says,
    /// are waited for and not loaded again.
    ///
    /// # Cost
    /// One read from the backend for all keys that L1 does not know, and one write for all
    /// that were loaded.
    ///
    /// # Cancel safety
    /// A load that has begun goes on when its caller is dropped, and fills the cache.
    ///
    /// # Errors
    /// [`LoadError`], also when only one of the keys failed.
    pub async fn get_or_load_many<K, R, E, M, F, Fut>(
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
        self.run_load_many(keys, &LoadOptions::default(), loader)
            .await
    }

    pub(crate) async fn run_load_many<K, R, E, M, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: &LoadOptions,
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
        let batch = Batch {
            shared: &self.namespace.shared,
            space: &self.namespace.space,
            terms: options.check(&self.shared, &self.settings())?,
        };
        batch.run(keys, loader).await
    }

    /// Begins a pipeline: reads, writes and deletions in one round trip.
    pub fn pipeline(&self) -> Pipeline<'_, V> {
        Pipeline::new(self)
    }

    /// Tells what a read from the backend found, and what `get` answers.
    pub(crate) fn tell<T: Value>(&self, key: &str, found: &Found<T>) -> Option<Arc<T>> {
        let (space, tier) = (self.space.registered.space(), Tier::L2);
        let (event, value) = match found {
            Found::Fresh(value, _) => (Event::Hit { space, key, tier }, Some(Arc::clone(value))),
            Found::Absent(_) => (Event::NegativeHit { space, key, tier }, None),
            Found::Stale(_, reason, _) | Found::Missing(reason, _) => {
                let reason = *reason;
                (Event::Miss { space, key, reason }, None)
            }
        };
        self.shared.emit(&self.space, &event);
        value
    }
}

impl<V> Deref for TypedCache<V> {
    type Target = NamespaceHandle;

    fn deref(&self) -> &NamespaceHandle {
        &self.namespace
    }
}

impl<V> Clone for TypedCache<V> {
    fn clone(&self) -> Self {
        Self {
            namespace: self.namespace.clone(),
            values: PhantomData,
        }
    }
}

impl<V> std::fmt::Debug for TypedCache<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedCache")
            .field("namespace", &self.namespace.name())
            .field("type", &std::any::type_name::<V>())
            .finish()
    }
}

fn no_value() -> Error {
    Error::new(
        ErrorKind::Codec,
        "the loader brought no value; use `load(..).with(..)` where there may be none",
    )
}
