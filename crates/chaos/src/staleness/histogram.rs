use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Durations in fixed memory: eight steps to each doubling, from a microsecond on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    longest: Duration,
}

const STEPS: u64 = 8;

/// More than an hour.
const MOST_BUCKETS: usize = 32 * STEPS as usize;

impl Histogram {
    pub(crate) fn record(&mut self, duration: Duration) {
        let bucket = bucket_of(duration);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.longest = self.longest.max(duration);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.longest = self.longest.max(other.longest);
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What this share of all took at most, up to an eighth more; `None` where there are none.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Some(end_of(bucket).min(self.longest));
            }
        }
        None
    }

    pub(crate) fn longest(&self) -> Option<Duration> {
        (self.count() > 0).then_some(self.longest)
    }
}

fn bucket_of(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros < STEPS {
        return usize::try_from(micros).unwrap_or(0);
    }
    let doublings = u64::from(micros.ilog2()) - u64::from(STEPS.ilog2());
    let step = (micros >> doublings) - STEPS;
    let bucket = (doublings + 1) * STEPS + step;
    usize::try_from(bucket).map_or(MOST_BUCKETS - 1, |bucket| bucket.min(MOST_BUCKETS - 1))
}

/// Where a bucket ends.
fn end_of(bucket: usize) -> Duration {
    let bucket = bucket as u64 + 1;
    let micros = match (bucket / STEPS).checked_sub(1) {
        None => bucket,
        Some(doublings) => (STEPS + bucket % STEPS) << doublings,
    };
    Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_a_bucket_that_ends_an_eighth_later_at_most() {
        let mut micros = 1_u64;
        while micros < 3_000_000_000 {
            let duration = Duration::from_micros(micros);
            let end = end_of(bucket_of(duration));
            assert!(end > duration, "{micros}");
            assert!(
                end <= duration + duration / 8 + Duration::from_micros(1),
                "{micros}"
            );
            micros += 1 + micros / 13;
        }
        assert!(bucket_of(Duration::MAX) < MOST_BUCKETS);
    }

    #[test]
    fn quantiles_are_of_all_that_was_recorded_or_merged() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        let (mut low, mut high) = (Histogram::default(), Histogram::default());
        for millis in 1..=90 {
            low.record(Duration::from_millis(millis));
        }
        for _ in 0..10 {
            high.record(Duration::from_secs(2));
        }
        low.merge(&high);
        assert_eq!(low.count(), 100);
        let near = |share, millis: u64| {
            let found = low.quantile(share).unwrap();
            let expected = Duration::from_millis(millis);
            assert!(found >= expected && found <= expected * 9 / 8, "{found:?}");
        };
        near(0.5, 50);
        near(0.9, 90);
        assert_eq!(low.quantile(0.99), Some(Duration::from_secs(2)));
        assert_eq!(low.longest(), Some(Duration::from_secs(2)));
    }
}
