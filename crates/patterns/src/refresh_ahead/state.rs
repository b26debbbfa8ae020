//! Which keys wait, which are being refreshed, which are left alone; and who works.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::hits::Aged;
use super::options::RefreshAheadOptions;
use super::queue::{Put, Queue, Worth};

/// All that changes, under one lock.
pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) running: HashSet<Arc<str>>,
    pub(super) backoff: Backoff,
    pub(super) aged: Aged,
    /// Keys that gave way to others.
    pub(super) dropped: u64,
    phase: Phase,
    workers: usize,
    /// Workers that have not taken their keys yet.
    collecting: usize,
    max_workers: usize,
    max_batch: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
}

/// Whether another worker is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Worker,
    Nobody,
}

impl State {
    pub(super) fn new(options: &RefreshAheadOptions) -> Self {
        let RefreshAheadOptions {
            max_queued,
            backoff,
            max_backoff,
            ..
        } = *options;
        Self {
            queue: Queue::new(max_queued),
            running: HashSet::new(),
            backoff: Backoff::new(backoff, max_backoff, max_queued),
            aged: Aged::now(),
            dropped: 0,
            phase: Phase::Open,
            workers: 0,
            collecting: 0,
            max_workers: options.max_concurrent,
            max_batch: options.max_batch,
        }
    }

    /// Whether a key may be put into the queue.
    pub(super) fn takes(&self, key: &str, now: Instant) -> bool {
        self.phase == Phase::Open && !self.running.contains(key) && !self.backoff.holds(key, now)
    }

    /// Puts a key into the queue.
    pub(super) fn put(&mut self, key: &str, worth: Worth) -> Need {
        if matches!(self.queue.put(key, worth), Put::Dropped | Put::Displaced) {
            self.dropped += 1;
        }
        self.need()
    }

    /// Whether those who collect keys have more of them than they can take.
    pub(super) fn need(&mut self) -> Need {
        let expected = self.collecting.saturating_mul(self.max_batch);
        if self.workers >= self.max_workers || self.queue.len() <= expected {
            return Need::Nobody;
        }
        self.workers += 1;
        self.collecting += 1;
        Need::Worker
    }

    /// Whether a batch would not be full.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < self.max_batch
    }

    /// Keys for a worker, the most valuable first; a worker without keys has ended.
    pub(super) fn take(&mut self) -> Vec<Arc<str>> {
        let keys = self.queue.take(self.max_batch);
        self.collecting -= 1;
        if keys.is_empty() {
            self.workers -= 1;
        }
        self.running.extend(keys.iter().cloned());
        keys
    }

    /// A worker comes for more.
    pub(super) fn collect_again(&mut self) {
        self.collecting += 1;
    }

    /// A worker that had keys has ended.
    pub(super) fn worker_ended(&mut self) {
        self.workers -= 1;
    }

    /// Takes no more keys.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
    }

    /// The keys that have not been refreshed.
    pub(super) fn left(&self) -> Vec<String> {
        let running = self.running.iter().map(|key| &**key);
        running
            .chain(self.queue.keys())
            .map(str::to_owned)
            .collect()
    }
}
