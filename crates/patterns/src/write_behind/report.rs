//! What a write-behind says of itself.

use std::time::Duration;

use larder_cache::Written;
use larder_cache_core::Sequence;

/// A write that is in the journal.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "the cache may not have the value yet"]
pub struct Journaled {
    /// Where it stands.
    pub sequence: Sequence,
    /// What became of the cached value.
    pub cached: Written,
}

/// How a write-behind ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct DrainReport {
    /// How many writes are still in the journal, by whichever process; `None`: it could not be
    /// asked. Other processes that share the journal write them; one that survives its process
    /// keeps them for the next.
    pub left: Option<u64>,
    /// How many dead letters there are.
    pub dead_letters: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl DrainReport {
    /// Whether the database has everything.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left == Some(0) && self.dead_letters == 0
    }
}
