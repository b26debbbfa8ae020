//! The lives of values: how long they were kept, and how often they were read.

use larder_cache_core::Origin;
use serde::{Deserialize, Serialize};

use super::histogram::{Histogram, sane};
use crate::advice::ChangeHistogram;

/// What is known of a key of the panel. Times are milliseconds since analytics began.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) shape: u16,
    pub(crate) reads: u32,
    pub(crate) misses: u32,
    pub(crate) written: u32,
    pub(crate) loaded: u32,
    pub(crate) deleted: u32,
    /// Of the last value, as it was serialized; 0: never seen.
    pub(crate) bytes: u32,
    pub(crate) first: u64,
    pub(crate) last_read: Option<u64>,
    last_value: Option<LastValue>,
}

/// The value that was stored last.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LastValue {
    stored: u64,
    digest: u64,
    reads: u32,
    last_read: u64,
    is_alive: bool,
}

/// Why a value ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Replaced,
    Reloaded,
    Expired,
    Gone,
    Deleted,
    Invalidated,
}

/// The values of the panel's keys that have ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lives {
    pub(crate) never_read: f64,
    pub(crate) replaced: f64,
    pub(crate) reloaded: f64,
    pub(crate) expired: f64,
    pub(crate) gone: f64,
    pub(crate) deleted: f64,
    pub(crate) invalidated: f64,
    pub(crate) reads: Histogram,
    pub(crate) lifetimes: Histogram,
    pub(crate) ages_when_last_read: Histogram,
}

impl Record {
    pub(crate) fn new(shape: u16, now: u64) -> Self {
        Self {
            shape,
            reads: 0,
            misses: 0,
            written: 0,
            loaded: 0,
            deleted: 0,
            bytes: 0,
            first: now,
            last_read: None,
            last_value: None,
        }
    }

    /// So many reads, the last one then; returns how old the value was, if that is known.
    pub(crate) fn read(&mut self, times: u64, at: u64) -> Option<u64> {
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        self.reads = self.reads.saturating_add(times);
        self.last_read = self.last_read.max(Some(at));
        let value = self.last_value.as_mut().filter(|value| value.is_alive)?;
        value.reads = value.reads.saturating_add(times);
        value.last_read = value.last_read.max(at);
        Some(at.saturating_sub(value.stored))
    }

    /// A read that found no value.
    pub(crate) fn missed(&mut self, at: u64) {
        self.reads = self.reads.saturating_add(1);
        self.misses = self.misses.saturating_add(1);
        self.last_read = self.last_read.max(Some(at));
    }

    /// A value was stored; returns how long after the one before, and whether it is another.
    pub(crate) fn stored(&mut self, digest: u64, bytes: usize, now: u64) -> Option<(u64, bool)> {
        self.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let before = self.last_value.replace(LastValue {
            stored: now,
            digest,
            reads: 0,
            last_read: now,
            is_alive: true,
        });
        before.map(|before| (now.saturating_sub(before.stored), before.digest != digest))
    }

    /// The value, if one is known, is no more.
    pub(crate) fn end(&mut self, end: End, now: u64, lives: &mut Lives) {
        if let Some(value) = self.last_value.as_mut().filter(|value| value.is_alive) {
            value.is_alive = false;
            lives.record(value, end, now);
        }
    }

    pub(crate) fn stored_at(&self) -> Option<u64> {
        self.last_value.map(|value| value.stored)
    }

    /// Whether it has a value that was not read yet; `None`: it has no value that is known.
    pub(crate) fn is_unread(&self) -> Option<bool> {
        let alive = self.last_value.filter(|value| value.is_alive)?;
        Some(alive.reads == 0)
    }
}

impl End {
    pub(crate) fn by(origin: Origin) -> Self {
        match origin {
            Origin::Written => Self::Replaced,
            Origin::Loaded => Self::Reloaded,
        }
    }
}

impl Lives {
    fn record(&mut self, value: &LastValue, end: End, now: u64) {
        *match end {
            End::Replaced => &mut self.replaced,
            End::Reloaded => &mut self.reloaded,
            End::Expired => &mut self.expired,
            End::Gone => &mut self.gone,
            End::Deleted => &mut self.deleted,
            End::Invalidated => &mut self.invalidated,
        } += 1.0;
        self.reads.record(u64::from(value.reads));
        self.lifetimes.record(now.saturating_sub(value.stored));
        if value.reads == 0 {
            self.never_read += 1.0;
        } else {
            let age = value.last_read.saturating_sub(value.stored);
            self.ages_when_last_read.record(age);
        }
    }

    pub(crate) fn ended(&self) -> f64 {
        self.replaced + self.reloaded + self.expired + self.gone + self.deleted + self.invalidated
    }

    /// Lets all that was recorded weigh less.
    pub(crate) fn scale(&mut self, by: f64) {
        for count in self.counts() {
            *count *= by;
        }
        self.reads.scale(by);
        self.lifetimes.scale(by);
        self.ages_when_last_read.scale(by);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        for (mine, theirs) in self.counts().into_iter().zip(other.counts()) {
            *mine += sane(*theirs);
        }
        self.reads.merge(&other.reads);
        self.lifetimes.merge(&other.lifetimes);
        self.ages_when_last_read.merge(&other.ages_when_last_read);
    }

    fn counts(&mut self) -> [&mut f64; 7] {
        [
            &mut self.never_read,
            &mut self.replaced,
            &mut self.reloaded,
            &mut self.expired,
            &mut self.gone,
            &mut self.deleted,
            &mut self.invalidated,
        ]
    }
}

/// What is known of the values of a shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Values {
    /// Bytes as serialized.
    pub(crate) sizes: Histogram,
    /// Milliseconds from when a value was stored until it was read.
    pub(crate) ages: Histogram,
    pub(crate) changes: ChangeHistogram,
}
