//! What happened to the keys of a shape.

use serde::{Deserialize, Serialize};

use super::hot::per_second;
use crate::advice::ChangeHistogram;
use crate::analytics::counts::Counts;
use crate::analytics::histogram::Distribution;
use crate::analytics::snapshot::{KeysSnapshot, ShapeSnapshot};

/// A shape of keys such as `profile:{id}`, and what happened to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShapeReport {
    /// The shape. `{id}` stands for what names one thing by its looks, `{name}` for words of
    /// which there are many at that place, `{rest}` for what follows the eighth segment;
    /// the shape `{other}` for all keys for whose shapes there was no room.
    pub shape: String,
    /// What happened. All is counted, but for hits in L1 of keys that are not followed: where
    /// there are more than 100,000 of them in a second, they are sampled.
    pub counts: Counts,
    /// The share of reads that were answered, 0 to 1; `None`: there were no reads.
    pub hit_rate: Option<f64>,
    /// The share of reads that L1 answered, 0 to 1; `None`: there were no reads.
    pub l1_hit_rate: Option<f64>,
    /// Reads for each value that a caller set; `None`: nobody set one.
    pub read_write_ratio: Option<f64>,
    /// How many such keys there are, estimated from the sample.
    pub distinct_keys: f64,
    /// Reads in a second, on average.
    pub reads_per_second: f64,
    /// Reads of one key in a second, on average; `None`: no such key is in the sample.
    pub reads_per_second_and_key: Option<f64>,
    /// When one of them was last read, stale or not, in milliseconds since the Unix epoch.
    pub last_read_ms: u64,
    /// Sizes of values as serialized, in bytes, of all that were stored.
    pub sizes: Option<Distribution>,
    /// How old values were when they were read, in milliseconds, in the sample.
    pub ages_ms: Option<Distribution>,
    /// Values that were stored again, in the sample.
    pub stored_again: u64,
    /// Those of them that were another value then.
    pub changed: u64,
    /// The same by the time between, for [`TtlAdvice::of`](crate::analytics::TtlAdvice::of).
    pub changes: ChangeHistogram,
}

pub(crate) fn shapes_of(keys: &KeysSnapshot, seconds: f64) -> Vec<ShapeReport> {
    let weight = keys.panel.weight();
    let mut members = vec![0_u32; keys.shapes.len()];
    for key in &keys.panel.keys {
        if let Some(count) = members.get_mut(usize::from(key.shape)) {
            *count += 1;
        }
    }
    let all = keys.shapes.iter().zip(members);
    let reports = all.map(|(shape, members)| report(shape, f64::from(members) * weight, seconds));
    let mut reports: Vec<_> = reports
        .filter(|report| report.distinct_keys > 0.0 || report.has_any())
        .collect();
    reports.sort_by_key(|report| std::cmp::Reverse(report.counts.reads()));
    reports
}

fn report(shape: &ShapeSnapshot, distinct_keys: f64, seconds: f64) -> ShapeReport {
    let counts = &shape.counts;
    let reads_per_second = per_second(counts.reads(), seconds);
    let (stored_again, changed) = shape.values.changes.totals();
    ShapeReport {
        shape: shape.shape.clone(),
        hit_rate: counts.hit_rate(),
        l1_hit_rate: counts.l1_hit_rate(),
        read_write_ratio: counts.read_write_ratio(),
        distinct_keys,
        reads_per_second,
        reads_per_second_and_key: (distinct_keys > 0.0).then(|| reads_per_second / distinct_keys),
        last_read_ms: shape.last,
        sizes: shape.values.sizes.summary(),
        ages_ms: shape.values.ages.summary(),
        stored_again,
        changed,
        changes: shape.values.changes.clone(),
        counts: counts.clone(),
    }
}

impl ShapeReport {
    fn has_any(&self) -> bool {
        self.counts != Counts::default()
    }
}
