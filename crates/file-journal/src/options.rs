//! What a file journal is opened with.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Clock, Durability, Random, SystemClock, SystemRandom};

use crate::disk::Hook;

/// When the disk must have what is acknowledged.
///
/// Under each of them the end of the process, whatever its cause, loses nothing: the operating
/// system has what is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// Before it is acknowledged: a power failure loses nothing. Appends that come at once share
    /// one sync.
    Always,
    /// So long after it was acknowledged, at the latest: a power failure takes the writes of
    /// this time, and no earlier ones.
    Every(Duration),
}

/// How a [`FileJournal`](crate::FileJournal) is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileJournalOptions {
    pub(crate) sync: SyncPolicy,
    pub(crate) shards: u32,
    pub(crate) capacity: u64,
    pub(crate) queue: usize,
    pub(crate) cache_bytes: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) hook: Hook,
}

impl FileJournalOptions {
    /// When the disk must have what is acknowledged. Default: [`SyncPolicy::Always`].
    #[must_use]
    pub const fn sync(mut self, policy: SyncPolicy) -> Self {
        self.sync = policy;
        self
    }

    /// In how many shards writes are kept: so many consumers can work at once. A file keeps the
    /// number that it was made with; another is an error. Default: 16.
    #[must_use]
    pub const fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// How many writes are kept at most, dead letters included; more are refused with kind
    /// `Backpressure`. Their keys are in memory, their values are not. Default: 100 000.
    #[must_use]
    pub const fn capacity(mut self, writes: u64) -> Self {
        self.capacity = writes;
        self
    }

    /// How many calls wait for the file at most; further callers wait for their turn.
    /// Default: 4096.
    #[must_use]
    pub const fn queue(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }

    /// How many bytes of the file are kept in memory at most. Default: 64 MiB.
    #[must_use]
    pub const fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
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

    /// What fails writes and syncs in a fault test. Default: nothing.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn faults(mut self, faults: crate::DiskFaults) -> Self {
        self.hook = Hook::of(faults);
        self
    }

    pub(crate) const fn durability(&self) -> Durability {
        match self.sync {
            SyncPolicy::Always => Durability::PowerLoss,
            SyncPolicy::Every(_) => Durability::Crash,
        }
    }
}

impl Default for FileJournalOptions {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::Always,
            shards: 16,
            capacity: 100_000,
            queue: 4096,
            cache_bytes: 64 << 20,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
            hook: Hook::default(),
        }
    }
}
