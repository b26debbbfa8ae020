//! The way of a read: cache, journal, database.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;
use larder_cache::{LoadError, Loaded, Value};
use larder_cache_core::{Journal, JournalRecord, Result};

use super::WriteBehind;

impl<V: Value> WriteBehind<V> {
    /// Reads a value from the cache, or from the journal where the database does not have it
    /// yet. `None`: in neither is one, or it was deleted; the database may have one.
    ///
    /// # Cost
    /// As [`TypedCache::get`](larder_cache::TypedCache::get), and on a miss a look at the
    /// journal.
    ///
    /// # Errors
    /// Kind `InvalidKey` or `TypeMismatch`; when the journal could not be asked; and kind
    /// `Codec` for a journaled value that this version can't read.
    pub async fn get(&self, key: impl AsRef<str>) -> Result<Option<Arc<V>>> {
        let key = key.as_ref();
        if let Some(value) = self.core.cache.get(key).await? {
            return Ok(Some(value));
        }
        let Some(JournalRecord {
            value: Some(bytes), ..
        }) = self.core.journal.latest(key).await?
        else {
            return Ok(None);
        };
        let value = self.core.cache.from_bytes(key, &bytes)?;
        Ok(Some(Arc::new(value)))
    }

    /// Reads a value from the cache, or from the journal where the database does not have it
    /// yet, or else from the database with the loader. `None`: there is none.
    ///
    /// # Concurrency
    /// As [`TypedCache::get_or_load`](larder_cache::TypedCache::get_or_load).
    ///
    /// # Cost
    /// On a miss a look at the journal before the loader runs.
    ///
    /// # Errors
    /// [`LoadError`]. A cache or a journal that can't be asked is none: the loader answers, and
    /// its value is not cached, as the journal may have a newer one.
    pub async fn get_or_load<R, E, F, Fut>(
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
        let key = key.as_ref();
        let (core, of) = (Arc::clone(&self.core), key.to_owned());
        let load = async move || {
            let journaled = journaled(&*core.journal, &of, |bytes| {
                core.cache.from_bytes(&of, bytes)
            });
            match journaled.await {
                Ok(Some(found)) => Ok(found),
                Ok(None) => loader().await.map(Into::into),
                Err(error) => {
                    tracing::debug!(%error, "the journal could not be asked");
                    loader().await.map(|found| found.into().uncached())
                }
            }
        };
        self.core.cache.load(key).with(load).await
    }

    /// Reads many values, and loads all that neither cache nor journal have with one call of the
    /// loader. Keys without a value are not in the map.
    ///
    /// # Cost
    /// A look at the journal for each key that the cache lacks, all at once.
    ///
    /// # Errors
    /// As [`get_or_load`](WriteBehind::get_or_load).
    pub async fn get_or_load_many<R, E, M, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = String>,
        loader: F,
    ) -> Result<HashMap<String, Arc<V>>, LoadError<E>>
    where
        R: Into<Loaded<V>>,
        E: Send + Sync + 'static,
        M: IntoIterator<Item = (String, R)>,
        F: FnOnce(Vec<String>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<M, E>> + Send + 'static,
    {
        let core = Arc::clone(&self.core);
        let load = move |keys: Vec<String>| async move {
            let looks = keys.iter().map(|key| {
                journaled(&*core.journal, key, |bytes| {
                    core.cache.from_bytes(key, bytes)
                })
            });
            let looks = join_all(looks).await;
            let is_certain = looks.iter().all(Result::is_ok);
            let (mut found, mut unknown) = (HashMap::new(), Vec::new());
            for (key, look) in keys.into_iter().zip(looks) {
                match look {
                    Ok(Some(journaled)) => drop(found.insert(key, journaled)),
                    _ => unknown.push(key),
                }
            }
            if unknown.is_empty() {
                return Ok(found);
            }
            let kept = |loaded: Loaded<V>| match is_certain {
                true => loaded,
                false => loaded.uncached(),
            };
            if !is_certain {
                // Nor is it certain that there is nothing where the loader finds nothing.
                found.extend(
                    unknown
                        .iter()
                        .map(|key| (key.clone(), kept(Loaded::absent()))),
                );
            }
            for (key, loaded) in loader(unknown).await? {
                found.insert(key, kept(loaded.into()));
            }
            Ok(found)
        };
        self.core.cache.get_or_load_many(keys, load).await
    }
}

/// What the journal has of a key: a value, that it was deleted, or nothing.
async fn journaled<V>(
    journal: &dyn Journal,
    key: &str,
    read: impl FnOnce(&larder_cache_core::Bytes) -> Result<V>,
) -> Result<Option<Loaded<V>>> {
    let Some(latest) = journal.latest(key).await? else {
        return Ok(None);
    };
    let value = latest.value.as_ref().map(read).transpose()?;
    Ok(Some(value.map_or_else(Loaded::absent, Loaded::value)))
}
