//! What a change forbids.

use larder_cache_core::Key;

use crate::database::Version;
use crate::timeline::Stamp;

/// A change that a process made, and the versions that nobody may read after it.
#[derive(Clone, Debug)]
pub(crate) struct Ban {
    pub(crate) process: u32,
    pub(crate) reach: Reach,
    /// Where on the server the change is made.
    pub(crate) keys: Vec<Key>,
    pub(crate) place: Place,
    pub(crate) effect: Effect,
    /// Versions that had been superseded by then are forbidden.
    pub(crate) cutoff: Stamp,
    /// When the cache was asked to make it.
    pub(crate) begun: Stamp,
    /// When it had answered.
    pub(crate) answered: Stamp,
    pub(crate) outcome: ChangeOutcome,
    /// For a trace.
    pub(crate) name: String,
}

/// Which entries a change means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Key(usize),
    AnyTag(u8),
    AllTags(u8),
    /// The keys from the first to before the last.
    Space(usize, usize),
}

/// What on the server changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The entries themselves.
    Value,
    /// Epochs, which processes keep a copy of.
    Epochs,
}

/// What becomes of the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Gone,
    Stale,
}

/// What the cache said of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeOutcome {
    /// It was made.
    Made,
    /// It failed: it will be made as soon as it can be.
    Failed,
}

impl Ban {
    /// Whether the change means a version of a row.
    pub(crate) fn means(&self, version: &Version) -> bool {
        let outdated = version.superseded.is_some_and(|at| at <= self.cutoff);
        outdated
            && match self.reach {
                Reach::Key(key) => version.key == key,
                Reach::AnyTag(tags) => version.tags & tags != 0,
                Reach::AllTags(tags) => version.tags & tags == tags,
                Reach::Space(first, end) => (first..end).contains(&version.key),
            }
    }
}
