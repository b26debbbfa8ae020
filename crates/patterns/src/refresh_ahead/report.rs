//! What a refresh-ahead did.

use std::time::Duration;

/// What a [`RefreshAhead`](crate::RefreshAhead) did since it was made, in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshAheadStats {
    /// Keys that were loaded and stored.
    pub refreshed: u64,
    /// Keys whose refresh failed; what was cached stayed.
    pub failed: u64,
    /// Keys that were left alone when their turn came: others had refreshed them, or did.
    pub left: u64,
    /// Keys that gave way to more valuable ones in a full queue.
    pub dropped: u64,
    /// Keys that wait now.
    pub queued: usize,
    /// Keys that are being refreshed now.
    pub running: usize,
}

/// What a shutdown left undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct RefreshAheadReport {
    /// The keys that were due and have not been refreshed. What is cached of them stays for
    /// its time to live.
    pub left: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl RefreshAheadReport {
    /// Whether nothing was left undone.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left.is_empty()
    }
}
