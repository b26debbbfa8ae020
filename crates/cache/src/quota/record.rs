//! What was measured, and how all processes learn of it.

use larder_cache_core::{Bytes, Key, Namespace, Result, Timestamp};

use super::pass::{State, Stored};
use crate::shared::Shared;

/// What the entries of a namespace took at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    /// When, by the clock of the server that keeps the record.
    pub(super) at: Timestamp,
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) invalidated_bytes: u64,
}

impl Measured {
    /// Nothing yet.
    pub(super) fn at(at: Timestamp) -> Self {
        Self {
            at,
            bytes: 0,
            entries: 0,
            invalidated_bytes: 0,
        }
    }

    pub(super) fn add(&mut self, stored: &Stored) {
        self.entries += 1;
        self.bytes += stored.bytes;
        if stored.state == State::Invalidated {
            self.invalidated_bytes += stored.bytes;
        }
    }

    /// Takes away what was deleted since.
    pub(super) fn remove(&mut self, stored: &Stored) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(stored.bytes);
        if stored.state == State::Invalidated {
            self.invalidated_bytes = self.invalidated_bytes.saturating_sub(stored.bytes);
        }
    }

    /// Four numbers of 8 bytes, little-endian.
    fn encode(&self) -> Bytes {
        let numbers = [
            self.at.as_millis(),
            self.bytes,
            self.entries,
            self.invalidated_bytes,
        ];
        numbers.map(u64::to_le_bytes).concat().into()
    }

    /// Reads what [`encode`](Measured::encode) wrote; a later version may write more behind it.
    fn decode(stored: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = stored.get(at * 8..)?.first_chunk()?;
            Some(u64::from_le_bytes(*bytes))
        };
        Some(Self {
            at: Timestamp::from_millis(number(0)?),
            bytes: number(1)?,
            entries: number(2)?,
            invalidated_bytes: number(3)?,
        })
    }
}

impl Shared {
    pub(super) async fn read_usage(&self, settings: &Namespace) -> Result<Option<Measured>> {
        let key = self.usage_key(settings)?;
        let found = self.read_internal(key, &mut self.budget(None)).await?;
        Ok(found.and_then(|found| Measured::decode(&found)))
    }

    pub(super) async fn publish_usage(
        &self,
        settings: &Namespace,
        measured: &Measured,
    ) -> Result<()> {
        let mut budget = self.budget(None);
        let key = self.usage_key(settings)?;
        let write = self.internal_write(key, measured.encode(), &mut budget);
        let write = [write.await?];
        let backend = &self.backend;
        self.call("set", &mut budget, |call| backend.set(&write, call))
            .await
            .map(drop)
    }

    pub(super) fn usage_key(&self, settings: &Namespace) -> Result<Key> {
        let prefix = self.keyspace.prefix();
        prefix.internal_in_slot("quota", &settings.prefix, "usage")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_storage() {
        let measured = Measured {
            at: Timestamp::from_millis(1),
            bytes: u64::MAX,
            entries: 3,
            invalidated_bytes: 258,
        };
        let stored = measured.encode();
        assert_eq!(stored[24..], [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Measured::decode(&stored), Some(measured));
        for end in 0..stored.len() {
            assert_eq!(Measured::decode(&stored[..end]), None, "{end}");
        }
        let longer = [&stored[..], b"more"].concat();
        assert_eq!(Measured::decode(&longer), Some(measured));
    }
}
