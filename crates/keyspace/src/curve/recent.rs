//! Keys that were found at all sizes a moment ago.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::key_hash::KeyHash;

const SLOTS: usize = 64;

/// For so many simulated accesses a key counts as found without another look. No size simulated
/// forgets a key so fast that was found there.
const WINDOW: u32 = 8;

/// What was found at all sizes a moment ago: the next read of it changes nothing, as hits are not
/// counted. So the most frequent keys cost next to nothing, and never the lock.
#[derive(Debug)]
pub(super) struct Recent {
    /// Half of the hash, and the number of the access.
    slots: [AtomicU64; SLOTS],
    accesses: AtomicU32,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            slots: [const { AtomicU64::new(0) }; SLOTS],
            // The empty slots are long ago.
            accesses: AtomicU32::new(WINDOW),
        }
    }
}

impl Recent {
    #[inline]
    pub(super) fn has(&self, key: KeyHash) -> bool {
        let found = self.slot(key).load(Ordering::Relaxed);
        let age = self
            .accesses
            .load(Ordering::Relaxed)
            .wrapping_sub(found as u32);
        found >> 32 == mark(key) && age < WINDOW
    }

    /// One more access was simulated. Only under the lock of the simulations.
    pub(super) fn advance(&self) {
        let next = self.accesses.load(Ordering::Relaxed).wrapping_add(1);
        self.accesses.store(next, Ordering::Relaxed);
    }

    pub(super) fn remember(&self, key: KeyHash) {
        let now = self.accesses.load(Ordering::Relaxed);
        let found = mark(key) << 32 | u64::from(now);
        self.slot(key).store(found, Ordering::Relaxed);
    }

    #[inline]
    fn slot(&self, key: KeyHash) -> &AtomicU64 {
        &self.slots[key.0 as usize % SLOTS]
    }
}

/// Not of the highest bits, which are 0 where few keys are sampled.
#[inline]
const fn mark(key: KeyHash) -> u64 {
    (key.0 >> 6) & 0xffff_ffff
}
