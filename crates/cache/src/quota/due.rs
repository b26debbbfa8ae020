//! When a process looks at a quota.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache_core::{Moment, Result};

use super::record::Measured;

/// How old a measurement may be before a process that writes takes another one.
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// The same where less than half of the quota is used.
const MEASURE_SELDOM: Duration = Duration::from_secs(60);

/// How often a process looks at most, whatever it writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a process knows of the quota of a namespace.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    /// The bytes it has stored since the last measurement that it knows.
    stored: AtomicU64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    state: State,
    /// What was used at the last measurement.
    used: u64,
    /// When to look again, whatever is stored.
    look_at: Option<Moment>,
    /// When to look again if the quota may have been passed.
    may_look_at: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    /// A task looks, or waits until it may.
    Looking,
}

/// What came of a look at the quota.
pub(super) enum Looked {
    /// The usage is known.
    Known(Measured),
    /// Another process is about it.
    Busy,
}

impl Quota {
    /// The bytes that were stored since the last measurement.
    pub(super) fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Bytes were stored. Says after which pause the caller has to look, and no other.
    pub(super) fn note(&self, stored: u64, quota: u64, now: Moment) -> Option<Duration> {
        let stored = self.stored.fetch_add(stored, Ordering::Relaxed) + stored;
        let mut known = self.lock();
        let left = |at: Option<Moment>| at.map_or(Duration::ZERO, |at| at.since(now));
        let pause = left(known.look_at);
        let pause = if known.used.saturating_add(stored) > quota {
            pause.min(left(known.may_look_at))
        } else if pause.is_zero() {
            pause
        } else {
            return None;
        };
        let is_ours = known.state == State::Idle;
        known.state = State::Looking;
        is_ours.then_some(pause)
    }

    /// A look has ended, which began when so much had been stored. Says after which pause to look
    /// again, where the quota may have been passed since: nobody may write any more.
    pub(super) fn looked(
        &self,
        looked: &Result<Looked>,
        (stored, quota): (u64, u64),
        now: Moment,
    ) -> Option<Duration> {
        let mut known = self.lock();
        let mut pause = LOOK_EVERY;
        let mut valid = LOOK_EVERY;
        match looked {
            Ok(Looked::Known(measured)) => {
                self.stored.fetch_sub(stored, Ordering::Relaxed);
                known.used = measured.bytes;
                valid = valid_for(measured.bytes, quota);
                if measured.bytes > quota {
                    // There is nothing that could be deleted, and nothing new so soon.
                    pause = valid;
                }
            }
            Ok(Looked::Busy) => {}
            Err(_) => (pause, valid) = (MEASURE_EVERY, MEASURE_EVERY),
        }
        known.look_at = Some(now.after(valid));
        known.may_look_at = Some(now.after(pause));
        let stored = self.stored.load(Ordering::Relaxed);
        if stored > 0 && known.used.saturating_add(stored) > quota {
            return Some(pause);
        }
        known.state = State::Idle;
        None
    }

    /// There will be no look.
    pub(super) fn gave_up(&self) {
        self.lock().state = State::Idle;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long a measurement is good enough.
pub(super) fn valid_for(used: u64, quota: u64) -> Duration {
    if used < quota / 2 {
        MEASURE_SELDOM
    } else {
        MEASURE_EVERY
    }
}
