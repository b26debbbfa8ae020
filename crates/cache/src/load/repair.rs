//! What loads brought in place of values that could not be used.
//!
//! Where another program, or another version of this one, writes what this one can't read,
//! each of its writes would cost a load. So the outcome of such a load answers those who find
//! another bad value under the key, for as long as a caller could join the load itself.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use larder_cache_core::L1;
use tokio::time::Instant;

use super::flight::Place;

/// The most that one shard of the flights remembers.
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
    pub(super) fn remember<V: Send + Sync + 'static>(
        &mut self,
        place: &Place,
        began: Instant,
        value: Option<Arc<V>>,
    ) {
        if self.0.len() >= MOST {
            self.0
                .retain(|_, repair| repair.began.elapsed() <= L1::MAX_STALENESS);
        }
        if self.0.len() < MOST {
            let value = Box::new(value);
            self.0.insert(place.clone(), Repair { began, value });
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

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn they_stay_within_their_bound_and_the_young_stay() {
        let mut repairs = Repairs::default();
        let place = |n: usize| Place::new(0, &n.to_string());
        let begin = Instant::now();
        for n in 0..2 * MOST {
            repairs.remember(&place(n), begin, Some(Arc::new(n)));
        }
        assert_eq!(repairs.0.len(), MOST);
        assert_eq!(
            repairs.since(&place(1), begin),
            Some(Some(Arc::new(1_usize)))
        );
        assert_eq!(repairs.since::<u8>(&place(1), begin), None, "another type");
        tokio::time::advance(2 * L1::MAX_STALENESS).await;
        repairs.remember(&place(1), Instant::now(), Some(Arc::new(2_usize)));
        assert_eq!(repairs.0.len(), 1);
    }
}
