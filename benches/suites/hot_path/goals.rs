//! What Larder promises against bare redis-rs.

use serde::Serialize;

use crate::results::Row;
use crate::workload::{Operation, Workload};

const SUBJECT: &str = "larder";

/// A promise, and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) workload: Workload,
    pub(crate) figure: Figure,
    pub(crate) promised: Bound,
    pub(crate) ratio: f64,
    pub(crate) is_met: bool,
}

/// What a promise is about, as a ratio to the baseline's.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    OpsPerSecond,
    ClientCpu,
    P99,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Every promise about a workload that was run.
pub(crate) fn judge(rows: &[Row]) -> Vec<Verdict> {
    let ours = rows.iter().filter(|row| row.adapter == SUBJECT);
    ours.flat_map(|row| {
        let promises = promises(row.workload).into_iter();
        promises.map(|(figure, promised)| Verdict::new(row, figure, promised))
    })
    .collect()
}

fn promises(workload: Workload) -> Vec<(Figure, Bound)> {
    use Bound::{AtLeast, AtMost};
    use Figure::{ClientCpu, OpsPerSecond, P99};
    let busy = |ops| vec![(OpsPerSecond, AtLeast(ops)), (P99, AtMost(1.0))];
    match (workload.operation, workload.tasks) {
        (Operation::GetMany | Operation::SetMany, _) => vec![(OpsPerSecond, AtLeast(1.0))],
        (Operation::Get, 64) => busy(1.3),
        (Operation::Get, 512) => busy(1.35),
        (Operation::Set, 64) => busy(1.0),
        (Operation::Set, 512) => busy(1.25),
        (Operation::Get | Operation::Set, _) => vec![(ClientCpu, AtMost(1.1))],
    }
}

impl Verdict {
    fn new(row: &Row, figure: Figure, promised: Bound) -> Self {
        let ratio = match figure {
            Figure::OpsPerSecond => row.ops_ratio.median,
            Figure::ClientCpu => row.cpu_ratio.median,
            Figure::P99 => row.p99_ratio.median,
        };
        let is_met = match promised {
            Bound::AtLeast(least) => ratio >= least,
            Bound::AtMost(most) => ratio <= most,
        };
        Self {
            workload: row.workload,
            figure,
            promised,
            ratio,
            is_met: is_met && row.failures == 0,
        }
    }
}
