//! All that a run found out.

use larder_benches::{Comparison, Ratio, Verdict};
use serde::Serialize;

use crate::goals;
use crate::options::Options;

/// All that a run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    rounds: usize,
    slice_ms: u128,
    pub(crate) invalidations: Vec<Invalidation>,
    pub(crate) reads: Vec<Comparison>,
    pub(crate) fills: Vec<Fills>,
    pub(crate) goals: Vec<Verdict>,
}

/// Invalidating a tag that one entry carries, and one that many carry.
#[derive(Debug, Serialize)]
pub(crate) struct Invalidation {
    pub(crate) store: &'static str,
    /// How many are the many.
    pub(crate) entries: usize,
    pub(crate) stored_in_seconds: f64,
    /// The very first invalidation of the tag that many carry.
    pub(crate) first_us: f64,
    pub(crate) one_p50_us: f64,
    pub(crate) many_p50_us: f64,
    /// Of the p50 within each round.
    pub(crate) ratio: Ratio,
}

/// What the backend was asked, per key.
#[derive(Debug, Serialize)]
pub(crate) struct Fills {
    pub(crate) store: &'static str,
    pub(crate) tasks: usize,
    pub(crate) keys: usize,
    /// How often each key was read after it was loaded.
    pub(crate) reads: usize,
    pub(crate) loads: f64,
    pub(crate) gets: f64,
    /// Leases, fills, epochs.
    pub(crate) other_calls: f64,
    pub(crate) l1_hits: f64,
}

impl Results {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            rounds: options.rounds.count,
            slice_ms: options.rounds.slice.as_millis(),
            invalidations: Vec::new(),
            reads: Vec::new(),
            fills: Vec::new(),
            goals: Vec::new(),
        }
    }

    pub(crate) fn judge(&mut self) {
        self.goals = goals::judge(self);
    }
}
