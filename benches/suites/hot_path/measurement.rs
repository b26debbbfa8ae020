//! What one slice measured.

use serde::Serialize;

use crate::workload::Workload;

/// The figures of one slice.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) ops_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Of this process, all its threads; not of the server.
    pub(crate) cpu_us_per_op: f64,
    /// Operations that failed or did not find all their keys.
    pub(crate) failures: u64,
}

/// All slices of one adapter on one workload, one a round.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) workload: Workload,
    pub(crate) adapter: &'static str,
    pub(crate) rounds: Vec<Measured>,
}
