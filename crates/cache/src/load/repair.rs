//! What loads brought in place of values that could not be used.
//!
//! Where another program, or another version of this one, writes what this one can't read,
//! each of its writes would cost a load. So the outcome of such a load, if it was stored, answers
//! those who find another bad value under the key within a second. It is never older than what
//! was read of the key since, and own changes of the key end it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use larder_cache_core::L1;
use tokio::time::Instant;

use super::flight::{Flights, Place};

/// How long a repair answers, and is kept.
pub(super) const LASTS: Duration = L1::MAX_STALENESS;

/// The most that one shard of the flights keeps. Beyond that a bad value costs a load.
const MOST: usize = 256;

/// The outcomes of the loads that repaired a key.
#[derive(Debug, Default)]
pub(super) struct Repairs(HashMap<Place, Repair>);

#[derive(Debug)]
struct Repair {
    /// When the load began.
    began: Instant,
    /// An `Option<Arc<V>>`.
    value: Box<dyn Any + Send + Sync>,
}

impl Repairs {
    /// Says whether there was room.
    pub(super) fn remember<V: Send + Sync + 'static>(
        &mut self,
        place: &Place,
        began: Instant,
        value: Option<Arc<V>>,
    ) -> bool {
        let fits = self.0.len() < MOST || self.0.contains_key(place);
        if fits {
            let value = Box::new(value);
            self.0.insert(place.clone(), Repair { began, value });
        }
        fits
    }

    /// What was read since takes the place of what was loaded, and answers no longer than that
    /// would have.
    pub(super) fn renew<V: Send + Sync + 'static>(
        &mut self,
        place: &Place,
        value: Option<&Arc<V>>,
    ) {
        if let Some(repair) = self.0.get_mut(place) {
            repair.value = Box::new(value.cloned());
        }
    }

    /// What was loaded for a key since then.
    pub(super) fn since<V: 'static>(&self, place: &Place, then: Instant) -> Option<Option<Arc<V>>> {
        let repair = self.0.get(place).filter(|repair| repair.began >= then)?;
        repair.value.downcast_ref::<Option<Arc<V>>>().cloned()
    }

    pub(super) fn remove(&mut self, place: &Place) {
        self.0.remove(place);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Place) -> bool) {
        self.0.retain(|place, _| keep(place));
    }

    /// Drops those that answer nobody any more.
    pub(super) fn drop_old(&mut self) {
        self.0.retain(|_, repair| repair.began.elapsed() <= LASTS);
        if self.0.is_empty() {
            self.0.shrink_to_fit();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Flights {
    /// What a load brought that began at most so long ago, in place of a value that could not
    /// be used.
    pub(crate) fn repaired<V: 'static>(
        &self,
        space: u32,
        key: &str,
        at_most: Duration,
    ) -> Option<Option<Arc<V>>> {
        if !self.has_repairs.load(Ordering::Relaxed) {
            return None;
        }
        let then = Instant::now().checked_sub(at_most.min(LASTS))?;
        let shard = self.shard(space, key);
        shard.repairs.since(&Place::new(space, key), then)
    }

    /// What was read of a key takes the place of what a load brought before.
    pub(crate) fn renew_repair<V>(&self, space: u32, key: &str, value: Option<&Arc<V>>)
    where
        V: Send + Sync + 'static,
    {
        if self.has_repairs.load(Ordering::Relaxed) {
            let place = Place::new(space, key);
            self.shard(space, key).repairs.renew(&place, value);
        }
    }

    pub(super) fn forget(&self, place: &Place) {
        if self.has_repairs.load(Ordering::Relaxed) {
            self.shard(place.space, &place.key).repairs.remove(place);
        }
    }

    /// Drops the repairs that answer nobody any more, and says whether there are others.
    fn drop_old_repairs(&self) -> bool {
        let mut left = false;
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.repairs.drop_old();
            left |= !shard.repairs.is_empty();
        }
        left
    }
}

/// Drops repairs as they grow old, until there are none.
pub(super) async fn drop_old(flights: Weak<Flights>) {
    loop {
        tokio::time::sleep(LASTS).await;
        let Some(flights) = flights.upgrade() else {
            return;
        };
        // Before the last look, so that who remembers after it begins another task.
        flights.has_repairs.store(false, Ordering::Relaxed);
        if !flights.drop_old_repairs() || flights.has_repairs.swap(true, Ordering::Relaxed) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn they_stay_within_their_bounds() {
        let mut repairs = Repairs::default();
        let place = |n: usize| Place::new(0, &n.to_string());
        let begin = Instant::now();
        for n in 0..2 * MOST {
            let fits = repairs.remember(&place(n), begin, Some(Arc::new(n)));
            assert_eq!(fits, n < MOST);
        }
        assert!(repairs.remember(&place(1), begin, Some(Arc::new(7_usize))));
        assert_eq!(
            repairs.since(&place(1), begin),
            Some(Some(Arc::new(7_usize)))
        );
        assert_eq!(repairs.since::<u8>(&place(1), begin), None, "another type");
        repairs.renew(&place(1), Some(&Arc::new(8_usize)));
        repairs.renew(&place(MOST), Some(&Arc::new(8_usize)));
        assert_eq!(
            repairs.since(&place(1), begin),
            Some(Some(Arc::new(8_usize)))
        );
        assert_eq!(repairs.since::<usize>(&place(MOST), begin), None);
        tokio::time::advance(2 * LASTS).await;
        repairs.drop_old();
        assert!(repairs.is_empty());
    }
}
