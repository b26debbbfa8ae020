//! One stored value, and what it counts for.

use std::borrow::Borrow;
use std::mem;
use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use larder_cache_core::entry::is_entry;
use larder_cache_core::{Expiry, Key, Moment, millis_rounded_up};

/// What a value counts for beside its key and itself, in bytes.
///
/// It covers the record, its places in the index, the scan order, the expiry order and the
/// eviction queue, and the allocator's share: 205 to 331 bytes as measured, by whether
/// the value has a time to live and how full the tables are. Tables are given back once
/// they are three quarters empty.
pub const ENTRY_OVERHEAD_BYTES: u64 = 336;

/// A key that tables can be asked for by its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StoredKey(Key);

/// A value under its key.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: StoredKey,
    pub(crate) value: Bytes,
    /// [`Moment::FAR_FUTURE`] where it has no end.
    pub(crate) deadline: Moment,
}

impl StoredKey {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Borrow<str> for StoredKey {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Record {
    /// The value is copied, whatever its size. It may be a slice of a buffer many times as
    /// large, a connection's read buffer say, which it would keep in memory uncounted; and
    /// a `Bytes` does not tell the size of what it is a slice of. A copy costs less than
    /// the serialization before it.
    pub(crate) fn new(key: &Key, value: &[u8], ttl: Option<Duration>, now: Moment) -> Self {
        Self {
            key: StoredKey(key.clone()),
            value: Bytes::copy_from_slice(value),
            deadline: deadline(ttl, now),
        }
    }

    pub(crate) fn counted_bytes(&self) -> u64 {
        counted_bytes(self.key.as_str().len(), self.value.len())
    }

    pub(crate) fn is_expired(&self, now: Moment) -> bool {
        self.deadline <= now
    }

    pub(crate) fn expiry(&self, now: Moment) -> Expiry {
        if self.deadline == Moment::FAR_FUTURE {
            return Expiry::Never;
        }
        Expiry::In(self.deadline.since(now))
    }

    /// Writes over a part of the header of an entry; `false` for other bytes. Copies the
    /// value only while a reader holds it.
    pub(crate) fn patch_header(&mut self, part: Range<usize>, bytes: &[u8]) -> bool {
        if !is_entry(&self.value) {
            return false;
        }
        let mut value = mem::take(&mut self.value)
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        value[part].copy_from_slice(bytes);
        self.value = value.freeze();
        true
    }
}

/// When a value stored now ends, to the millisecond.
pub(crate) fn deadline(ttl: Option<Duration>, now: Moment) -> Moment {
    ttl.map_or(Moment::FAR_FUTURE, |ttl| {
        now.after(Duration::from_millis(millis_rounded_up(ttl)))
    })
}

/// What a value counts for against the backend's bytes.
pub(crate) fn counted_bytes(key_bytes: usize, value_bytes: usize) -> u64 {
    let bytes = key_bytes.saturating_add(value_bytes);
    u64::try_from(bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(ENTRY_OVERHEAD_BYTES)
}
