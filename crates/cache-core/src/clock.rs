//! Time as the protocols see it: injected, so that tests can turn the hands.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point on the process's monotonic time line, in nanoseconds from an arbitrary origin.
///
/// Moments of one [`Clock`] compare with each other and with nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The latest moment there is; stands for "never".
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// A moment this long after the origin.
    #[must_use]
    pub fn from_origin(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds from the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// A moment so many nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// This moment moved into the future, at most to [`Moment::FAR_FUTURE`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// The time from `earlier` until this moment; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A point in time by the clock of the server that holds the data, in milliseconds
/// since the Unix epoch.
///
/// Timestamps of two servers, or of a server and this host, are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A timestamp of this many milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This timestamp moved into the future, rounded up to a millisecond.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_rounded_up(duration)))
    }

    /// The time from `earlier` until this timestamp; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in whole milliseconds, rounded up, so that nothing lives shorter than asked.
#[must_use]
pub fn millis_rounded_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The process's clocks.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The precise monotonic time. Costs about 25 ns on Linux.
    fn now(&self) -> Moment;

    /// The monotonic time as of the last kernel tick, some milliseconds behind at most.
    ///
    /// On the same time line as [`now`](Clock::now), and right at once after the process
    /// was stopped and continued. Costs a memory read and no system call.
    fn coarse(&self) -> Moment;

    /// The wall clock of this host, for backends that live in this process.
    fn wall(&self) -> Timestamp;
}

/// The clocks of the operating system.
///
/// The coarse clock is Linux's `CLOCK_MONOTONIC_COARSE`, at most one kernel tick (1 to
/// 10 ms) behind; on other systems it is the precise one.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
    coarse_origin: u64,
}

impl SystemClock {
    /// Clocks whose moments count from now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
            // The precise clock's: the coarse one is behind it, and must stay so.
            coarse_origin: monotonic_nanos(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    #[inline]
    fn coarse(&self) -> Moment {
        if cfg!(target_os = "linux") {
            return Moment(coarse_nanos().saturating_sub(self.coarse_origin));
        }
        self.now()
    }

    fn wall(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(target_os = "linux")]
#[inline]
fn coarse_nanos() -> u64 {
    nanos(rustix::time::ClockId::MonotonicCoarse)
}

#[cfg(target_os = "linux")]
fn monotonic_nanos() -> u64 {
    nanos(rustix::time::ClockId::Monotonic)
}

#[cfg(target_os = "linux")]
#[inline]
fn nanos(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    // Neither part is ever negative on these clocks.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(not(target_os = "linux"))]
fn coarse_nanos() -> u64 {
    0
}

#[cfg(not(target_os = "linux"))]
fn monotonic_nanos() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_follows_the_precise_clock() {
        let clock = SystemClock::new();
        let began = clock.now();
        while clock.now().since(began) < Duration::from_millis(50) {
            std::hint::spin_loop();
        }
        let (coarse, precise) = (clock.coarse(), clock.now());
        let lag = precise.since(coarse);
        assert!(
            lag < Duration::from_millis(30),
            "coarse clock is {lag:?} behind"
        );
        assert!(coarse.since(began) > Duration::from_millis(20));
    }

    #[test]
    fn durations_round_up_to_milliseconds() {
        assert_eq!(millis_rounded_up(Duration::from_nanos(1)), 1);
        assert_eq!(millis_rounded_up(Duration::from_millis(7)), 7);
        assert_eq!(millis_rounded_up(Duration::MAX), u64::MAX);
    }
}
