//! Options of a refresh-ahead.

use std::time::Duration;

use larder_cache_core::{EarlyRefresh, Error, ErrorKind, Result};

/// Options of a [`RefreshAhead`](crate::RefreshAhead).
///
/// ```
/// use larder_cache_core::EarlyRefresh;
/// use larder_patterns::RefreshAheadOptions;
///
/// let options = RefreshAheadOptions::new()
///     .refresh(EarlyRefresh::Threshold(0.7))
///     .max_concurrent(4);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshAheadOptions {
    pub(super) refresh: EarlyRefresh,
    pub(super) max_queued: usize,
    pub(super) max_concurrent: usize,
    pub(super) max_batch: usize,
    pub(super) linger: Duration,
    pub(super) backoff: Duration,
    pub(super) max_backoff: Duration,
}

impl Default for RefreshAheadOptions {
    fn default() -> Self {
        Self {
            refresh: EarlyRefresh::Threshold(0.8),
            max_queued: 10_000,
            max_concurrent: 16,
            max_batch: 100,
            linger: Duration::from_millis(5),
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(30),
        }
    }
}

impl RefreshAheadOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When values are refreshed before they are stale: after a share of their time to live,
    /// or by XFetch. It becomes the namespace's setting. Default:
    /// [`EarlyRefresh::Threshold`] of 0.8.
    #[must_use]
    pub fn refresh(mut self, policy: EarlyRefresh) -> Self {
        self.refresh = policy;
        self
    }

    /// How many keys wait for their refresh at most; the least valuable give way. Default:
    /// 10,000.
    #[must_use]
    pub fn max_queued(mut self, keys: usize) -> Self {
        self.max_queued = keys;
        self
    }

    /// How many refreshes run at once: the budget against the database. Default: 16.
    #[must_use]
    pub fn max_concurrent(mut self, refreshes: usize) -> Self {
        self.max_concurrent = refreshes;
        self
    }

    /// How many keys a loader of batches is asked for at once. Default: 100.
    #[must_use]
    pub fn max_batch(mut self, keys: usize) -> Self {
        self.max_batch = keys;
        self
    }

    /// How long a batch waits for more keys, while it is not full. Default: 5 ms.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// For how long a key is left alone after its refresh has failed, in all processes; twice
    /// as long each time. Up to half of it is taken away at random. Default: 100 ms.
    #[must_use]
    pub fn backoff(mut self, first: Duration) -> Self {
        self.backoff = first;
        self
    }

    /// The longest that a key is left alone. Default: 30 s.
    #[must_use]
    pub fn max_backoff(mut self, longest: Duration) -> Self {
        self.max_backoff = longest;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let refuse = |message| Err(Error::new(ErrorKind::Config, message));
        if self.refresh == EarlyRefresh::Off {
            return refuse(
                "refresh-ahead with EarlyRefresh::Off refreshes nothing; give a threshold such as EarlyRefresh::Threshold(0.8)",
            );
        }
        if self.max_queued == 0 || self.max_concurrent == 0 || self.max_batch == 0 {
            return refuse(
                "max_queued, max_concurrent and max_batch of a refresh-ahead must be 1 at least",
            )
            .map_err(|error: Error| {
                error
                    .with("max_queued", self.max_queued)
                    .with("max_concurrent", self.max_concurrent)
                    .with("max_batch", self.max_batch)
            });
        }
        if self.backoff.is_zero() || self.backoff > self.max_backoff || self.max_backoff > LONGEST {
            return refuse("the backoff of a refresh-ahead must be above zero, max_backoff not below it, and a day at most")
                .map_err(|error: Error| {
                    error
                        .with("backoff", format!("{:?}", self.backoff))
                        .with("max_backoff", format!("{:?}", self.max_backoff))
                });
        }
        Ok(())
    }
}

const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &RefreshAheadOptions, expected: &str) {
        let error = options.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let error = error.to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }

    #[test]
    fn refuses_options_that_cannot_work() {
        let options = RefreshAheadOptions::new;
        options().check().unwrap();
        check(&options().refresh(EarlyRefresh::Off), "Threshold");
        check(&options().max_queued(0), "max_queued");
        check(&options().max_concurrent(0), "max_concurrent");
        check(&options().max_batch(0), "max_batch");
        check(&options().backoff(Duration::ZERO), "backoff");
        check(&options().max_backoff(Duration::ZERO), "max_backoff");
        check(&options().max_backoff(Duration::MAX), "max_backoff");
    }
}
