//! Time since analytics began, as finely as its parts need it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use larder_cache_core::{Clock, Moment, Timestamp};

/// Nanoseconds of a tick, as a power of two: 67 ms.
const TICK_BITS: u32 = 26;

/// A time since analytics began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Elapsed(u64);

/// The time, and what it was when somebody last looked: looking takes longer than all the
/// rest of a hit in L1.
#[derive(Debug)]
pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    began: Moment,
    began_at: Timestamp,
    tick: AtomicU32,
}

impl Time {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            began: clock.coarse(),
            began_at: clock.wall(),
            tick: AtomicU32::new(0),
            clock,
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Elapsed {
        let now = Elapsed(self.clock.coarse().since(self.began).as_nanos() as u64);
        if self.tick.load(Ordering::Relaxed) != now.tick() {
            self.tick.store(now.tick(), Ordering::Relaxed);
        }
        now
    }

    /// The time when somebody last asked for it.
    #[inline]
    pub(crate) fn last_tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn wall_millis(&self, elapsed_millis: u64) -> u64 {
        self.began_at.as_millis().saturating_add(elapsed_millis)
    }
}

impl Elapsed {
    pub(crate) fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// So much later.
    pub(crate) fn after(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// In 32 bits, which is enough for 9 years.
    #[inline]
    pub(crate) fn tick(self) -> u32 {
        (self.0 >> TICK_BITS) as u32
    }
}

/// The milliseconds at which a tick begins.
pub(crate) fn millis_of_tick(tick: u32) -> u64 {
    (u64::from(tick) << TICK_BITS) / 1_000_000
}
