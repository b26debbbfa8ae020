//! What the service counts besides what its cache does.

use std::sync::atomic::{AtomicU64, Ordering};

use super::progress::Flushes;
use crate::database::Database;

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) reads: AtomicU64,
    pub(super) bypassed: AtomicU64,
    pub(super) unconfirmed: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) cached: AtomicU64,
    pub(super) events: AtomicU64,
}

/// What the service did with its database, and what it was spared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reads that were answered, each of which is one query in a service without a cache.
    pub reads: u64,
    /// Those that went past the cache.
    pub bypassed: u64,
    /// Queries that ran.
    pub queries: u64,
    /// Updates that ran; a transaction is one.
    pub updates: u64,
    /// Changes of the cache that its backend did not confirm.
    pub unconfirmed: u64,
    /// Settings that were written through.
    pub written: u64,
    /// Those that the cache has as well.
    pub cached: u64,
    /// Progress that was acknowledged, to be written behind.
    pub events: u64,
    /// Rows that were written behind.
    pub rows: u64,
    /// Transactions that this took.
    pub batches: u64,
    /// Progress that can't be written.
    pub dead_letters: u64,
}

impl Tally {
    pub(super) fn of(counters: &Counters, flushes: &Flushes, database: &Database) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            reads: read(&counters.reads),
            bypassed: read(&counters.bypassed),
            queries: database.queries(),
            updates: database.updates(),
            unconfirmed: read(&counters.unconfirmed),
            written: read(&counters.written),
            cached: read(&counters.cached),
            events: read(&counters.events),
            rows: read(&flushes.rows),
            batches: read(&flushes.batches),
            dead_letters: read(&flushes.dead_letters),
        }
    }

    /// Queries that the cache answered in the database's place.
    #[must_use]
    pub fn avoided(&self) -> u64 {
        self.reads.saturating_sub(self.queries)
    }
}
