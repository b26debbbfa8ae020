//! How much analytics may take.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Clock, Random, SystemClock, SystemRandom};

/// What analytics may take, and for how long a read counts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AnalyticsOptions {
    /// What a namespace may take.
    pub bytes_per_namespace: usize,
    /// What all namespaces may take together.
    pub max_bytes: usize,
    /// The bytes of L1 as configured.
    pub l1_bytes: u64,
    /// How long it takes until a read counts half among the hot keys.
    pub half_life: Duration,
    /// One of so many hits in L1 is looked at.
    pub hit_interval: u16,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Where this process gets its name in a fleet from.
    pub random: Arc<dyn Random>,
}

impl AnalyticsOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes_per_namespace: 512 << 10,
            max_bytes: 64 << 20,
            l1_bytes: 0,
            hit_interval: 1,
            half_life: Duration::from_secs(3600),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        }
    }

    /// The most memory that analytics of one namespace may take, at least 128 KiB. It is
    /// taken when something happens in the namespace for the first time.
    /// Default: 512 KiB.
    #[must_use]
    pub fn bytes_per_namespace(mut self, bytes: usize) -> Self {
        self.bytes_per_namespace = bytes;
        self
    }

    /// The most memory that analytics of all namespaces may take. Namespaces for which
    /// nothing is left have totals only, and their reports say so.
    /// Default: 64 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The bytes of L1 as configured, to know what other sizes would hit: from an eighth of it
    /// to eight times as much. Takes 1 MiB for all namespaces together.
    /// Default: 0, and nothing is known of that.
    #[must_use]
    pub fn l1_bytes(mut self, bytes: u64) -> Self {
        self.l1_bytes = bytes;
        self
    }

    /// How long it takes until a read counts half among the hot keys, so that what was hot
    /// once makes room for what is hot now. Totals, shapes and the lives of values are not
    /// concerned.
    /// Default: an hour.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> Self {
        self.half_life = half_life;
        self
    }

    /// One of so many hits in L1 is looked at, chosen at random, and counts for all of them: a
    /// hit then costs half or less, and counts are estimates, which are off by one part in the
    /// root of how often a key was looked at. The curve sees all hits. Worth it beyond some
    /// million hits a second; where keys are read about equally often, their order suffers.
    /// Default: 1, and all hits are counted, as with 0.
    #[must_use]
    pub fn hit_interval(mut self, hits: u16) -> Self {
        self.hit_interval = hits;
        self
    }

    /// The clocks.
    /// Default: those of the operating system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where this process gets its name in a fleet from.
    /// Default: the operating system.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }
}

impl Default for AnalyticsOptions {
    fn default() -> Self {
        Self::new()
    }
}
