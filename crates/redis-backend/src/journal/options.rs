//! The settings of a journal.

use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result, check_prefix};

/// The settings of a [`RedisStreamJournal`](crate::RedisStreamJournal).
///
/// ```
/// use larder_redis_backend::StreamJournalOptions;
///
/// let options = StreamJournalOptions::new("orders").shards(32).capacity(1_000_000);
/// options.validate()?;
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamJournalOptions {
    /// What the journal is called: letters, digits, `_`, `-` and `.`, 1 to 64 bytes. Journals of
    /// one name under one prefix are one journal.
    pub name: String,
    /// What all its keys in Redis begin with, as those of a cache. Default: `app`, which is also
    /// the cache's.
    pub prefix: String,
    /// How many shards there are: so many consumers can be at work at once. It is fixed when the
    /// journal is made. Default: 16.
    pub shards: u32,
    /// How many writes the journal holds before it refuses more, counted in each shard for
    /// itself: a shard holds its part, rounded up. Default: 100,000.
    pub capacity: u64,
    /// How long each call may wait for Redis. Default: 1 second.
    pub budget: Duration,
    /// What to do about servers that would lose acknowledged writes. Default:
    /// [`AtRisk::Refuse`].
    pub at_risk: AtRisk,
}

/// What to do about a server that evicts keys without a time to live, or keeps no log of its
/// writes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtRisk {
    /// Not to start, and to append nothing there.
    #[default]
    Refuse,
    /// To say so in the log and go on: for tests, and for servers that keep their data in a way
    /// that `INFO` does not show.
    Warn,
}

/// A claim has to be found among them all: more are of no use.
const MOST_SHARDS: u32 = 1024;

impl StreamJournalOptions {
    /// The settings for a journal of this name, all others being defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            prefix: "app".to_owned(),
            shards: 16,
            capacity: 100_000,
            budget: Duration::from_secs(1),
            at_risk: AtRisk::default(),
        }
    }

    /// Sets [`prefix`](StreamJournalOptions::prefix).
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets [`shards`](StreamJournalOptions::shards).
    #[must_use]
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// Sets [`capacity`](StreamJournalOptions::capacity).
    #[must_use]
    pub fn capacity(mut self, writes: u64) -> Self {
        self.capacity = writes;
        self
    }

    /// Sets [`budget`](StreamJournalOptions::budget).
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Sets [`at_risk`](StreamJournalOptions::at_risk).
    #[must_use]
    pub fn at_risk(mut self, at_risk: AtRisk) -> Self {
        self.at_risk = at_risk;
        self
    }

    /// Refuses settings that can't work. Asks no server.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], saying what was found and what is allowed.
    pub fn validate(&self) -> Result<()> {
        check_prefix("journal name", &self.name)?;
        check_prefix("key prefix", &self.prefix)?;
        if !(1..=MOST_SHARDS).contains(&self.shards) {
            return Err(wrong("a journal has 1 to 1024 shards", self.shards));
        }
        if self.capacity == 0 {
            return Err(wrong(
                "a journal must have room for at least 1 write: set its capacity",
                self.capacity,
            ));
        }
        if self.budget.is_zero() {
            return Err(wrong(
                "the budget of a journal's calls must not be zero",
                "0",
            ));
        }
        Ok(())
    }

    /// The most writes of one shard.
    pub(super) fn shard_capacity(&self) -> u64 {
        self.capacity.div_ceil(u64::from(self.shards.max(1)))
    }
}

fn wrong(message: &'static str, found: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, message).with("found", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &StreamJournalOptions, expected: &str) {
        let error = options.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let options = || StreamJournalOptions::new("orders");
        for name in ["", "a:b", "a{b}", "a b", &"x".repeat(65)] {
            check(&StreamJournalOptions::new(name), "journal name");
        }
        check(&options().prefix("a:b"), "key prefix");
        check(&options().shards(0), "1 to 1024 shards (found: 0)");
        check(&options().shards(1025), "found: 1025");
        check(&options().capacity(0), "at least 1 write");
        check(&options().budget(Duration::ZERO), "budget");
        options().validate().unwrap();
    }

    #[test]
    fn a_shard_holds_its_part_rounded_up() {
        let part = |capacity, shards| {
            let options = StreamJournalOptions::new("o").capacity(capacity);
            options.shards(shards).shard_capacity()
        };
        assert_eq!((part(100, 16), part(1, 16), part(32, 16)), (7, 1, 2));
    }
}
