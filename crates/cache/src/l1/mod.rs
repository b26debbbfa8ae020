//! L1: decoded values in process memory, under one byte budget.

mod coarse;
mod generations;
mod marks;
mod slot;
mod waiting;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache_core::{Clock, Error, ErrorKind, Event, Glob, Key, Moment, Observers, Result};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder};

pub(crate) use self::coarse::Coarse;
use self::generations::Generations;
pub(crate) use self::generations::{EpochGeneration, EpochMoment, Generation};
pub(crate) use self::marks::Marks;
use self::slot::{CollectLeaving, InBytes, SlotKey, SlotRef};
pub(crate) use self::slot::{Slot, Window};
use self::waiting::Waiting;
use crate::guards::{Guard, Guards};
use crate::reading::Fresh;

/// The size of a typical entry, to size the table before there are any.
const TYPICAL_BYTES: u64 = 512;

/// Shards below this size would turn large values away.
const SMALLEST_SHARD_BYTES: u64 = 1 << 20;

type Table = Cache<SlotKey, Slot, InBytes, DefaultHashBuilder, CollectLeaving>;

/// Decoded values by namespace and key.
pub(crate) struct Memory {
    is_off: bool,
    table: Table,
    generations: Generations,
    /// Up to when the backend has told of changes, in nanoseconds of the clock.
    told_until: AtomicU64,
    waiting: Waiting,
    guards: Guards,
    clock: Arc<dyn Clock>,
    observers: Observers,
}

/// What L1 knows of a key.
pub(crate) enum Resident<V> {
    /// A fresh value.
    Fresh(Arc<V>),
    /// A fresh value, and it is time to refresh it; and how long its load took.
    Due(Arc<V>, Coarse),
    /// A value that is stale but usable.
    Stale(Arc<V>),
    /// That there is no value.
    Absent,
    /// Nothing.
    Unknown,
}

/// What `get` would answer from L1.
pub(crate) enum Outlook {
    /// A value, and for how long.
    Fresh(Fresh),
    /// That there is no value.
    Absent,
    /// Nothing: it would ask the backend.
    Unknown,
}

