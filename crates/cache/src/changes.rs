//! Changes that callers make: whatever comes of one, what was known of its keys is outdated.

use std::mem;

use larder_cache_core::{Glob, KeptFrom};

use crate::guards::Guard;
use crate::l1::{Generation, Slot};
use crate::shared::{Shared, SpaceState};

/// A change of some keys, from before it is sent until its outcome is known. Dropped
/// before that (the call failed, or its caller went away), it may have happened.
pub(crate) struct Change<'a> {
    shared: &'a Shared,
    space: &'a SpaceState,
    keys: Vec<(&'a str, Generation)>,
    /// Whether the backend's values are outdated where it failed.
    outdates: bool,
    /// How often what was made had been doubted before.
    doubts: u64,
}

/// What a change that was made left of the values before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// Nothing.
    Replaced,
    /// All, but staler.
    Kept,
}

/// A change of all keys of a namespace that match.
pub(crate) struct SweepingChange<'a> {
    shared: &'a Shared,
    space: u32,
    pattern: &'a Glob,
}

impl<'a> Change<'a> {
    /// Announces the change: what was read before it does not enter L1 any more.
    pub(crate) fn begin(
        shared: &'a Shared,
        space: &'a SpaceState,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let announced = |key| (key, shared.l1.announce(space.id(), key));
        Self {
            shared,
            space,
            keys: keys.into_iter().map(announced).collect(),
            outdates: true,
            doubts: shared.pending.doubts(),
        }
    }

    /// It changes for how long values live, and they stay true without it.
    pub(crate) fn of_lifetimes(mut self) -> Self {
        self.outdates = false;
        self
    }

    /// Parts the change in two: of the keys for whose places this holds, and of the others.
    pub(crate) fn part(mut self, holds: impl Fn(usize) -> bool) -> (Self, Self) {
        let keys = mem::take(&mut self.keys).into_iter().enumerate();
        let (ours, others): (Vec<_>, Vec<_>) = keys.partition(|(index, _)| holds(*index));
        let of = |keys: Vec<(usize, _)>| Self {
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            ..self
        };
        (of(ours), of(others))
    }

    /// The change was made, and leaves nothing for L1 to hold.
    pub(crate) fn made_away(self) {
        let nothing = vec![None; self.keys.len()];
        self.made(nothing);
    }

    /// The change was made, and left what stood there, for others to see.
    pub(crate) fn made_stale(mut self) {
        let keys = mem::take(&mut self.keys);
        self.remember(&keys, Made::Kept);
        self.outdate_all(keys);
    }

    /// Another change came before this one, which was not made.
    pub(crate) fn gave_way(mut self) {
        let keys = mem::take(&mut self.keys);
        self.outdate_all(keys);
    }

    /// The change was made. L1 may hold these values now, one for each key.
    pub(crate) fn made(mut self, slots: impl IntoIterator<Item = Option<Slot>>) {
        let keys = mem::take(&mut self.keys);
        self.remember(&keys, Made::Replaced);
        for ((key, sample), slot) in keys.into_iter().zip(slots) {
            self.outdate(key, slot, sample);
        }
    }

    fn outdate_all(&self, keys: Vec<(&str, Generation)>) {
        for (key, sample) in keys {
            self.outdate(key, None, sample);
        }
    }

    /// A failover could lose this change; and earlier ones that failed no longer matter, if
    /// nothing is left of what they were to change.
    fn remember(&self, keys: &[(&str, Generation)], made: Made) {
        let pending = &self.shared.pending;
        if !self.outdates || (!self.shared.is_shared() && pending.count() == 0) {
            return;
        }
        let settings = self.space.settings();
        let physical = |(key, _): &(&str, _)| self.shared.stored_key(&settings, key).ok();
        let physical: Vec<_> = keys.iter().filter_map(physical).collect();
        if made == Made::Replaced {
            pending.replaced(&physical);
        }
        if pending.doubts() != self.doubts {
            // It was confirmed by what may have forgotten it since.
            self.shared.remember_failed(physical);
        } else if self.shared.is_shared() {
            self.shared.remember_made(physical);
        }
    }

    fn outdate(&self, key: &str, slot: Option<Slot>, sample: Generation) {
        let (shared, space) = (self.shared, self.space.id());
        if shared.guards.hold(Guard::OwnChanges) {
            let weight = shared.l1.supersede(space, key, slot, sample);
            shared.tell_kept(self.space, key, weight, KeptFrom::Change);
            shared.flights.detach(space, key);
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        self.outdate_all(self.keys.clone());
        if self.outdates {
            let settings = self.space.settings();
            let keys = self.keys.iter();
            let physical = |(key, _): &(&str, _)| self.shared.stored_key(&settings, key).ok();
            self.shared.remember_failed(keys.filter_map(physical));
        }
    }
}

impl<'a> SweepingChange<'a> {
    /// Announces the change, as [`Change::begin`] does.
    pub(crate) fn begin(shared: &'a Shared, space: &SpaceState, pattern: &'a Glob) -> Self {
        shared.l1.announce_all(space.id());
        Self {
            shared,
            space: space.id(),
            pattern,
        }
    }
}

impl Drop for SweepingChange<'_> {
    fn drop(&mut self) {
        self.shared.outdate_matching(self.space, self.pattern);
    }
}
