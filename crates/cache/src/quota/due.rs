//! When a process looks at a quota.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache_core::{Moment, Result};

/// How old a measurement may be before a process that writes takes another one.
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// The same where less than half of the quota is used.
const MEASURE_SELDOM: Duration = Duration::from_secs(60);

/// How often a process looks at most, whatever it writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many marks are kept: a measurement is good for a minute at most.
const MARKS: usize = 64;

/// What a process knows of the quota of a namespace.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    state: State,
    /// What was used at the last measurement.
    used: u64,
    /// The bytes that this process has stored since the last measurement, for all it knows.
    stored: u64,
    /// How much of that had been stored by when.
    marks: VecDeque<Mark>,
    /// When to look again, whatever is stored.
    look_at: Option<Moment>,
    /// When to look again if the quota may have been passed.
    may_look_at: Option<Moment>,
}

/// Until the end of what was stored within a second, so much had been stored.
#[derive(Clone, Copy, Debug)]
struct Mark {
    began: Moment,
    ended: Moment,
    stored: u64,
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
    /// So many bytes are used: this process has measured, after the look began.
    Measured(u64),
    /// So many were used when a measurement began that is so old.
    Known(u64, Duration),
    /// Another process is about it, or the settings have changed meanwhile.
    NotNow,
}

impl Quota {
    /// The bytes that were stored since the last measurement.
    pub(super) fn stored(&self) -> u64 {
        self.lock().stored
    }

    /// Bytes were stored. Says after which pause the caller has to look, and no other.
    pub(super) fn note(&self, stored: u64, quota: u64, now: Moment) -> Option<Duration> {
        let mut known = self.lock();
        known.store(stored, now);
        let left = |at: Option<Moment>| at.map_or(Duration::ZERO, |at| at.since(now));
        let pause = left(known.look_at);
        let pause = if known.may_be_beyond(quota) {
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
        if let Ok(Looked::Measured(used) | Looked::Known(used, _)) = looked {
            known.used = *used;
            valid = valid_for(*used, quota);
            if let Ok(Looked::Known(_, age)) = looked {
                valid = valid.saturating_sub(*age).max(LOOK_EVERY);
                known.count_until(now, *age);
            } else {
                known.count(stored);
            }
            if *used > quota {
                // There is nothing that could be deleted, and nothing new so soon.
                pause = valid;
            }
        }
        if looked.is_err() {
            (pause, valid) = (MEASURE_EVERY, MEASURE_EVERY);
        }
        known.look_at = Some(now.after(valid));
        known.may_look_at = Some(now.after(pause));
        if known.stored > 0 && known.may_be_beyond(quota) {
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

impl Known {
    fn may_be_beyond(&self, quota: u64) -> bool {
        self.used.saturating_add(self.stored) > quota
    }

    fn store(&mut self, bytes: u64, now: Moment) {
        self.stored = self.stored.saturating_add(bytes);
        let stored = self.stored;
        let open = self.marks.back_mut();
        if let Some(mark) = open.filter(|mark| now.since(mark.began) < LOOK_EVERY) {
            (mark.ended, mark.stored) = (now, stored);
            return;
        }
        if self.marks.len() == MARKS {
            self.marks.pop_front();
        }
        let (began, ended) = (now, now);
        self.marks.push_back(Mark {
            began,
            ended,
            stored,
        });
    }

    /// What was stored before a measurement of this age is among what that found. The clocks of
    /// the two sides are read at different times, so the last second is not taken for certain.
    fn count_until(&mut self, now: Moment, age: Duration) {
        let is_before = |mark: &&Mark| now.since(mark.ended) > age + LOOK_EVERY;
        let before = self.marks.iter().rev().find(is_before);
        let found = before.map_or(0, |mark| mark.stored);
        self.count(found);
    }

    /// So much of what was stored is among what a measurement found.
    fn count(&mut self, found: u64) {
        self.stored = self.stored.saturating_sub(found);
        self.marks.retain_mut(|mark| {
            mark.stored = mark.stored.saturating_sub(found);
            mark.stored > 0
        });
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
