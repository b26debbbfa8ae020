//! A sweep: what a namespace takes beyond its quota is deleted, the oldest first.

use larder_cache_core::{Event, Key, Namespace, Result};

use super::ages::{Ages, Cut};
use super::due::{Looked, valid_for};
use super::lease::SweepLease;
use super::pass::{Pass, State, Stored};
use super::record::Measured;
use crate::changes::Change;
use crate::shared::Shared;
use crate::spaces::SpaceState;

/// Down to which part of the quota is deleted, in hundredths: so that the next writes don't pass
/// it at once.
const DOWN_TO: u64 = 90;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default)]
struct Deleted {
    entries: u64,
    bytes: u64,
}

impl Shared {
    /// Measures a namespace and deletes what is too much, unless that is known, or another
    /// process is about it.
    pub(super) async fn keep_quota(
        &self,
        space: &SpaceState,
        (stored, quota): (u64, u64),
    ) -> Result<Looked> {
        let settings = space.settings();
        let before = self.read_usage(&settings).await?;
        if let Some(known) = before
            && self
                .is_good_enough(&settings, known, (stored, quota))
                .await?
        {
            return Ok(Looked::Known(known));
        }
        let Some(mut lease) = SweepLease::acquire(self, &settings).await? else {
            return Ok(Looked::Busy);
        };
        let swept = self.sweep_unless_known(space, before, quota, &mut lease);
        let swept = swept.await;
        lease.release().await;
        swept.map(Looked::Known)
    }

    async fn is_good_enough(
        &self,
        settings: &Namespace,
        known: Measured,
        (stored, quota): (u64, u64),
    ) -> Result<bool> {
        if known.bytes.saturating_add(stored) > quota {
            return Ok(false);
        }
        let age = self.usage_of(settings, known).await?.age;
        Ok(age < valid_for(known.bytes, quota))
    }

    /// Another process may have measured between the look and the lease.
    async fn sweep_unless_known<'a>(
        &'a self,
        space: &'a SpaceState,
        before: Option<Measured>,
        quota: u64,
        lease: &mut SweepLease<'a>,
    ) -> Result<Measured> {
        let settings = space.settings();
        match self.read_usage(&settings).await? {
            Some(known) if Some(known) != before => Ok(known),
            _ => self.sweep(space, quota, lease).await,
        }
    }

    async fn sweep<'a>(
        &'a self,
        space: &'a SpaceState,
        quota: u64,
        lease: &mut SweepLease<'a>,
    ) -> Result<Measured> {
        let mut pass = Pass::new(self, space, Some(&mut *lease));
        let (mut measured, mut ages) = (Measured::at(pass.server_time().await?), Ages::new());
        while let Some(page) = pass.next().await? {
            for stored in &page {
                measured.add(stored);
                if let State::Live(age) = stored.state {
                    ages.add(age, stored.bytes);
                }
            }
        }
        let began = pass.began();
        let used_bytes = measured.bytes;
        if used_bytes > quota {
            let too_much = used_bytes - quota / 100 * DOWN_TO;
            let cut = ages.cut(too_much.saturating_sub(measured.invalidated_bytes));
            let pass = Pass::new(self, space, Some(&mut *lease)).since(began);
            let deleted = delete(self, pass, cut, &mut measured).await;
            let Deleted { entries, bytes } = deleted?;
            let enforced = Event::QuotaEnforced {
                space: space.registered.space(),
                quota_bytes: quota,
                used_bytes,
                entries,
                deleted_bytes: bytes,
            };
            self.emit(space, &enforced);
        }
        self.publish_usage(&space.settings(), &measured).await?;
        Ok(measured)
    }

    /// Deletes entries that are to go. What was to be read of them stays true, so nothing is
    /// pending where that fails.
    async fn delete_swept(&self, space: &SpaceState, swept: &[&Stored]) -> Result<u64> {
        let keys = swept.iter().map(|stored| stored.key.as_str());
        let change = Change::begin(self, space, keys).of_lifetimes();
        let physical: Vec<Key> = swept.iter().map(|one| one.physical.clone()).collect();
        let (backend, mut budget) = (&self.backend, self.budget(None));
        let deleted = self.call("delete", &mut budget, |call| {
            backend.delete(&physical, call)
        });
        let deleted = deleted.await?;
        change.made_away();
        Ok(deleted)
    }
}

/// Deletes what was invalidated, and what the cut takes of the rest.
async fn delete(
    shared: &Shared,
    mut pass: Pass<'_, '_>,
    mut cut: Cut,
    measured: &mut Measured,
) -> Result<Deleted> {
    let mut deleted = Deleted::default();
    while let Some(page) = pass.next().await? {
        let is_to_go = |stored: &&Stored| match stored.state {
            State::Invalidated => true,
            State::Live(age) => cut.takes(age, stored.bytes),
            State::Unknown => false,
        };
        let swept: Vec<&Stored> = page.iter().filter(is_to_go).collect();
        if swept.is_empty() {
            continue;
        }
        deleted.entries += shared.delete_swept(pass.space(), &swept).await?;
        for stored in swept {
            deleted.bytes += stored.bytes;
            measured.remove(stored);
        }
    }
    Ok(deleted)
}
