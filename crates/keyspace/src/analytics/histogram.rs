//! Distributions in a fixed number of bins.

use serde::{Deserialize, Serialize};

/// Bins within a doubling.
const STEPS: u32 = 4;

/// Doublings: up to 2^40, which are 34 years in milliseconds and a TiB in bytes.
const DOUBLINGS: u32 = 40;

const BINS: usize = (STEPS * DOUBLINGS) as usize;

/// A distribution of sizes in bytes or of times in milliseconds.
///
/// A bin is at most a quarter wide, so that what is read from it is at most an eighth off.
/// Counts are `f32`: exact to 16 million, and they can be halved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Histogram {
    /// Only up to the last bin that has something.
    bins: Vec<f32>,
    sum: f64,
}

impl Histogram {
    /// The most bytes it takes on the heap.
    pub(crate) const MOST_BYTES: usize = BINS * 4;

    pub(crate) fn record(&mut self, value: u64) {
        let bin = bin_of(value);
        if self.bins.len() <= bin {
            self.bins.reserve_exact(bin + 1 - self.bins.len());
            self.bins.resize(bin + 1, 0.0);
        }
        self.bins[bin] += 1.0;
        self.sum += value as f64;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let length = other.bins.len().min(BINS);
        if self.bins.len() < length {
            self.bins.reserve_exact(length - self.bins.len());
            self.bins.resize(length, 0.0);
        }
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            *mine += sane(f64::from(*theirs)) as f32;
        }
        self.sum += sane(other.sum);
    }

    /// Lets all that was recorded weigh less.
    pub(crate) fn scale(&mut self, by: f64) {
        self.bins.iter_mut().for_each(|bin| *bin *= by as f32);
        self.sum *= by;
    }

    pub(crate) fn count(&self) -> f64 {
        self.bins.iter().map(|bin| f64::from(*bin)).sum()
    }

    /// What it is, in the words of a report; `None`: nothing was recorded.
    pub(crate) fn summary(&self) -> Option<Distribution> {
        let count = self.count();
        (count > 0.0).then(|| Distribution {
            sample: count.round() as u64,
            mean: self.sum / count,
            p50: self.quantile(0.5, count),
            p90: self.quantile(0.9, count),
            p99: self.quantile(0.99, count),
        })
    }

    fn quantile(&self, share: f64, count: f64) -> f64 {
        let mut left = share * count;
        for (bin, found) in self.bins.iter().enumerate() {
            left -= f64::from(*found);
            if left <= 0.0 && *found > 0.0 {
                return middle(bin);
            }
        }
        self.bins.len().checked_sub(1).map_or(0.0, middle)
    }
}

/// A distribution, in bytes or in milliseconds; quantiles are at most an eighth off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Distribution {
    /// How many values it was made from.
    pub sample: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them are at most this.
    pub p50: f64,
    /// 90 % of them are at most this.
    pub p90: f64,
    /// 99 % of them are at most this.
    pub p99: f64,
}

/// Stored bytes may say anything; what is added up over a fleet shall stay a number.
pub(crate) fn sane(stored: f64) -> f64 {
    /// More than anybody counts, and far from where an `f32` ends.
    const MOST: f64 = 1e30;

    if stored.is_finite() {
        stored.clamp(0.0, MOST)
    } else {
        0.0
    }
}

fn bin_of(value: u64) -> usize {
    if value < u64::from(STEPS) {
        return value as usize;
    }
    let doubling = value.ilog2();
    let step = (value >> (doubling - 2)) & 3;
    let bin = (doubling - 1) * STEPS + step as u32;
    (bin as usize).min(BINS - 1)
}

fn middle(bin: usize) -> f64 {
    let (doubling, step) = (bin as u32 / STEPS, bin as u32 % STEPS);
    if doubling == 0 {
        return f64::from(step);
    }
    let width = f64::from(doubling - 1).exp2();
    width * (f64::from(STEPS + step) + if width > 1.0 { 0.5 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_at_most_a_tenth_off() {
        for value in (0..2000).chain((11..38).map(|bits| (1 << bits) - 1)) {
            let mut histogram = Histogram::default();
            histogram.record(value);
            let found = histogram.summary().unwrap();
            let (exact, off) = (value as f64, (found.p50 - value as f64).abs());
            assert!(off <= exact * 0.125, "{value}: {found:?}");
            assert!((found.mean - exact).abs() < 0.001);
        }
    }

    #[test]
    fn bins_go_up_without_gaps_and_end() {
        let mut last = 0;
        for value in 0..100_000 {
            let bin = bin_of(value);
            assert!(bin == last || bin == last + 1, "{value}");
            last = bin;
        }
        assert_eq!(bin_of(u64::MAX), BINS - 1);
    }

    #[test]
    fn merging_is_recording_all() {
        let (mut one, mut other, mut all) = Default::default();
        let record = |into: &mut Histogram, value| into.record(value);
        for value in 0..500 {
            record(if value % 3 == 0 { &mut one } else { &mut other }, value);
            record(&mut all, value);
        }
        one.merge(&other);
        assert_eq!(one, all);
    }
}
