//! Storing values: one, or many.

use std::sync::Arc;

use larder_cache_core::Result;

use crate::changes::Change;
use crate::options::SetOptions;
use crate::typed::TypedCache;
use crate::value::Value;
use crate::writing::{Prepared, Terms};

impl<V: Value> TypedCache<V> {
    /// Stores a value for the namespace's time to live.
    ///
    /// # Concurrency
    /// No load that began before, in whichever process, puts an older value back. Between two
    /// setters the last writer wins.
    ///
    /// # Cost
    /// One round trip, and one more where the epochs of its namespace or of a tag are not
    /// known.
    ///
    /// # Errors
    /// Kind `InvalidKey`, `Codec` or `TooLarge`, or when the backend did not confirm it. In
    /// that case the key is deleted as soon as the backend can be reached, and not read from
    /// it before: neither the old value nor half a truth is served.
    pub async fn set(&self, key: impl AsRef<str>, value: impl Into<Arc<V>>) -> Result<()> {
        self.set_with(key, value, SetOptions::default()).await
    }

    /// Stores a value, with options.
    ///
    /// # Errors
    /// As [`set`](TypedCache::set), and kind `InvalidTtl` or `InvalidTag`.
    pub async fn set_with(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        options: SetOptions,
    ) -> Result<()> {
        let (shared, space, key) = (&self.shared, &self.space, key.as_ref());
        let mut budget = shared.budget(options.budget);
        let settings = space.settings();
        let terms = Terms::of(&options, &settings)?;
        let value = value.into();
        let Some(encoded) = shared.encode(space, key, Some(&value), &terms)? else {
            return Ok(());
        };
        // From here on a failure outdates the key: the caller has a newer value.
        let change = Change::begin(shared, space, [key]);
        let stand = shared.stand(&settings, &terms, &mut budget).await?;
        let times = &mut shared.server_times();
        let prepared = shared.prepare(space, encoded, (&terms, stand), times, &mut budget);
        let Prepared { write, slot } = prepared.await?;
        let writes = std::slice::from_ref(&write);
        shared.store(space, &[key], writes, &mut budget).await?;
        change.made([slot]);
        Ok(())
    }

    /// Stores many values for the namespace's time to live.
    ///
    /// # Cost
    /// One round trip for some hundred values.
    ///
    /// # Errors
    /// As [`set`](TypedCache::set); nothing was sent if a key or a value was refused.
    pub async fn set_many<K: AsRef<str>, T: Into<Arc<V>>>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
    ) -> Result<()> {
        self.set_many_with(entries, SetOptions::default()).await
    }

    /// Stores many values, with the same options for all.
    ///
    /// # Errors
    /// As [`set_with`](TypedCache::set_with); nothing was sent if one was refused.
    pub async fn set_many_with<K: AsRef<str>, T: Into<Arc<V>>>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        options: SetOptions,
    ) -> Result<()> {
        let (shared, space) = (&self.shared, &self.space);
        let mut budget = shared.budget(options.budget);
        let settings = space.settings();
        let terms = Terms::of(&options, &settings)?;
        let entries: Vec<(K, Arc<V>)> = entries.into_iter().map(|(k, v)| (k, v.into())).collect();
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_ref()).collect();
        let mut times = shared.server_times();
        let mut encoded = Vec::with_capacity(keys.len());
        for (key, (_, value)) in keys.iter().zip(&entries) {
            encoded.extend(shared.encode(space, key, Some(value), &terms)?);
        }
        if encoded.is_empty() {
            return Ok(());
        }
        let change = Change::begin(shared, space, keys.iter().copied());
        let stand = shared.stand(&settings, &terms, &mut budget).await?;
        let mut writes = Vec::with_capacity(keys.len());
        let mut slots = Vec::with_capacity(keys.len());
        for encoded in encoded {
            let terms = (&terms, stand.clone());
            let prepared = shared.prepare(space, encoded, terms, &mut times, &mut budget);
            let Prepared { write, slot } = prepared.await?;
            writes.push(write);
            slots.push(slot);
        }
        shared.store(space, &keys, &writes, &mut budget).await?;
        change.made(slots);
        Ok(())
    }
}
