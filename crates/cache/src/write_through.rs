//! Ordered write-through: the database and the cache, in an order that leaves nothing older
//! behind. (Rule 10 of `docs/consistency.md`.)

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use larder_cache_core::{Claim, Error, ErrorKind, Event, Key, Leased, Result};

use crate::changes::Change;
use crate::guards::Guard;
use crate::l1::Slot;
use crate::leasing::Leasing;
use crate::options::SetOptions;
use crate::shared::Budget;
use crate::typed::TypedCache;
use crate::value::Value;

/// What became of the cached value after the database was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Written {
    /// It is the one that was written.
    Cached,
    /// There is none: another change came between.
    Invalidated,
    /// Nobody knows, as the backend did not answer. It is deleted as soon as that goes
    /// through, and not read by this process before.
    Unconfirmed(Error),
}

/// Why a value was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The cache refused the call, and neither writer nor deleter was asked: a bad key, tag
    /// or time to live, or a value that can't be stored.
    Cache(Error),
    /// The writer, or deleter, failed. All its keys are deleted, so that readers load what the
    /// database has.
    Writer(E),
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(error) => write!(f, "the cache refused the write: {error}"),
            Self::Writer(error) => write!(f, "the writer failed: {error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cache(error) => Some(error),
            Self::Writer(error) => Some(error),
        }
    }
}

