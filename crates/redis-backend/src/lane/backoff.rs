//! How long to pause before the next attempt to connect.

use std::time::Duration;

use larder_cache_core::{Random, SystemRandom};

/// Pauses that double with every failure, up to a longest one, and are shortened at
/// random so that a fleet of processes doesn't come back in step.
#[derive(Debug)]
pub(super) struct Backoff {
    longest: Duration,
    failures: u32,
}

/// The first pause is the longest one divided by two to the power of this.
const DOUBLINGS: u32 = 4;

impl Backoff {
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            failures: 0,
        }
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// A connection was lost that had lived this long. One that broke at once counts as
    /// a failed attempt: a server may accept connections only to drop them.
    pub(super) fn lost_after(&mut self, lifetime: Duration) {
        if lifetime < self.longest {
            self.failed();
        } else {
            self.failures = 0;
        }
    }

    /// Whether the next attempt may be made at once.
    pub(super) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// The pause before the next attempt.
    pub(super) fn pause(&self) -> Duration {
        self.pause_with(&SystemRandom)
    }

    fn pause_with(&self, random: &impl Random) -> Duration {
        if self.is_fresh() {
            return Duration::ZERO;
        }
        let halvings = DOUBLINGS.saturating_sub(self.failures - 1);
        let full = self.longest / (1 << halvings);
        full.mul_f64(1.0 - random.next_unit() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(u64);

    impl Random for Fixed {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    fn pauses(random: &Fixed) -> Vec<u64> {
        let mut backoff = Backoff::new(Duration::from_millis(1600));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let pause = backoff.pause_with(random);
            pauses.push(u64::try_from(pause.as_millis()).unwrap());
            backoff.failed();
        }
        pauses
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_half() {
        assert_eq!(pauses(&Fixed(0)), [0, 100, 200, 400, 800, 1600, 1600]);
        let shortest = pauses(&Fixed(u64::MAX));
        assert_eq!(shortest, [0, 50, 100, 200, 400, 800, 800]);
    }

    #[test]
    fn only_a_connection_that_lived_resets_the_pause() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        backoff.lost_after(Duration::from_millis(10));
        assert!(!backoff.is_fresh());
        backoff.lost_after(Duration::from_secs(1));
        assert!(backoff.is_fresh());
    }
}
