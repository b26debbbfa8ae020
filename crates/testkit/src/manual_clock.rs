//! A clock that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache_core::{Clock, Moment, Timestamp};

/// 2023-11-14T22:13:20Z: far from 0, where differences would hide.
const FIRST_WALL_MILLIS: u64 = 1_700_000_000_000;

/// An hour after the origin, for the same reason.
const FIRST_MOMENT_NANOS: u64 = 3_600_000_000_000;

/// A [`Clock`] that stands still until it is [advanced](ManualClock::advance).
///
/// It counts its readings, so that a test can assert that a path reads no clock.
///
/// ```
/// use std::time::Duration;
/// use larder_cache_core::Clock;
/// use larder_testkit::{ClockReadings, ManualClock};
///
/// let clock = ManualClock::new();
/// let began = clock.now();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now().since(began), Duration::from_secs(5));
/// assert_eq!(clock.readings(), ClockReadings { now: 2, coarse: 0, wall: 0 });
/// ```
#[derive(Debug)]
pub struct ManualClock {
    nanos: AtomicU64,
    wall_at_origin_millis: AtomicU64,
    now: AtomicU64,
    coarse: AtomicU64,
    wall: AtomicU64,
}

/// How often each hand of a [`ManualClock`] was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockReadings {
    /// Of [`Clock::now`].
    pub now: u64,
    /// Of [`Clock::coarse`].
    pub coarse: u64,
    /// Of [`Clock::wall`].
    pub wall: u64,
}

impl ManualClock {
    /// A clock that stands still.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let wall_at_origin = FIRST_WALL_MILLIS - FIRST_MOMENT_NANOS / 1_000_000;
        Arc::new(Self {
            nanos: AtomicU64::new(FIRST_MOMENT_NANOS),
            wall_at_origin_millis: AtomicU64::new(wall_at_origin),
            now: AtomicU64::new(0),
            coarse: AtomicU64::new(0),
            wall: AtomicU64::new(0),
        })
    }

    /// Moves all hands on by the same time.
    pub fn advance(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, back or forth, as an operator or a time server does.
    pub fn set_wall(&self, at: Timestamp) {
        let elapsed = self.nanos.load(Ordering::SeqCst) / 1_000_000;
        let at_origin = at.as_millis().saturating_sub(elapsed);
        self.wall_at_origin_millis
            .store(at_origin, Ordering::SeqCst);
    }

    /// How often it was read until now.
    #[must_use]
    pub fn readings(&self) -> ClockReadings {
        ClockReadings {
            now: self.now.load(Ordering::SeqCst),
            coarse: self.coarse.load(Ordering::SeqCst),
            wall: self.wall.load(Ordering::SeqCst),
        }
    }

    fn moment(&self) -> Moment {
        Moment::from_origin(Duration::from_nanos(self.nanos.load(Ordering::SeqCst)))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        self.now.fetch_add(1, Ordering::SeqCst);
        self.moment()
    }

    fn coarse(&self) -> Moment {
        self.coarse.fetch_add(1, Ordering::SeqCst);
        self.moment()
    }

    fn wall(&self) -> Timestamp {
        self.wall.fetch_add(1, Ordering::SeqCst);
        let elapsed = self.nanos.load(Ordering::SeqCst) / 1_000_000;
        Timestamp::from_millis(self.wall_at_origin_millis.load(Ordering::SeqCst) + elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_hands_move_together_and_stand_still_between() {
        let clock = ManualClock::new();
        let (now, coarse, wall) = (clock.now(), clock.coarse(), clock.wall());
        assert_eq!((clock.now(), clock.wall()), (now, wall));
        let step = Duration::from_millis(1500);
        clock.advance(step);
        assert_eq!(clock.now().since(now), step);
        assert_eq!(clock.coarse().since(coarse), step);
        assert_eq!(clock.wall().since(wall), step);
    }

    #[test]
    fn the_wall_can_be_set_alone() {
        let clock = ManualClock::new();
        let now = clock.now();
        clock.set_wall(Timestamp::from_millis(1_600_000_000_000));
        assert_eq!(clock.wall().as_millis(), 1_600_000_000_000);
        assert_eq!(clock.now(), now);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.wall().as_millis(), 1_600_000_001_000);
    }
}
