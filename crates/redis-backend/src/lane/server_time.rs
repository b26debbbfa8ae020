//! The server's clock, kept as an offset to the monotonic clock of this process.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use larder_cache_core::{Moment, Timestamp};

/// What is known of the server's clock.
///
/// Every sample is off by at most half its round trip, and by the drift between two
/// clocks since it was taken; the sample with the smaller doubt is kept.
#[derive(Debug)]
pub(super) struct ServerTime {
    /// Server microseconds minus microseconds from the clock's origin.
    offset: AtomicI64,
    best: Mutex<Option<Sample>>,
}

/// One answer to `TIME`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) sent: Moment,
    pub(super) received: Moment,
    /// Since the Unix epoch.
    pub(super) server: Duration,
}

const UNKNOWN: i64 = i64::MIN;

/// How far two undisciplined quartz clocks drift apart: 200 parts per million.
const DRIFT_PER_SECOND: Duration = Duration::from_micros(200);

impl ServerTime {
    pub(super) fn new() -> Self {
        Self {
            offset: AtomicI64::new(UNKNOWN),
            best: Mutex::new(None),
        }
    }

    /// The server's time at a moment; `None` before the first sample.
    pub(super) fn at(&self, moment: Moment) -> Option<Timestamp> {
        let offset = self.offset.load(Ordering::Relaxed);
        if offset == UNKNOWN {
            return None;
        }
        let millis = micros_from_origin(moment).saturating_add(offset) / 1000;
        Some(Timestamp::from_millis(u64::try_from(millis).unwrap_or(0)))
    }

    /// Takes a sample of another connection, whose server may be another one.
    pub(super) fn replace(&self, sample: Sample) {
        self.adopt(&mut self.lock(), sample);
    }

    /// Takes a further sample of the same connection, if it is better than what is known
    /// or shows that the server's clock was set.
    pub(super) fn refine(&self, sample: Sample) {
        let mut best = self.lock();
        let stands = best.is_some_and(|known| {
            known.doubt(sample.received) < sample.doubt(sample.received) && known.agrees(&sample)
        });
        if !stands {
            self.adopt(&mut best, sample);
        }
    }

    fn adopt(&self, best: &mut Option<Sample>, sample: Sample) {
        *best = Some(sample);
        self.offset.store(sample.offset(), Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Sample>> {
        self.best.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sample {
    fn half_trip(&self) -> Duration {
        self.received.since(self.sent) / 2
    }

    /// Takes the server's answer to be from the middle of the round trip.
    fn offset(&self) -> i64 {
        let server = i64::try_from(self.server.as_micros()).unwrap_or(i64::MAX);
        server.saturating_sub(micros_from_origin(self.sent.after(self.half_trip())))
    }

    fn doubt(&self, now: Moment) -> Duration {
        let age = now.since(self.received);
        self.half_trip() + DRIFT_PER_SECOND.mul_f64(age.as_secs_f64())
    }

    fn agrees(&self, later: &Self) -> bool {
        let apart = Duration::from_micros(self.offset().abs_diff(later.offset()));
        apart <= self.doubt(later.received) + later.half_trip()
    }
}

fn micros_from_origin(moment: Moment) -> i64 {
    let elapsed = moment.since(Moment::from_origin(Duration::ZERO));
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(millis: u64) -> Moment {
        Moment::from_origin(Duration::from_millis(millis))
    }

    fn sample(sent: u64, received: u64, server: u64) -> Sample {
        Sample {
            sent: moment(sent),
            received: moment(received),
            server: Duration::from_millis(server),
        }
    }

    fn at(time: &ServerTime, millis: u64) -> Option<u64> {
        time.at(moment(millis)).map(Timestamp::as_millis)
    }

    #[test]
    fn counts_on_from_the_middle_of_the_round_trip() {
        let time = ServerTime::new();
        assert_eq!(at(&time, 5), None);
        time.replace(sample(100, 120, 1_000_000));
        assert_eq!(at(&time, 110), Some(1_000_000));
        assert_eq!(at(&time, 5110), Some(1_005_000));
    }

    #[test]
    fn the_smaller_doubt_wins() {
        let time = ServerTime::new();
        time.replace(sample(0, 2, 1_000_001));
        time.refine(sample(1000, 1100, 1_001_090));
        assert_eq!(at(&time, 2000), Some(1_002_000), "a slow answer is ignored");
        time.refine(sample(3000, 3001, 1_003_003));
        assert_eq!(at(&time, 4000), Some(1_004_002), "a fast one is taken");
    }

    #[test]
    fn an_old_sample_loses_its_worth() {
        let time = ServerTime::new();
        time.replace(sample(0, 2, 1_000_001));
        time.refine(sample(3_600_000, 3_600_100, 4_600_090));
        assert_eq!(at(&time, 3_600_050), Some(4_600_090));
    }

    #[test]
    fn a_clock_that_was_set_is_followed_at_once() {
        let time = ServerTime::new();
        time.replace(sample(0, 2, 1_000_001));
        time.refine(sample(1000, 1010, 900_000));
        assert_eq!(at(&time, 1005), Some(900_000));
    }
}
