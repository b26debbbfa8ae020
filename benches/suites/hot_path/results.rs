//! Medians, and ratios to the baseline.

use serde::Serialize;

use crate::adapters::BASELINE;
use crate::goals::{self, Verdict};
use crate::measurement::{Measured, Series};
use crate::options::Options;
use crate::workload::Workload;

/// All that a run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    rounds: usize,
    slice_ms: u128,
    pub(crate) rows: Vec<Row>,
    pub(crate) goals: Vec<Verdict>,
}

/// One adapter on one workload: medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) adapter: &'static str,
    pub(crate) ops_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_us_per_op: f64,
    pub(crate) failures: u64,
    pub(crate) ops_ratio: Ratio,
    pub(crate) p99_ratio: Ratio,
    pub(crate) cpu_ratio: Ratio,
    rounds: Vec<Measured>,
}

/// To the baseline, within each round.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// A quarter of the rounds is below, ...
    pub(crate) lower: f64,
    /// ... and a quarter above.
    pub(crate) upper: f64,
}

impl Results {
    pub(crate) fn new(options: &Options, all: &[Series]) -> Self {
        let rows: Vec<Row> = all
            .iter()
            .filter_map(|series| {
                let is_its_baseline = |other: &&Series| {
                    other.workload == series.workload && other.adapter == BASELINE
                };
                Some(Row::new(series, all.iter().find(is_its_baseline)?))
            })
            .collect();
        Self {
            rounds: options.rounds,
            slice_ms: options.slice.as_millis(),
            goals: goals::judge(&rows),
            rows,
        }
    }
}

impl Row {
    fn new(series: &Series, baseline: &Series) -> Self {
        let middle = |figure: fn(&Measured) -> f64| quantile(series.rounds.iter().map(figure), 0.5);
        let ratio = |figure: fn(&Measured) -> f64| {
            let pairs = series.rounds.iter().zip(&baseline.rounds);
            Ratio::of(pairs.map(|(ours, theirs)| figure(ours) / figure(theirs)))
        };
        Self {
            workload: series.workload,
            adapter: series.adapter,
            ops_per_second: middle(|measured| measured.ops_per_second),
            p50_us: middle(|measured| measured.p50_us),
            p99_us: middle(|measured| measured.p99_us),
            cpu_us_per_op: middle(|measured| measured.cpu_us_per_op),
            failures: series.rounds.iter().map(|measured| measured.failures).sum(),
            ops_ratio: ratio(|measured| measured.ops_per_second),
            p99_ratio: ratio(|measured| measured.p99_us),
            cpu_ratio: ratio(|measured| measured.cpu_us_per_op),
            rounds: series.rounds.clone(),
        }
    }
}

impl Ratio {
    fn of(ratios: impl Iterator<Item = f64> + Clone) -> Self {
        Self {
            median: quantile(ratios.clone(), 0.5),
            lower: quantile(ratios.clone(), 0.25),
            upper: quantile(ratios, 0.75),
        }
    }
}

/// Between two neighbours, in proportion.
fn quantile(values: impl Iterator<Item = f64>, quantile: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len() - 1) as f64 * quantile;
    let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
    below + (above - below) * at.fract()
}
