//! Medians and ratios.

use serde::Serialize;

use crate::goals::{self, Verdict};
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

/// Candidates on one store at one degree of concurrency.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) title: &'static str,
    pub(crate) store: &'static str,
    pub(crate) tasks: usize,
    pub(crate) rows: Vec<Row>,
}

/// One candidate: the median over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ops_per_second: f64,
    /// The time an operation takes, in that of the first candidate's, within each round.
    pub(crate) cost: Ratio,
    rounds: Vec<f64>,
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

/// Over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// A quarter of the rounds is below, ...
    pub(crate) lower: f64,
    /// ... and a quarter above.
    pub(crate) upper: f64,
}

impl Results {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            rounds: options.rounds,
            slice_ms: options.slice.as_millis(),
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

impl Row {
    pub(crate) fn new(name: &'static str, rates: &[f64], baseline: &[f64]) -> Self {
        let pairs = rates.iter().zip(baseline);
        Self {
            name,
            ops_per_second: quantile(rates.iter().copied(), 0.5),
            cost: Ratio::of(pairs.map(|(rate, baseline)| baseline / rate)),
            rounds: rates.to_vec(),
        }
    }
}

impl Ratio {
    pub(crate) fn of(ratios: impl Iterator<Item = f64> + Clone) -> Self {
        Self {
            median: quantile(ratios.clone(), 0.5),
            lower: quantile(ratios.clone(), 0.25),
            upper: quantile(ratios, 0.75),
        }
    }
}

/// Between two neighbours, in proportion.
pub(crate) fn quantile(values: impl Iterator<Item = f64>, quantile: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len() - 1) as f64 * quantile;
    let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
    below + (above - below) * at.fract()
}
