//! Keys that are read most.

use serde::{Deserialize, Serialize};

use crate::analytics::snapshot::Hot;

/// A key that is read often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HotKey {
    /// The key.
    pub key: String,
    /// How often it was read, as an estimate; reads before the last
    /// [`half_life`](crate::analytics::AnalyticsOptions::half_life) weigh half.
    pub count: u64,
    /// It was read so often at least: these reads were seen.
    pub at_least: u64,
    /// It was read so often at most, with a certainty of 95 %.
    pub at_most: u64,
    /// Reads in a second, on average.
    pub per_second: f64,
    /// When it was last read, in milliseconds since the Unix epoch. It may be up to 67 ms
    /// later; more where nothing but hits in L1 happens in the process, and then no more than
    /// 15 reads were later.
    pub last_read_ms: u64,
}

impl HotKey {
    pub(crate) fn of(hot: &Hot, seconds: f64) -> Self {
        Self {
            key: hot.key.clone(),
            count: hot.count,
            at_least: hot.least,
            at_most: hot.most,
            per_second: per_second(hot.count, seconds),
            last_read_ms: hot.last,
        }
    }
}

pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}
