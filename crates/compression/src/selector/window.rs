//! The last measurements of a candidate, and what they come to.

use std::collections::VecDeque;
use std::time::Duration;

/// So many are kept.
const LENGTH: usize = 24;

/// One part in so many, the slowest, says more of the machine than of the algorithm.
const SLOWEST: usize = 6;

/// Ratios may be outside those seen before by this factor until the data counts as changed.
const SURPRISE: f64 = 1.25;

/// One value, compressed and decompressed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) plain_bytes: usize,
    /// What would be stored: never more than the plain bytes.
    pub(crate) stored_bytes: usize,
    pub(crate) compress: Duration,
    /// Nothing where the value would be stored plain.
    pub(crate) decompress: Duration,
}

/// The last measurements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    samples: VecDeque<Sample>,
}

/// What is to be expected, for each plain byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// The share of the bytes that is stored.
    pub(crate) stored: f64,
    pub(crate) compress_ns: f64,
    pub(crate) decompress_ns: f64,
    /// Of a typical value.
    pub(crate) plain_bytes: f64,
    pub(crate) samples: usize,
}

impl Estimate {
    /// Of plain values.
    pub(crate) const fn plain(plain_bytes: f64, samples: usize) -> Self {
        Self {
            stored: 1.0,
            compress_ns: 0.0,
            decompress_ns: 0.0,
            plain_bytes,
            samples,
        }
    }
}

impl Sample {
    fn stored(&self) -> f64 {
        self.stored_bytes as f64 / self.plain_bytes.max(1) as f64
    }
}

impl Window {
    pub(crate) fn push(&mut self, sample: Sample) {
        if self.samples.len() == LENGTH {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Whether a value is compressed far better or worse than all before it.
    pub(crate) fn is_surprised(&self, sample: &Sample) -> bool {
        let seen = self.samples.iter().map(Sample::stored);
        let least = seen.clone().fold(f64::INFINITY, f64::min);
        let most = seen.fold(0.0, f64::max);
        let found = sample.stored();
        !self.samples.is_empty() && (found < least / SURPRISE || found > most * SURPRISE)
    }

    pub(crate) fn clear(&mut self) {
        self.samples.clear();
    }

    /// Forgets all but the last few.
    pub(crate) fn keep_last(&mut self, samples: usize) {
        let old = self.samples.len().saturating_sub(samples);
        self.samples.drain(..old);
    }

    pub(crate) fn estimate(&self) -> Option<Estimate> {
        let samples = self.samples.len();
        let sum = |of: fn(&Sample) -> usize| self.samples.iter().map(of).sum::<usize>() as f64;
        let plain = sum(|sample| sample.plain_bytes);
        (plain > 0.0).then(|| Estimate {
            stored: sum(|sample| sample.stored_bytes) / plain,
            compress_ns: self.ns_per_byte(|sample| sample.compress),
            decompress_ns: self.ns_per_byte(|sample| sample.decompress),
            plain_bytes: plain / samples as f64,
            samples,
        })
    }

    /// The mean without the slowest.
    fn ns_per_byte(&self, time: fn(&Sample) -> Duration) -> f64 {
        let rate = |sample: &Sample| time(sample).as_nanos() as f64 / sample.plain_bytes as f64;
        let mut rates: Vec<f64> = self.samples.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.truncate(rates.len() - rates.len().div_ceil(SLOWEST).min(rates.len() - 1));
        rates.iter().sum::<f64>() / rates.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(stored_bytes: usize, nanos: u64) -> Sample {
        Sample {
            plain_bytes: 1000,
            stored_bytes,
            compress: Duration::from_nanos(nanos),
            decompress: Duration::from_nanos(nanos / 2),
        }
    }

    #[test]
    fn an_interruption_does_not_count() {
        let mut window = Window::default();
        for _ in 0..5 {
            window.push(sample(500, 2000));
        }
        window.push(sample(400, 9_000_000));
        let estimate = window.estimate().unwrap();
        assert_eq!(estimate.compress_ns, 2.0);
        assert_eq!(estimate.decompress_ns, 1.0);
        assert_eq!(estimate.stored, 2900.0 / 6000.0);
        assert_eq!(estimate.samples, 6);
    }

    #[test]
    fn a_lone_measurement_counts() {
        let mut window = Window::default();
        assert_eq!(window.estimate(), None);
        window.push(sample(500, 3000));
        assert_eq!(window.estimate().unwrap().compress_ns, 3.0);
    }

    #[test]
    fn forgets_what_is_old() {
        let mut window = Window::default();
        window.push(sample(100, 1000));
        for _ in 0..LENGTH {
            window.push(sample(500, 2000));
        }
        assert_eq!(window.estimate().unwrap().stored, 0.5);
    }

    #[test]
    fn is_surprised_by_what_is_far_outside() {
        let mut window = Window::default();
        assert!(!window.is_surprised(&sample(500, 1)));
        window.push(sample(400, 1));
        window.push(sample(500, 1));
        for (stored, expected) in [(310, true), (330, false), (600, false), (640, true)] {
            assert_eq!(
                window.is_surprised(&sample(stored, 1)),
                expected,
                "{stored}"
            );
        }
    }
}
