//! Changes that callers make: whatever comes of one, what was known of its keys is outdated.

use std::mem;

use larder_cache_core::{Glob, Result};

use crate::l1::{Generation, Slot};
use crate::shared::{Budget, Shared, SpaceState};

/// A change of some keys, from before it is sent until its outcome is known. Dropped
/// before that (the call failed, or its caller went away), it may have happened.
pub(crate) struct Change<'a> {
    shared: &'a Shared,
    space: &'a SpaceState,
    keys: Vec<(&'a str, Generation)>,
    /// Whether the backend's values are outdated where it failed.
    outdates: bool,
}

/// A change of all keys of a namespace that match.
pub(crate) struct SweepingChange<'a> {
    shared: &'a Shared,
    space: u32,
    pattern: &'a Glob,
}

impl<'a> Change<'a> {
    /// Announces the change: what was loaded before is not stored after it. What is being
    /// stored now is waited for, so that the change comes last.
    ///
    /// # Errors
    /// Kind `Timeout` when that takes too long; nothing was sent then.
    pub(crate) async fn begin(
        shared: &'a Shared,
        space: &'a SpaceState,
        keys: impl IntoIterator<Item = &'a str>,
        budget: &mut Budget,
    ) -> Result<Self> {
        let announced = |key| (key, shared.l1.announce(space.id(), key));
        let change = Self {
            shared,
            space,
            keys: keys.into_iter().map(announced).collect(),
            outdates: true,
        };
        let filled = async {
            for (_, sample) in &change.keys {
                shared.l1.filled(*sample).await;
            }
        };
        shared.wait("change", budget, filled).await?;
        Ok(change)
    }

    /// It changes for how long values live, and they stay true without it.
    pub(crate) fn of_lifetimes(mut self) -> Self {
        self.outdates = false;
        self
    }

    /// The change was made, and leaves nothing for L1 to hold.
    pub(crate) fn made_away(self) {
        let nothing = vec![None; self.keys.len()];
        self.made(nothing);
    }

    /// The change was made. L1 may hold these values now, one for each key.
    pub(crate) fn made(mut self, slots: impl IntoIterator<Item = Option<Slot>>) {
        let keys = mem::take(&mut self.keys);
        for ((key, sample), slot) in keys.into_iter().zip(slots) {
            self.settle(key);
            self.shared.l1.supersede(self.space.id(), key, slot, sample);
            self.shared.flights.detach(self.space.id(), key);
        }
    }

    fn settle(&self, key: &str) {
        if self.shared.pending.count() == 0 || !self.outdates {
            return;
        }
        if let Ok(physical) = self.shared.physical_key(&self.space.settings(), key) {
            self.shared.pending.settle(&physical);
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        for (key, _) in &self.keys {
            self.shared.l1.invalidate(self.space.id(), key);
            self.shared.flights.detach(self.space.id(), key);
        }
        if self.outdates {
            let settings = self.space.settings();
            let keys = self.keys.iter();
            let physical = |(key, _): &(&str, _)| self.shared.physical_key(&settings, key).ok();
            self.shared.remember_failed(keys.filter_map(physical));
        }
    }
}

impl<'a> SweepingChange<'a> {
    /// Announces the change, as [`Change::begin`] does.
    ///
    /// # Errors
    /// Kind `Timeout`; nothing was sent then.
    pub(crate) async fn begin(
        shared: &'a Shared,
        space: &SpaceState,
        pattern: &'a Glob,
        budget: &mut Budget,
    ) -> Result<Self> {
        shared.l1.announce_all(space.id());
        let change = Self {
            shared,
            space: space.id(),
            pattern,
        };
        shared
            .wait("change", budget, shared.l1.all_filled())
            .await?;
        Ok(change)
    }
}

impl Drop for SweepingChange<'_> {
    fn drop(&mut self) {
        self.shared.outdate_matching(self.space, self.pattern);
    }
}
