//! The hash by which keys are sampled and followed.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// A namespace's seed of the hashes of its keys, the same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpaceSeed(u64);

/// A key of a namespace, as 64 bits that are evenly spread and the same in every process.
///
/// Two keys of a million have the same hash with a chance of one in 37 million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub(crate) u64);

impl KeyHash {
    /// The hash of a key of a namespace.
    #[must_use]
    pub fn of(namespace: &str, key: &str) -> Self {
        SpaceSeed::of(namespace).hash(key)
    }
}

impl SpaceSeed {
    pub(crate) fn of(namespace: &str) -> Self {
        Self(xxh3_64(namespace.as_bytes()))
    }

    #[inline]
    pub(crate) fn hash(self, key: &str) -> KeyHash {
        KeyHash(xxh3_64_with_seed(key.as_bytes(), self.0))
    }
}
