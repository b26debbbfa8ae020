//! How many keys there are, and how their values live.

use serde::{Deserialize, Serialize};

use crate::analytics::histogram::Distribution;
use crate::analytics::life::Lives;
use crate::analytics::snapshot::PanelSnapshot;

/// How many keys were read or stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Distinct {
    /// The estimate; exact where the sample has all keys.
    pub keys: f64,
    /// Its standard error, in keys; 0: it is exact.
    pub standard_error: f64,
    /// How many keys the sample has.
    pub sample: u64,
}

/// The lives of values, from the sample of the keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lifecycle {
    /// How many keys the sample has.
    pub sample_keys: u64,
    /// The share of keys that were read once at most, 0 to 1; `None`: there are none.
    pub read_once_share: Option<f64>,
    /// How many values of them have ended.
    pub ended: u64,
    /// The share of these that were never read after they were stored, 0 to 1; `None`: none
    /// has ended.
    pub never_read_share: Option<f64>,
    /// The share of values there are now that were not read yet, 0 to 1; `None`: none is
    /// known.
    pub unread_share: Option<f64>,
    /// Why they ended.
    pub endings: Endings,
    /// How often a value was read before it ended.
    pub reads_per_value: Option<Distribution>,
    /// How old a value was when it was last read, in milliseconds.
    pub age_when_last_read_ms: Option<Distribution>,
    /// How long values lived, in milliseconds.
    pub lifetime_ms: Option<Distribution>,
}

/// Why values ended: shares of them, 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Endings {
    /// A caller set another one.
    pub replaced: f64,
    /// A loader brought another one.
    pub reloaded: f64,
    /// It was read past its time to live.
    pub expired: f64,
    /// It was not there any more when it was read: removed at the end of its time, or evicted.
    pub gone: f64,
    /// A caller deleted it.
    pub deleted: f64,
    /// It was read after it had been invalidated.
    pub invalidated: f64,
}

impl Distinct {
    pub(crate) fn of(panel: &PanelSnapshot) -> Self {
        let (sample, weight) = (panel.keys.len() as f64, panel.weight());
        Self {
            keys: (sample * weight).round(),
            standard_error: (sample * (1.0 - 1.0 / weight)).sqrt() * weight,
            sample: panel.keys.len() as u64,
        }
    }
}

impl PanelSnapshot {
    /// How many keys one of the sample stands for.
    pub(crate) fn weight(&self) -> f64 {
        u64::MAX as f64 / (self.limit.max(1) as f64)
    }
}

impl Lifecycle {
    pub(crate) fn of(panel: &PanelSnapshot) -> Self {
        let (keys, lives) = (&panel.keys, &panel.lives);
        let once = keys.iter().filter(|key| key.reads <= 1).count();
        let alive: Vec<bool> = keys.iter().filter_map(|key| key.unread).collect();
        let unread = alive.iter().filter(|unread| **unread).count();
        let ended = lives.ended();
        Self {
            sample_keys: keys.len() as u64,
            read_once_share: share(once as f64, keys.len() as f64),
            ended: ended.round() as u64,
            never_read_share: share(lives.never_read, ended),
            unread_share: share(unread as f64, alive.len() as f64),
            endings: Endings::of(lives),
            reads_per_value: lives.reads.summary(),
            age_when_last_read_ms: lives.ages_when_last_read.summary(),
            lifetime_ms: lives.lifetimes.summary(),
        }
    }
}

impl Endings {
    fn of(lives: &Lives) -> Self {
        let of = |count: f64| share(count, lives.ended()).unwrap_or_default();
        Self {
            replaced: of(lives.replaced),
            reloaded: of(lives.reloaded),
            expired: of(lives.expired),
            gone: of(lives.gone),
            deleted: of(lives.deleted),
            invalidated: of(lives.invalidated),
        }
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
