//! How writes are gathered, and how often they are tried.

use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result};

/// Options of a [`WriteBehind`](super::WriteBehind).
///
/// ```
/// use std::time::Duration;
/// use larder_patterns::WriteBehindOptions;
///
/// let options = WriteBehindOptions::new()
///     .max_delay(Duration::from_secs(1))
///     .max_batch(200);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriteBehindOptions {
    pub(super) max_delay: Duration,
    pub(super) max_batch: usize,
    pub(super) max_window: usize,
    pub(super) write_timeout: Duration,
    pub(super) max_attempts: u32,
    pub(super) max_deliveries: u32,
    pub(super) min_backoff: Duration,
    pub(super) max_backoff: Duration,
    pub(super) poll_interval: Duration,
    pub(super) claim: Duration,
    pub(super) depth_interval: Duration,
}

impl Default for WriteBehindOptions {
    fn default() -> Self {
        Self {
            max_delay: Duration::from_secs(5),
            max_batch: 500,
            max_window: 5_000,
            write_timeout: Duration::from_secs(30),
            max_attempts: 5,
            max_deliveries: 100,
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            poll_interval: Duration::from_millis(250),
            claim: Duration::from_secs(10),
            depth_interval: Duration::from_secs(5),
        }
    }
}

impl WriteBehindOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a write may wait for others before it is sent to the database. The longer, the
    /// more writes of one key become one. Default: 5 seconds.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How many keys the writer is given at once, and how many make a shard's batch full before
    /// `max_delay` is over. Default: 500.
    #[must_use]
    pub fn max_batch(mut self, keys: usize) -> Self {
        self.max_batch = keys;
        self
    }

    /// How many writes of each shard are held in memory while they wait; more wait in the
    /// journal. Default: 5,000.
    #[must_use]
    pub fn max_window(mut self, writes: usize) -> Self {
        self.max_window = writes;
        self
    }

    /// How long the writer may take for a batch, before it is given up and asked again.
    /// Default: 30 seconds.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// How often a write may fail, while others succeed, before it goes to the dead letters. A
    /// database that is down counts against no write. Default: 5.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How many consumers may have taken a write and ended without an answer, before it goes to
    /// the dead letters: it may be what ends them. From the third on it is written alone.
    /// Default: 100.
    #[must_use]
    pub fn max_deliveries(mut self, deliveries: u32) -> Self {
        self.max_deliveries = deliveries;
        self
    }

    /// The pause after a first failure and the longest one; they double in between, and are
    /// shortened by up to half at random. Default: 100 milliseconds, 10 seconds.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.min_backoff = first;
        self.max_backoff = longest;
        self
    }

    /// How often each shard of the journal is looked at for writes of other processes, and a
    /// fourth as often where none were found; own ones are known at once. Default: 250
    /// milliseconds.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// After how long another process takes over the shards of one that was killed.
    /// Default: 10 seconds.
    #[must_use]
    pub fn claim(mut self, lasts: Duration) -> Self {
        self.claim = lasts;
        self
    }

    /// How often observers are told how much waits in the journal. Default: 5 seconds.
    #[must_use]
    pub fn depth_interval(mut self, interval: Duration) -> Self {
        self.depth_interval = interval;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let at_least_one = [
            ("max_batch", self.max_batch == 0),
            ("max_window", self.max_window < self.max_batch),
            ("max_attempts", self.max_attempts == 0),
            ("max_deliveries", self.max_deliveries == 0),
            ("write_timeout", self.write_timeout.is_zero()),
            (
                "backoff",
                self.min_backoff.is_zero() || self.max_backoff < self.min_backoff,
            ),
            ("poll_interval", self.poll_interval.is_zero()),
            ("claim", self.claim < Duration::from_millis(100)),
            ("depth_interval", self.depth_interval.is_zero()),
        ];
        match at_least_one.iter().find(|(_, wrong)| *wrong) {
            None => Ok(()),
            Some((name, _)) => Err(Error::new(
                ErrorKind::Config,
                "this option of the write-behind can't work: counts and times are more than \
                 zero, max_window is at least max_batch, the longest backoff at least the first, \
                 claim at least 100 ms",
            )
            .with("option", name)),
        }
    }

    /// The pause after so many failures in a row.
    pub(super) fn backoff_after(&self, failures: u32, unit: f64) -> Duration {
        let doubled = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let full = self
            .min_backoff
            .saturating_mul(doubled)
            .min(self.max_backoff);
        full.mul_f64(1.0 - unit / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_work_are_refused_by_name() {
        let check = |options: WriteBehindOptions, name: &str| {
            let error = options.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(name), "{error}");
        };
        let options = WriteBehindOptions::new;
        check(options().max_batch(0), "max_batch");
        check(options().max_window(499), "max_window");
        check(options().max_attempts(0), "max_attempts");
        check(options().max_deliveries(0), "max_deliveries");
        check(options().write_timeout(Duration::ZERO), "write_timeout");
        check(options().poll_interval(Duration::ZERO), "poll_interval");
        check(options().claim(Duration::ZERO), "claim");
        check(options().depth_interval(Duration::ZERO), "depth_interval");
        let second = Duration::from_secs(1);
        check(options().backoff(second, second / 2), "backoff");
        options().max_delay(Duration::ZERO).check().unwrap();
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_shrink_by_half_at_most() {
        let options = WriteBehindOptions::new();
        let millis = |failures, unit| options.backoff_after(failures, unit).as_millis();
        assert_eq!(
            [1, 2, 3, 7, 8, 80].map(|n| millis(n, 0.0)),
            [100, 200, 400, 6400, 10_000, 10_000]
        );
        assert_eq!(millis(3, 1.0), 200);
    }
}
