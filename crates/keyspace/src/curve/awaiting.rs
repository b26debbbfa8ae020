//! Keys that were missed and will be taken in when they are read.

use crate::key_hash::KeyHash;

const SLOTS: usize = 256;

/// At which sizes a key was missed: one bit each.
pub(super) type Sizes = u16;

/// Keys that were missed, until L1 takes them in. One that is pushed out by another is taken in
/// at all sizes.
#[derive(Debug)]
pub(super) struct Awaiting(Box<[(u64, Sizes)]>);

impl Default for Awaiting {
    fn default() -> Self {
        Self(vec![(0, 0); SLOTS].into())
    }
}

impl Awaiting {
    pub(super) const BYTES: usize = SLOTS * size_of::<(u64, Sizes)>();

    pub(super) fn put(&mut self, key: KeyHash, sizes: Sizes) {
        self.0[place(key)] = (key.0, sizes);
    }

    /// `None`: it was not missed, but written or refreshed.
    pub(super) fn take(&mut self, key: KeyHash) -> Option<Sizes> {
        let slot = &mut self.0[place(key)];
        if slot.0 != key.0 || slot.1 == 0 {
            return None;
        }
        Some(std::mem::take(&mut slot.1))
    }
}

const fn place(key: KeyHash) -> usize {
    key.0 as usize % SLOTS
}
