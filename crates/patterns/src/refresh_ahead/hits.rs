//! How often keys were read lately, in fixed memory.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use tokio::time::Instant;

/// Counters; with many more keys than that, keys that share one count as one.
const COUNTERS: usize = 1 << 14;

/// In so long, hits count for half.
const HALF_LIFE: Duration = Duration::from_secs(30);

/// Counts reads by the hash of the key: never too few, and too many where two keys share a
/// counter. 64 KiB, whatever the number of keys.
pub(crate) struct Hits {
    counters: Box<[AtomicU32]>,
    hasher: RandomState,
}

/// When the hits were last made to count for half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aged(Instant);

impl Hits {
    pub(crate) fn new() -> Self {
        Self {
            counters: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }

    /// Counts a read.
    #[inline]
    pub(crate) fn count(&self, key: &str) {
        self.counter(key).fetch_add(1, Ordering::Relaxed);
    }

    /// How many reads there were lately.
    pub(crate) fn of(&self, key: &str) -> u32 {
        self.counter(key).load(Ordering::Relaxed)
    }

    /// A number from 0 up to 1, another one for each key and attempt.
    pub(crate) fn spread(&self, key: &str, attempt: u32) -> f64 {
        f64::from(self.hasher.hash_one((key, attempt)) as u32) / f64::from(u32::MAX)
    }

    /// Lets old hits count for less, when it is time.
    pub(crate) fn age(&self, aged: &mut Aged, now: Instant) {
        let since = now.saturating_duration_since(aged.0);
        let halvings = since.as_nanos() / HALF_LIFE.as_nanos();
        let Ok(halvings @ 1..) = u32::try_from(halvings) else {
            return;
        };
        aged.0 = now;
        for counter in &self.counters {
            let hits = counter.load(Ordering::Relaxed);
            if hits > 0 {
                // A read that is counted meanwhile may be lost, and does no harm.
                counter.store(hits.checked_shr(halvings).unwrap_or(0), Ordering::Relaxed);
            }
        }
    }

    #[inline]
    fn counter(&self, key: &str) -> &AtomicU32 {
        &self.counters[self.hasher.hash_one(key) as usize % COUNTERS]
    }
}

impl Aged {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_hits_count_for_less() {
        let (hits, mut aged) = (Hits::new(), Aged::now());
        for _ in 0..100 {
            hits.count("a");
        }
        assert_eq!(hits.of("a"), 100);
        let start = aged.0;
        let mut check = |after: Duration, expected| {
            hits.age(&mut aged, start + after);
            assert_eq!(hits.of("a"), expected, "{after:?}");
        };
        check(HALF_LIFE / 2, 100);
        check(HALF_LIFE, 50);
        check(HALF_LIFE * 3, 12);
        check(HALF_LIFE * 3000, 0);
    }

    #[test]
    fn spreads_attempts() {
        let hits = Hits::new();
        let some = [("a", 1), ("a", 2), ("b", 1)].map(|(key, attempt)| hits.spread(key, attempt));
        assert!(some.iter().all(|number| (0.0..=1.0).contains(number)));
        assert!(some[0] != some[1] && some[0] != some[2]);
    }
}
