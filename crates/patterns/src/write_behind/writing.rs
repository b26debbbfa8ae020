//! The way of a write: journal and cache at once.

use std::sync::Arc;

use larder_cache::{SetOptions, Value, Written};
use larder_cache_core::{Append, Error, ErrorKind, JournalWrite, Result, Sequence};

use super::{Journaled, WriteBehind};

impl<V: Value> WriteBehind<V> {
    /// Writes a value. When this returns, the journal has it: it will reach the database, and
    /// readers see it from now on.
    ///
    /// # Concurrency
    /// Writes of one key wait for each other in this process.
    ///
    /// # Cost
    /// A write to the journal and one to the cache, side by side.
    ///
    /// # Cancel safety
    /// Dropped half-way, it may be in the journal or not, and the key is removed from the cache.
    ///
    /// # Errors
    /// The journal's: kind `Backpressure` where it is full; and kind `InvalidKey`, `Codec` or
    /// `TooLarge`. Nothing was written then, but after an error of the connection to the journal
    /// it may have been. The cache's failure is none: [`Journaled::cached`] has it.
    pub async fn set(&self, key: impl AsRef<str>, value: impl Into<Arc<V>>) -> Result<Journaled> {
        self.set_with(key, value, SetOptions::default()).await
    }

    /// Writes a value, with options of the cached copy.
    ///
    /// # Errors
    /// As [`set`](WriteBehind::set), and kind `InvalidTtl` or `InvalidTag`.
    pub async fn set_with(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<V>>,
        options: SetOptions,
    ) -> Result<Journaled> {
        let (key, value) = (key.as_ref(), value.into());
        self.core.cache.check_set(key, &options)?;
        let bytes = self.core.cache.to_bytes(key, &value)?;
        let cached = self.core.cache.set_with(key, value, options);
        self.write(key, Some(bytes), cached, Written::Cached).await
    }

    /// Deletes a value: from the cache now, from the database later.
    ///
    /// # Cost
    /// As [`set`](WriteBehind::set).
    ///
    /// # Errors
    /// As [`set`](WriteBehind::set).
    pub async fn delete(&self, key: impl AsRef<str>) -> Result<Journaled> {
        let key = key.as_ref();
        self.core.cache.check_set(key, &SetOptions::default())?;
        let cached = async { self.core.cache.delete(key).await.map(drop) };
        self.write(key, None, cached, Written::Invalidated).await
    }

    async fn write(
        &self,
        key: &str,
        value: Option<larder_cache_core::Bytes>,
        cached: impl Future<Output = Result<()>>,
        outcome: Written,
    ) -> Result<Journaled> {
        let core = &self.core;
        let _place = core.take_in().await?;
        let _turn = core.turn(key).await;
        let shard = core.journal.shard_of(key);
        let writing = core.begin(shard);
        let writes = [JournalWrite {
            key: key.to_owned(),
            value,
        }];
        let append = Append {
            writer: core.writer_id,
            settled: writing.settled,
            writes: &writes,
        };
        let (appended, cached) = tokio::join!(core.journal.append(shard, append), cached);
        let sequence = match appended.and_then(|sequences| only(&sequences)) {
            Ok(sequence) => sequence,
            Err(error) => {
                // The cache may have what the journal lacks. Where this fails, the cache itself
                // goes on trying.
                let _ = core.cache.delete(key).await;
                return Err(error);
            }
        };
        writing.appended(sequence);
        core.tell_consumer(shard);
        Ok(Journaled {
            sequence,
            cached: cached.map_or_else(Written::Unconfirmed, |()| outcome),
        })
    }
}

fn only(sequences: &[Sequence]) -> Result<Sequence> {
    sequences.first().copied().ok_or_else(|| {
        Error::new(
            ErrorKind::Server,
            "the journal did not say where it put the write",
        )
    })
}
