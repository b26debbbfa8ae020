//! A sweep: what a namespace takes beyond its quota is deleted, the oldest first.

use std::sync::Arc;

use larder_cache_core::{Event, Key, Namespace, Result};

use super::ages::{Ages, Cut};
use super::due::{Looked, valid_for};
use super::lease::SweepLease;
use super::pass::{Pass, State, Stored, is_current};
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

/// What is to go: so much of the oldest that values are left for so many bytes.
#[derive(Clone, Copy, Debug)]
struct Goal {
    cut: Cut,
    /// Bytes that are not ours to delete.
    unknown: u64,
    live: u64,
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reached,
    /// The settings that it began with are no more.
    Outdated,
}

impl Shared {
    /// Measures a namespace and deletes what is too much, unless that is known, or another
    /// process is about it.
    pub(super) async fn keep_quota(
        &self,
        space: &SpaceState,
        settings: &Arc<Namespace>,
        (stored, quota): (u64, u64),
    ) -> Result<Looked> {
        let before = self.read_usage(settings).await?;
        if let Some(known) = before
            && known.bytes.saturating_add(stored) <= quota
        {
            let age = self.usage_of(settings, known).await?.age;
            if age < valid_for(known.bytes, quota) {
                return Ok(Looked::Known(known.bytes, age));
            }
        }
        let Some(mut lease) = SweepLease::acquire(self, settings).await? else {
            return Ok(Looked::NotNow);
        };
        let swept = self.sweep_unless_known(space, settings, (before, quota), &mut lease);
        let swept = swept.await;
        lease.release().await;
        swept
    }

    /// Another process may have measured between the look and the lease. Where that found too
    /// much, it may not have swept.
    async fn sweep_unless_known<'a>(
        &'a self,
        space: &'a SpaceState,
        settings: &Arc<Namespace>,
        (before, quota): (Option<Measured>, u64),
        lease: &mut SweepLease<'a>,
    ) -> Result<Looked> {
        match self.read_usage(settings).await? {
            Some(known) if Some(known) != before && known.bytes <= quota => {
                let age = self.usage_of(settings, known).await?.age;
                Ok(Looked::Known(known.bytes, age))
            }
            _ => self.sweep(space, settings, quota, lease).await,
        }
    }

    async fn sweep<'a>(
        &'a self,
        space: &'a SpaceState,
        settings: &Arc<Namespace>,
        quota: u64,
        lease: &mut SweepLease<'a>,
    ) -> Result<Looked> {
        let mut pass = Pass::new(self, space, Arc::clone(settings), Some(&mut *lease));
        let (mut measured, mut ages) = (Measured::at(pass.server_time().await?), Ages::new());
        let mut unknown = 0;
        while let Some(page) = pass.next().await? {
            for stored in &page {
                measured.add(stored);
                match stored.state {
                    State::Live(age) => ages.add(age, stored.bytes),
                    State::Unknown => unknown += stored.bytes,
                    State::Invalidated => {}
                }
            }
        }
        let began = pass.began();
        let live = quota / 100 * DOWN_TO;
        let too_much = live_bytes(&measured, unknown).saturating_sub(live);
        let used_bytes = measured.bytes;
        if used_bytes > quota && too_much + measured.invalidated_bytes > 0 {
            let cut = ages.cut(too_much);
            let goal = Goal { cut, unknown, live };
            let pass = Pass::new(self, space, Arc::clone(settings), Some(&mut *lease)).since(began);
            let mut deleted = Deleted::default();
            let ended = delete(self, pass, goal, &mut measured, &mut deleted).await;
            self.tell_swept(space, (quota, used_bytes), deleted);
            if ended? == End::Outdated {
                return Ok(Looked::NotNow);
            }
        }
        if !is_current(space, settings) {
            return Ok(Looked::NotNow);
        }
        self.publish_usage(settings, &measured).await?;
        Ok(Looked::Measured(measured.bytes))
    }

    fn tell_swept(&self, space: &SpaceState, (quota_bytes, used_bytes): (u64, u64), of: Deleted) {
        if of.entries > 0 {
            let enforced = Event::QuotaEnforced {
                space: space.registered.space(),
                quota_bytes,
                used_bytes,
                entries: of.entries,
                deleted_bytes: of.bytes,
            };
            self.emit(space, &enforced);
        }
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

/// Deletes what was invalidated, and what the cut takes of the rest, until what is left of that
/// is little enough: ages that are not those of the measurement, as after a jump of the server's
/// clock, cost no more.
async fn delete(
    shared: &Shared,
    mut pass: Pass<'_, '_>,
    mut goal: Goal,
    measured: &mut Measured,
    deleted: &mut Deleted,
) -> Result<End> {
    while let Some(page) = pass.next().await? {
        let mut left = *measured;
        let is_to_go = |stored: &&Stored| {
            let goes = match stored.state {
                State::Invalidated => true,
                State::Live(age) => {
                    live_bytes(&left, goal.unknown) > goal.live && goal.cut.takes(age, stored.bytes)
                }
                State::Unknown => false,
            };
            if goes {
                left.remove(stored);
            }
            goes
        };
        let swept: Vec<&Stored> = page.iter().filter(is_to_go).collect();
        if !pass.is_current() {
            return Ok(End::Outdated);
        }
        if swept.is_empty() {
            continue;
        }
        deleted.entries += shared.delete_swept(pass.space(), &swept).await?;
        deleted.bytes += swept.iter().map(|stored| stored.bytes).sum::<u64>();
        *measured = left;
    }
    Ok(End::Reached)
}

/// What values take that were not invalidated, where so much is none of ours.
fn live_bytes(measured: &Measured, unknown: u64) -> u64 {
    let others = measured.invalidated_bytes.saturating_add(unknown);
    measured.bytes.saturating_sub(others)
}
