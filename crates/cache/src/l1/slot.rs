//! What L1 holds, and what it weighs.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::coarse::Coarse;
use super::marks::Marks;
use larder_cache_core::Moment;
use quick_cache::{Equivalent, Lifecycle, Weighter};

/// What an entry weighs beyond its key and its serialized bytes: the table's own fields,
/// two pointers' worth of reference counts, and the slack of an allocator.
const OVERHEAD_BYTES: u64 = 160;

/// The key of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotKey {
    pub(crate) space: u32,
    pub(crate) key: Box<str>,
}

/// The same key, borrowed, so that a lookup allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotRef<'a> {
    pub(crate) space: u32,
    pub(crate) key: &'a str,
}

impl Hash for SlotKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { space, key } = self;
        SlotRef { space: *space, key }.hash(state);
    }
}

impl Hash for SlotRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The key is the last field: no mark is needed where it ends.
        state.write_u32(self.space);
        state.write(self.key.as_bytes());
    }
}

impl Equivalent<SlotKey> for SlotRef<'_> {
    #[inline]
    fn equivalent(&self, other: &SlotKey) -> bool {
        self.space == other.space && *self.key == *other.key
    }
}

impl SlotRef<'_> {
    pub(crate) fn to_owned(self) -> SlotKey {
        SlotKey {
            space: self.space,
            key: self.key.into(),
        }
    }
}

/// A decoded value, or the knowledge that there is none. One cache line, as every hit copies
/// it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// `None`: a loader found that there is no value.
    pub(crate) value: Option<Arc<dyn Any + Send + Sync>>,
    /// From when on the value is stale.
    pub(crate) stale_at: Moment,
    /// So long before that it is time to refresh it.
    pub(crate) lead: Coarse,
    /// How long its load took.
    pub(crate) load_cost: Coarse,
    /// From when on the slot says nothing.
    pub(crate) gone_at: Moment,
    /// For how long after the last sign from the backend the slot counts.
    pub(crate) window: Window,
    /// The epochs it stands on.
    pub(crate) marks: Marks,
    /// The bytes of the serialized value.
    pub(crate) value_bytes: u32,
}

/// For how long something counts after the last sign from the backend, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window(u32);

impl Window {
    /// Signs don't matter.
    pub(crate) const ALWAYS: Self = Self(0);

    /// At most 49 days.
    pub(crate) fn of(duration: Duration) -> Self {
        Self(
            u32::try_from(duration.as_millis())
                .unwrap_or(u32::MAX)
                .max(1),
        )
    }

    /// In nanoseconds; `None`: always.
    #[inline]
    pub(crate) fn nanos(self) -> Option<u64> {
        (self.0 > 0).then(|| u64::from(self.0) * 1_000_000)
    }
}

impl Slot {
    /// Whether it is time to refresh a value that is not stale yet.
    #[inline]
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        let lead = self.lead.micros() * 1000;
        lead > 0 && now.as_nanos() >= self.stale_at.as_nanos().saturating_sub(lead)
    }

    pub(crate) fn weight(&self, key: &str) -> u64 {
        key.len() as u64 + u64::from(self.value_bytes) + OVERHEAD_BYTES
    }
}

/// Weighs slots in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InBytes;

impl Weighter<SlotKey, Slot> for InBytes {
    fn weight(&self, key: &SlotKey, slot: &Slot) -> u64 {
        slot.weight(&key.key)
    }
}

/// Collects the slots that leave the table, to drop them and to tell of them after its lock
/// is free. The one that an insert replaces is among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CollectLeaving;

impl Lifecycle<SlotKey, Slot> for CollectLeaving {
    type RequestState = Vec<(SlotKey, Slot)>;

    fn on_evict(&self, leaving: &mut Vec<(SlotKey, Slot)>, key: SlotKey, slot: Slot) {
        leaving.push((key, slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_one_cache_line() {
        assert_eq!(size_of::<Slot>(), 64);
    }
}
