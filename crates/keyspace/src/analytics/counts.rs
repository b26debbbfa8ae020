//! What happened, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use larder_cache_core::{MissReason, Origin};
use serde::{Deserialize, Serialize};

/// How often what happened in a namespace, or to the keys of a shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Reads that L1 answered; of a shape also those it answered with "there is none".
    pub l1_hits: u64,
    /// Reads that L1 answered with "there is none". Of a shape: among
    /// [`l1_hits`](Counts::l1_hits).
    pub l1_absences: u64,
    /// Reads that the backend answered.
    pub l2_hits: u64,
    /// Reads that the backend answered with "there is none".
    pub l2_absences: u64,
    /// Reads that no tier answered, by why.
    pub misses: Misses,
    /// Reads that got a stale value after all.
    pub stale_served: u64,
    /// Reads that L1 answered because the backend did not.
    pub outage_served: u64,
    /// Values that callers set.
    pub written: u64,
    /// Values that loaders brought.
    pub loaded: u64,
    /// Bytes stored in the backend, headers included.
    pub stored_bytes: u64,
    /// Keys that callers deleted.
    pub deleted: u64,
}

/// Reads that no tier answered, by why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Misses {
    /// There was no such key.
    pub absent: u64,
    /// The value was past its time to live.
    pub expired: u64,
    /// A tag or the namespace was invalidated.
    pub invalidated: u64,
    /// Somebody was loading the first value.
    pub loading: u64,
    /// There was something that could not be used.
    pub unusable: u64,
    /// The backend could not be asked, or what it holds may be outdated.
    pub unavailable: u64,
}

impl Counts {
    /// Reads that were answered, also with "there is none".
    #[must_use]
    pub fn hits(&self) -> u64 {
        let Self {
            l1_hits,
            l1_absences,
            l2_hits,
            l2_absences,
            outage_served,
            ..
        } = self;
        saturating_sum([l1_hits, l1_absences, l2_hits, l2_absences, outage_served])
    }

    /// All reads.
    #[must_use]
    pub fn reads(&self) -> u64 {
        // What was served in an outage had been missed before.
        let found = self.hits().saturating_sub(self.outage_served);
        found.saturating_add(self.misses.all())
    }

    /// The share of reads that were answered, 0 to 1; `None`: there were no reads.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        share(self.hits(), self.reads())
    }

    /// The share of reads that L1 answered, 0 to 1; `None`: there were no reads.
    #[must_use]
    pub fn l1_hit_rate(&self) -> Option<f64> {
        share(self.l1_hits.saturating_add(self.l1_absences), self.reads())
    }

    /// Reads for each value that a caller set; `None`: nobody set one.
    #[must_use]
    pub fn read_write_ratio(&self) -> Option<f64> {
        (self.written > 0).then(|| self.reads() as f64 / self.written as f64)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let Misses {
            absent,
            expired,
            invalidated,
            loading,
            unusable,
            unavailable,
        } = &other.misses;
        for (mine, theirs) in [
            (&mut self.l1_hits, other.l1_hits),
            (&mut self.l1_absences, other.l1_absences),
            (&mut self.l2_hits, other.l2_hits),
            (&mut self.l2_absences, other.l2_absences),
            (&mut self.stale_served, other.stale_served),
            (&mut self.outage_served, other.outage_served),
            (&mut self.written, other.written),
            (&mut self.loaded, other.loaded),
            (&mut self.stored_bytes, other.stored_bytes),
            (&mut self.deleted, other.deleted),
            (&mut self.misses.absent, *absent),
            (&mut self.misses.expired, *expired),
            (&mut self.misses.invalidated, *invalidated),
            (&mut self.misses.loading, *loading),
            (&mut self.misses.unusable, *unusable),
            (&mut self.misses.unavailable, *unavailable),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    pub(crate) fn add(&mut self, what: Counted, by: u64) {
        *self.field(what) += by;
    }

    fn field(&mut self, what: Counted) -> &mut u64 {
        match what {
            Counted::L1Absence => &mut self.l1_absences,
            Counted::L1Hit => &mut self.l1_hits,
            Counted::L2Hit => &mut self.l2_hits,
            Counted::L2Absence => &mut self.l2_absences,
            Counted::MissAbsent => &mut self.misses.absent,
            Counted::MissExpired => &mut self.misses.expired,
            Counted::MissInvalidated => &mut self.misses.invalidated,
            Counted::MissLoading => &mut self.misses.loading,
            Counted::MissUnusable => &mut self.misses.unusable,
            Counted::MissUnavailable => &mut self.misses.unavailable,
            Counted::StaleServed => &mut self.stale_served,
            Counted::OutageServed => &mut self.outage_served,
            Counted::Written => &mut self.written,
            Counted::Loaded => &mut self.loaded,
            Counted::StoredBytes => &mut self.stored_bytes,
            Counted::Deleted => &mut self.deleted,
        }
    }
}

impl Misses {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        let Self {
            absent,
            expired,
            invalidated,
            loading,
            unusable,
            unavailable,
        } = self;
        saturating_sum([absent, expired, invalidated, loading, unusable, unavailable])
    }
}

/// What other processes have written may be any number.
fn saturating_sum<const N: usize>(numbers: [&u64; N]) -> u64 {
    numbers
        .into_iter()
        .fold(0, |sum, number| sum.saturating_add(*number))
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    L1Hit,
    L1Absence,
    L2Hit,
    L2Absence,
    MissAbsent,
    MissExpired,
    MissInvalidated,
    MissLoading,
    MissUnusable,
    MissUnavailable,
    StaleServed,
    OutageServed,
    Written,
    Loaded,
    StoredBytes,
    Deleted,
}

impl Counted {
    const ALL: [Self; 16] = [
        Self::L1Hit,
        Self::L1Absence,
        Self::L2Hit,
        Self::L2Absence,
        Self::MissAbsent,
        Self::MissExpired,
        Self::MissInvalidated,
        Self::MissLoading,
        Self::MissUnusable,
        Self::MissUnavailable,
        Self::StaleServed,
        Self::OutageServed,
        Self::Written,
        Self::Loaded,
        Self::StoredBytes,
        Self::Deleted,
    ];

    pub(crate) fn of(origin: Origin) -> Self {
        match origin {
            Origin::Written => Self::Written,
            Origin::Loaded => Self::Loaded,
        }
    }

    pub(crate) fn miss(reason: MissReason) -> Self {
        match reason {
            MissReason::NotFound => Self::MissAbsent,
            MissReason::Expired => Self::MissExpired,
            MissReason::Invalidated => Self::MissInvalidated,
            MissReason::Loading => Self::MissLoading,
            MissReason::Backend | MissReason::Pending => Self::MissUnavailable,
            _ => Self::MissUnusable,
        }
    }
}

/// [`Counts`] that many threads add to.
#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; Counted::ALL.len()]);

impl Counters {
    pub(crate) fn add(&self, what: Counted, by: u64) {
        self.0[what as usize].fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let mut counts = Counts::default();
        for what in Counted::ALL {
            counts.add(what, self.0[what as usize].load(Ordering::Relaxed));
        }
        counts
    }
}
