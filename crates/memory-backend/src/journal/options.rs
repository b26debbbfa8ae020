//! What a memory journal is made with.

use std::sync::Arc;

use larder_cache_core::{Clock, Random, SystemClock, SystemRandom};

/// How a [`MemoryJournal`](super::MemoryJournal) is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemoryJournalOptions {
    pub(super) shards: u32,
    pub(super) capacity: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl MemoryJournalOptions {
    /// In how many shards writes are kept: so many consumers can work at once. Default: 16.
    #[must_use]
    pub const fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// How many writes are kept at most, dead letters included; more are refused with kind
    /// `Backpressure`. Default: 100 000.
    #[must_use]
    pub const fn capacity(mut self, writes: u64) -> Self {
        self.capacity = writes;
        self
    }

    /// The clock by which claims expire and writes are numbered. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where the tokens of claims come from. Default: the system's random numbers.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }
}

impl Default for MemoryJournalOptions {
    fn default() -> Self {
        Self {
            shards: 16,
            capacity: 100_000,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        }
    }
}
