//! The one byte budget that all shards share.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes in use and allowed, and what was evicted to keep them apart.
#[derive(Debug)]
pub(crate) struct Usage {
    max_bytes: u64,
    used_bytes: AtomicU64,
    evicted: AtomicU64,
}

impl Usage {
    pub(crate) const fn new(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            used_bytes: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    pub(crate) const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.used_bytes() > self.max_bytes
    }

    /// Called under the lock of the shard that stores the bytes, before [`release`] can be
    /// called for them, so that the sum never wraps.
    ///
    /// [`release`]: Usage::release
    pub(crate) fn take(&self, bytes: u64) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    pub(crate) fn count_eviction(&self) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }
}