impl Memory {
    pub(crate) fn new(
        max_bytes: u64,
        clock: Arc<dyn Clock>,
        observers: Observers,
        guards: Guards,
    ) -> Result<Self> {
        let items = usize::try_from(max_bytes / TYPICAL_BYTES).unwrap_or(usize::MAX);
        let shards = shards(max_bytes);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items.clamp(64, 1 << 20))
            // The table would round up what does not divide.
            .weight_capacity(max_bytes - max_bytes % shards as u64)
            .shards(shards)
            .build()
            .map_err(|source| {
                Error::new(ErrorKind::Config, "this L1 size can't be had")
                    .with("bytes", max_bytes)
                    .with_source(source)
            })?;
        let hasher = DefaultHashBuilder::default();
        Ok(Self {
            is_off: max_bytes == 0,
            table: Cache::with_options(options, InBytes, hasher, CollectLeaving),
            generations: Generations::new(),
            told_until: AtomicU64::new(0),
            waiting: Waiting::default(),
            guards,
            clock,
            observers,
        })
    }

    /// What L1 knows of a key.
    ///
    /// # Errors
    /// Kind `TypeMismatch` when the value is of another type than asked for.
    #[inline]
    pub(crate) fn get<V: Any + Send + Sync>(&self, space: u32, key: &str) -> Result<Resident<V>> {
        self.get_within(space, key, Duration::ZERO)
    }

    /// The same, also of what may be behind: so long after it would have ceased to count for
    /// want of a sign from the backend.
    ///
    /// # Errors
    /// As [`get`](Memory::get).
    #[inline]
    pub(crate) fn get_within<V: Any + Send + Sync>(
        &self,
        space: u32,
        key: &str,
        outage: Duration,
    ) -> Result<Resident<V>> {
        // Left where the table put it: to move what was just written in small pieces stalls the
        // processor, for a tenth of a hit by the profile.
        let mut found = self.table.get(&SlotRef { space, key });
        let Some(slot) = &mut found else {
            return Ok(Resident::Unknown);
        };
        let now = self.clock.coarse();
        if slot.gone_at <= now
            || !self.is_told(now, slot.window, outage)
            || !slot.marks.are_current(&self.generations)
        {
            return Ok(Resident::Unknown);
        }
        let Some(value) = slot.value.take() else {
            return Ok(Resident::Absent);
        };
        let value = value.downcast::<V>().map_err(|_| type_mismatch::<V>())?;
        Ok(if slot.stale_at <= now {
            Resident::Stale(value)
        } else if slot.is_due(now) {
            Resident::Due(value, slot.load_cost)
        } else {
            Resident::Fresh(value)
        })
    }

    /// What `get` would answer, whatever the type of the value.
    pub(crate) fn outlook(&self, space: u32, key: &str) -> Outlook {
        let Some(slot) = self.table.peek(&SlotRef { space, key }) else {
            return Outlook::Unknown;
        };
        let now = self.clock.coarse();
        let end = slot.stale_at.min(slot.gone_at);
        let counts = end > now
            && self.is_told(now, slot.window, Duration::ZERO)
            && slot.marks.are_current(&self.generations);
        match slot.value {
            _ if !counts => Outlook::Unknown,
            None => Outlook::Absent,
            Some(_) => Outlook::Fresh(Fresh {
                left: (end != Moment::FAR_FUTURE).then(|| end.since(now)),
            }),
        }
    }

    /// Whether there is no room for anything.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off
    }

    /// The generation of a key, to be sampled before its value is asked for.
    pub(crate) fn sample(&self, space: u32, key: &str) -> Generation {
        self.generations.sample(space, key)
    }

    /// Whether the key was left alone since the sample was taken.
    pub(crate) fn is_current(&self, sample: Generation) -> bool {
        self.generations.is_current(sample)
    }

    /// Announces a change: loads that began before it won't be stored.
    pub(crate) fn announce(&self, space: u32, key: &str) -> Generation {
        let sample = self.sample(space, key);
        let _guard = self.generations.lock(sample);
        self.generations.bump(sample);
        self.generations.sample_again(sample)
    }

    /// Announces a change of a whole namespace.
    pub(crate) fn announce_all(&self, space: u32) {
        self.generations.bump_space(space);
    }

    /// Up to when the backend has told of changes.
    pub(crate) fn told_until(&self, moment: Moment) {
        self.told_until
            .fetch_max(moment.as_nanos(), Ordering::AcqRel);
    }

    /// Whether the backend has told of all changes but those of the last `window`, or had a while ago that is shorter than the outage.
    #[inline]
    fn is_told(&self, now: Moment, window: Window, outage: Duration) -> bool {
        let Some(window) = window.nanos() else {
            return true;
        };
        let told = self.told_until.load(Ordering::Acquire);
        let behind = now.as_nanos().saturating_sub(told);
        // By a clock that began just now, "never" would not be long ago.
        told > 0 && (behind <= window || behind - window <= nanos(outage))
    }

    /// What a slot stands on; `None` where it can't be kept.
    pub(crate) fn marks(&self, epochs: &[EpochGeneration]) -> Option<Marks> {
        Marks::of(epochs, &self.generations)
    }

    /// How long ago the backend last gave a sign; `None`: never.
    pub(crate) fn behind(&self) -> Option<Duration> {
        let told = Moment::from_nanos(self.told_until.load(Ordering::Acquire));
        (told.as_nanos() > 0).then(|| self.clock.coarse().since(told))
    }

    /// Whether what is known of the backend is at most so much behind.
    pub(crate) fn is_told_within(&self, window: Duration) -> bool {
        self.is_told(self.clock.coarse(), Window::of(window), Duration::ZERO)
    }

    /// The generation of an epoch, to be sampled before the epoch is asked for.
    pub(crate) fn sample_epoch(&self, epoch: &Key) -> EpochGeneration {
        self.generations.sample_epoch(epoch.as_bytes())
    }

    /// Whether an epoch was left alone since the sample was taken.
    pub(crate) fn is_epoch_current(&self, sample: EpochGeneration) -> bool {
        self.generations.is_epoch_current(sample)
    }

    /// The present moment in the changes of epochs.
    pub(crate) fn epoch_moment(&self) -> EpochMoment {
        self.generations.epoch_moment()
    }

    /// Whether an epoch that is current now was so at that moment.
    pub(crate) fn is_epoch_since(&self, sample: EpochGeneration, moment: EpochMoment) -> bool {
        self.generations.is_epoch_since(sample, moment)
    }

    /// An epoch was changed: what stands on it counts for nothing.
    pub(crate) fn outdate_epoch(&self, epoch: &[u8]) {
        self.generations.bump_epoch(epoch);
    }

    /// Forgets everything.
    pub(crate) fn outdate_all(&self) {
        self.generations.bump_all();
        self.table.clear();
        self.waiting.wake_all();
    }

    /// Waits until the key is changed, from the moment of the sample on, but no longer than
    /// some time.
    pub(crate) async fn changed(&self, space: u32, key: &str, sample: Generation, most: Duration) {
        let changed = self.waiting.wait_for(space, key);
        if !self.is_current(sample) {
            return;
        }
        // Whichever comes first: both mean to look again.
        let _ = tokio::time::timeout(most, changed.woken()).await;
    }

    /// Inserts what was read, unless the key was changed since the sample was taken, and says
    /// what it weighs.
    #[must_use]
    pub(crate) fn insert(
        &self,
        space: u32,
        key: &str,
        slot: Slot,
        sample: Generation,
    ) -> Option<u64> {
        let place = SlotRef { space, key };
        let weight = slot.weight(key);
        let mut leaving = Vec::new();
        let is_kept = {
            let _guard = self.generations.lock(sample);
            let is_true = self.generations.is_current(sample);
            let is_kept = is_true || !self.guards.hold(Guard::Generations);
            if is_kept {
                self.table
                    .insert_with_lifecycle(place.to_owned(), slot, &mut leaving);
            }
            is_kept
        };
        self.tell_of_evictions(place, &leaving);
        is_kept.then_some(weight)
    }

    /// Takes note of an acknowledged change: earlier reads can't insert any more. The new
    /// value goes in only if nobody else changed the key since the sample was taken; says what
    /// it weighs then.
    #[must_use]
    pub(crate) fn supersede(
        &self,
        space: u32,
        key: &str,
        slot: Option<Slot>,
        sample: Generation,
    ) -> Option<u64> {
        let place = SlotRef { space, key };
        let mut leaving = Vec::new();
        let weight = {
            let _guard = self.generations.lock(sample);
            let alone = self.generations.is_current(sample);
            self.generations.bump(sample);
            match slot {
                Some(slot) if alone => {
                    let weight = slot.weight(key);
                    self.table
                        .insert_with_lifecycle(place.to_owned(), slot, &mut leaving);
                    Some(weight)
                }
                _ => {
                    leaving.extend(self.table.remove(&place));
                    None
                }
            }
        };
        self.tell_of_evictions(place, &leaving);
        self.waiting.wake(space, key);
        weight
    }

    /// Drops a key: earlier reads can't insert it any more.
    pub(crate) fn invalidate(&self, space: u32, key: &str) {
        let _nothing = self.supersede(space, key, None, self.sample(space, key));
    }

    /// Drops all keys of a namespace that match.
    pub(crate) fn invalidate_matching(&self, space: u32, pattern: &Glob) {
        self.generations.bump_space(space);
        self.table
            .retain(|slot, _| slot.space != space || !pattern.matches(&slot.key));
    }

    /// Entries, bytes and the most bytes.
    pub(crate) fn size(&self) -> (usize, u64, u64) {
        (self.table.len(), self.table.weight(), self.table.capacity())
    }

    /// Slots of the same place were replaced, not evicted.
    fn tell_of_evictions(&self, place: SlotRef<'_>, leaving: &[(SlotKey, Slot)]) {
        for (key, slot) in leaving.iter().filter(|(key, _)| !place.equivalent(key)) {
            let bytes = slot.weight(&key.key);
            self.observers.emit(&Event::Evicted { bytes });
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (entries, bytes, max_bytes) = self.size();
        f.debug_struct("Memory")
            .field("entries", &entries)
            .field("bytes", &bytes)
            .field("max_bytes", &max_bytes)
            .finish_non_exhaustive()
    }
}

/// A power of two, as the table has them.
fn shards(max_bytes: u64) -> usize {
    let wanted = usize::try_from(max_bytes / SMALLEST_SHARD_BYTES).unwrap_or(usize::MAX);
    let cores = std::thread::available_parallelism().map_or(4, usize::from);
    1 << wanted.clamp(1, cores * 4).ilog2()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn type_mismatch<V>() -> Error {
    Error::new(
        ErrorKind::TypeMismatch,
        "the value under this key is of another type; read a key always as one type, \
         or give each type a namespace",
    )
    .with("asked for", std::any::type_name::<V>())
}