impl<E> From<Error> for WriteError<E> {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

impl<V: Value> TypedCache<V> {
    /// Writes a value to the database and to the cache, in an order that never leaves an
    /// older value behind: the lease of the key is taken by force, which voids loads and
    /// other ordered writes under way; the writer runs; the value is stored only if nobody
    /// changed the key meanwhile, and else the key is deleted.
    ///
    /// # Cost
    /// Two round trips besides the writer.
    ///
    /// # Cancel safety
    /// Dropped half-way, the writer may have run; the key is deleted.
    ///
    /// # Errors
    /// [`WriteError`]. A backend that is down is none: the writer runs, and [`Written`] says
    /// what is known of the cache.
    pub async fn write_through<E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        writer: F,
    ) -> Result<Written, WriteError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        self.write_through_with(key, value, SetOptions::default(), writer)
            .await
    }

    /// Writes a value to the database and to the cache, with options.
    ///
    /// # Errors
    /// As [`write_through`](TypedCache::write_through).
    pub async fn write_through_with<E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        options: SetOptions,
        writer: F,
    ) -> Result<Written, WriteError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let (key, value) = (key.as_ref(), value.into());
        let written = self.ordered(&[(key, &value)], &options, writer).await?;
        Ok(written.into_iter().next().unwrap_or(Written::Invalidated))
    }

    /// Writes many values to the database and to the cache, each as
    /// [`write_through`](TypedCache::write_through) does, with one run of the writer. Of a key
    /// that is there twice, the last value counts. The writer does not run for nothing.
    ///
    /// # Cost
    /// Two round trips besides the writer, for some hundred values; a third one if some were
    /// changed meanwhile.
    ///
    /// # Cancel safety
    /// Dropped half-way, the writer may have run; the keys are deleted.
    ///
    /// # Errors
    /// As [`write_through`](TypedCache::write_through). If one key or value is refused, nothing
    /// is written.
    pub async fn write_through_many<K, T, E, F, Fut>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        writer: F,
    ) -> Result<HashMap<K, Written>, WriteError<E>>
    where
        K: AsRef<str> + Eq + Hash,
        T: Into<Arc<V>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        self.write_through_many_with(entries, SetOptions::default(), writer)
            .await
    }

    /// Writes many values to the database and to the cache, with the same options for all.
    ///
    /// # Errors
    /// As [`write_through_many`](TypedCache::write_through_many).
    pub async fn write_through_many_with<K, T, E, F, Fut>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        options: SetOptions,
        writer: F,
    ) -> Result<HashMap<K, Written>, WriteError<E>>
    where
        K: AsRef<str> + Eq + Hash,
        T: Into<Arc<V>>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let entries = entries.into_iter().map(|(key, value)| (key, value.into()));
        let entries: HashMap<K, Arc<V>> = entries.collect();
        let entries: Vec<_> = entries.into_iter().collect();
        if entries.is_empty() {
            return Ok(HashMap::new());
        }
        let texts = entries.iter().map(|(key, value)| (key.as_ref(), value));
        let texts: Vec<_> = texts.collect();
        let written = self.ordered(&texts, &options, writer).await?;
        let keys = entries.into_iter().map(|(key, _)| key);
        Ok(keys.zip(written).collect())
    }

    /// Deletes a value from the database and then from the cache. No load that began before,
    /// in whichever process, puts it back.
    ///
    /// # Cost
    /// One round trip besides the deleter.
    ///
    /// # Cancel safety
    /// Dropped half-way, the deleter may have run; the key is deleted.
    ///
    /// # Errors
    /// [`WriteError`]. Where the deleter fails, nobody knows what the database has, and the
    /// key is deleted as well. A backend that is down is no error: the deleter runs, and
    /// [`Written`] says what is known of the cache.
    pub async fn delete_through<E, F, Fut>(
        &self,
        key: impl AsRef<str>,
        deleter: F,
    ) -> Result<Written, WriteError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        self.delete_through_many([key], deleter).await
    }

    /// Deletes values from the database, with one run of the deleter, and then from the cache.
    ///
    /// # Cost
    /// One round trip besides the deleter, for some hundred keys.
    ///
    /// # Errors
    /// As [`delete_through`](TypedCache::delete_through).
    pub async fn delete_through_many<K, E, F, Fut>(
        &self,
        keys: impl IntoIterator<Item = K>,
        deleter: F,
    ) -> Result<Written, WriteError<E>>
    where
        K: AsRef<str>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let keys: Vec<K> = keys.into_iter().collect();
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        let physical = self.shared.physical_keys(&self.settings(), &keys)?;
        let change = Change::begin(&self.shared, &self.space, keys.iter().copied());
        let deleted = deleter().await;
        let mut budget = self.shared.budget(None);
        let outcome = self.make_away(change, &physical, &mut budget).await;
        deleted.map_err(WriteError::Writer)?;
        let (space, keys) = (self.space.registered.space(), &keys[..]);
        self.shared
            .emit(&self.space, &Event::Deleted { space, keys });
        Ok(outcome)
    }

    /// Writes in the order that leaves nothing older behind, and says what became of each.
    async fn ordered<E, F, Fut>(
        &self,
        entries: &[(&str, &Arc<V>)],
        options: &SetOptions,
        writer: F,
    ) -> Result<Vec<Written>, WriteError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        let (shared, space) = (&self.shared, &self.space);
        let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
        let physical = shared.physical_keys(&self.settings(), &keys)?;
        let mut budget = shared.budget(options.budget);
        let ready = match shared.leasing(space, entries, options, &mut budget).await {
            Ok(ready) => ready,
            Err(error) if error.is_transient() || error.kind() == ErrorKind::Server => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let change = Change::begin(shared, space, keys.iter().copied());
        let granted = self.take_by_force(ready, &mut budget).await;
        let written = writer().await;
        let mut budget = shared.budget(options.budget);
        let mut stored = match &written {
            Ok(()) => self.store_granted(&keys, granted, &mut budget).await,
            Err(_) => Vec::new(),
        };
        stored.resize_with(keys.len(), || None);
        let (made, away) = change.part(|index| stored[index].is_some());
        let gone = (0..keys.len()).filter(|index| stored[*index].is_none());
        let gone: Vec<Key> = gone.map(|index| physical[index].clone()).collect();
        let is_stored: Vec<bool> = stored.iter().map(Option::is_some).collect();
        made.made(stored.into_iter().flatten());
        let outcome = if !shared.guards.hold(Guard::OrderedWrites) {
            away.made_away();
            Written::Invalidated
        } else {
            self.make_away(away, &gone, &mut budget).await
        };
        written.map_err(WriteError::Writer)?;
        let each = |is_stored| match is_stored {
            true => Written::Cached,
            false => outcome.clone(),
        };
        Ok(is_stored.into_iter().map(each).collect())
    }

    /// Takes the leases of all keys from whoever holds them; none where that failed.
    async fn take_by_force(
        &self,
        ready: Vec<Leasing>,
        budget: &mut Budget,
    ) -> Vec<(Leasing, Leased)> {
        if ready.is_empty() {
            return Vec::new();
        }
        let keys = ready.iter().map(|leasing| leasing.physical.clone());
        let leased = self.shared.grants(keys, Claim::Force, budget).await;
        ready.into_iter().zip(leased.unwrap_or_default()).collect()
    }

    /// Stores what has its lease; for each key, what L1 may hold then, if it was stored.
    async fn store_granted(
        &self,
        keys: &[&str],
        granted: Vec<(Leasing, Leased)>,
        budget: &mut Budget,
    ) -> Vec<Option<Option<Slot>>> {
        let mut outcomes: Vec<Option<Option<Slot>>> = vec![None; keys.len()];
        let (mut fills, mut sent) = (Vec::new(), Vec::new());
        for (index, (leasing, leased)) in granted.into_iter().enumerate() {
            if let Leased::Granted(grant) = leased {
                sent.push((index, leasing.slot.clone(), leasing.bytes()));
                fills.push((leasing, grant));
            }
        }
        if fills.is_empty() {
            return outcomes;
        }
        let stored = self.shared.store_leased(fills, budget).await;
        for ((index, slot, bytes), stored) in sent.into_iter().zip(stored.unwrap_or_default()) {
            if stored {
                self.shared.tell_stored(&self.space, keys[index], bytes);
                outcomes[index] = Some(slot);
            }
        }
        outcomes
    }

    /// Deletes what nobody may read any more, and says what is known of that.
    async fn make_away(&self, change: Change<'_>, keys: &[Key], budget: &mut Budget) -> Written {
        if keys.is_empty() {
            change.made_away();
            return Written::Invalidated;
        }
        let (shared, backend) = (&self.shared, &self.shared.backend);
        let deleted = shared.call("delete", budget, |call| backend.delete(keys, call));
        match deleted.await {
            Ok(_) => {
                change.made_away();
                Written::Invalidated
            }
            // The change is dropped, and remembered as one that failed.
            Err(error) => Written::Unconfirmed(error),
        }
    }
}
