//! Generations: what tells a late reply that its key, or an epoch, was changed meanwhile.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

const STRIPES: usize = 1024;
const GENERATIONS: usize = 1 << 16;
const SPACES: usize = 256;

/// A generation per group of keys, one per namespace, one for all, and one per group of
/// epochs, under a lock per stripe of keys.
///
/// Whoever wants to insert a value samples the generation before asking for it, and
/// inserts only if it is the same under the lock; whoever changes a key moves the
/// generation under the same lock. Two keys in a group only cost a needless miss.
#[derive(Debug)]
pub(crate) struct Generations {
    hasher: RandomState,
    stripes: Box<[Mutex<()>]>,
    of_keys: Box<[AtomicU64]>,
    of_spaces: Box<[AtomicU64]>,
    of_all: AtomicU64,
    /// The number of each group's last change.
    of_epochs: Box<[AtomicU64]>,
    epoch_changes: AtomicU64,
    /// The same, counted after the group has its number.
    epoch_news: AtomicU64,
}

/// A generation as it was when a value was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    key: usize,
    space: usize,
    of_key: u64,
    of_space: u64,
    of_all: u64,
}

/// A generation of an epoch, as it was when the epoch was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochGeneration {
    /// The group of the epoch.
    pub(super) group: u16,
    pub(super) generation: u64,
    pub(super) of_all: u64,
}

/// A moment in the changes of all epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochMoment {
    changes: u64,
    of_all: u64,
}

impl Generation {
    fn stripe(self) -> usize {
        self.key % STRIPES
    }
}

impl Generations {
    pub(crate) fn new() -> Self {
        let zeros = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            hasher: RandomState::default(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            of_keys: zeros(GENERATIONS),
            of_spaces: zeros(SPACES),
            of_all: AtomicU64::new(0),
            of_epochs: zeros(GENERATIONS),
            epoch_changes: AtomicU64::new(0),
            epoch_news: AtomicU64::new(0),
        }
    }

    pub(crate) fn sample(&self, space: u32, key: &str) -> Generation {
        // The remainders fit any integer.
        let key = (self.hasher.hash_one((space, key)) % GENERATIONS as u64) as usize;
        let space = space as usize % SPACES;
        self.sample_at(key, space)
    }

    /// The same keys' generation now.
    pub(crate) fn sample_again(&self, sample: Generation) -> Generation {
        self.sample_at(sample.key, sample.space)
    }

    fn sample_at(&self, key: usize, space: usize) -> Generation {
        Generation {
            key,
            space,
            of_key: self.of_keys[key].load(Ordering::Acquire),
            of_space: self.of_spaces[space].load(Ordering::Acquire),
            of_all: self.of_all.load(Ordering::Acquire),
        }
    }

    /// Whether nothing has changed since the sample was taken.
    pub(crate) fn is_current(&self, sample: Generation) -> bool {
        self.sample_again(sample) == sample
    }

    /// Keeps others from changing the keys of this sample.
    pub(crate) fn lock(&self, sample: Generation) -> MutexGuard<'_, ()> {
        lock(&self.stripes[sample.stripe()])
    }

    /// Moves the generation of a key; the caller holds the lock.
    pub(crate) fn bump(&self, sample: Generation) {
        self.of_keys[sample.key].fetch_add(1, Ordering::AcqRel);
    }

    /// Moves the generation of a namespace. Whoever found the old one to be current under a
    /// lock has left it when this returns.
    pub(crate) fn bump_space(&self, space: u32) {
        self.of_spaces[space as usize % SPACES].fetch_add(1, Ordering::AcqRel);
        self.wait_for_all();
    }

    /// Moves all generations, in the same way.
    pub(crate) fn bump_all(&self) {
        self.of_all.fetch_add(1, Ordering::AcqRel);
        self.wait_for_all();
    }

    fn wait_for_all(&self) {
        for stripe in &self.stripes {
            drop(lock(stripe));
        }
    }

    /// The generation of an epoch, to be sampled before the epoch is asked for.
    pub(crate) fn sample_epoch(&self, key: &[u8]) -> EpochGeneration {
        let group = self.group(key);
        EpochGeneration {
            group,
            generation: self.of_epochs[usize::from(group)].load(Ordering::Acquire),
            of_all: self.of_all.load(Ordering::Acquire),
        }
    }

    /// Whether the epoch was left alone since the sample was taken.
    pub(crate) fn is_epoch_current(&self, sample: EpochGeneration) -> bool {
        self.of_epoch(sample.group) == sample.generation
            && self.of_all.load(Ordering::Acquire) == sample.of_all
    }

    /// The generation of a group of epochs.
    #[inline]
    pub(super) fn of_epoch(&self, group: u16) -> u64 {
        self.of_epochs[usize::from(group)].load(Ordering::Acquire)
    }

    /// The generation of everything.
    #[inline]
    pub(super) fn of_all(&self) -> u64 {
        self.of_all.load(Ordering::Acquire)
    }

    /// Moves the generation of an epoch.
    pub(crate) fn bump_epoch(&self, key: &[u8]) {
        let group = usize::from(self.group(key));
        let number = self.epoch_changes.fetch_add(1, Ordering::AcqRel) + 1;
        self.of_epochs[group].fetch_max(number, Ordering::AcqRel);
        self.epoch_news.fetch_add(1, Ordering::AcqRel);
    }

    /// How often any epoch was changed. Whoever finds an epoch to be current after asking
    /// for this will find another number once the epoch was changed.
    #[inline]
    pub(super) fn epoch_news(&self) -> u64 {
        self.epoch_news.load(Ordering::Acquire)
    }

    /// The present moment in the changes of epochs.
    pub(crate) fn epoch_moment(&self) -> EpochMoment {
        EpochMoment {
            changes: self.epoch_changes.load(Ordering::Acquire),
            of_all: self.of_all.load(Ordering::Acquire),
        }
    }

    /// Whether an epoch that is current now was so at that moment.
    pub(crate) fn is_epoch_since(&self, sample: EpochGeneration, moment: EpochMoment) -> bool {
        self.is_epoch_current(sample)
            && sample.generation <= moment.changes
            && sample.of_all == moment.of_all
    }

    fn group(&self, key: &[u8]) -> u16 {
        (self.hasher.hash_one(key) % GENERATIONS as u64) as u16
    }
}

fn lock(stripe: &Mutex<()>) -> MutexGuard<'_, ()> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_outdates_earlier_samples() {
        let generations = Generations::new();
        let before = generations.sample(1, "a");
        assert!(generations.is_current(before));
        generations.bump(before);
        assert!(!generations.is_current(before));
        let again = generations.sample(1, "a");
        assert!(generations.is_current(again));
        generations.bump_all();
        assert!(!generations.is_current(again));
    }

    #[test]
    fn a_namespace_outdates_its_own_samples_alone() {
        let generations = Generations::new();
        let (ours, theirs) = (generations.sample(1, "a"), generations.sample(2, "a"));
        generations.bump_space(1);
        assert!(!generations.is_current(ours));
        assert!(generations.is_current(theirs));
    }

    #[test]
    fn an_epoch_outdates_its_own_samples_alone() {
        let generations = Generations::new();
        let (ours, theirs) = (
            generations.sample_epoch(b"a"),
            generations.sample_epoch(b"b"),
        );
        generations.bump_epoch(b"a");
        assert!(!generations.is_epoch_current(ours));
        assert!(ours.group == theirs.group || generations.is_epoch_current(theirs));
        generations.bump_all();
        assert!(!generations.is_epoch_current(theirs));
    }

    #[test]
    fn an_epoch_knows_since_when_it_is_current() {
        let generations = Generations::new();
        let before = generations.epoch_moment();
        assert!(generations.is_epoch_since(generations.sample_epoch(b"a"), before));
        generations.bump_epoch(b"a");
        let after = generations.epoch_moment();
        let sample = generations.sample_epoch(b"a");
        assert!(!generations.is_epoch_since(sample, before));
        assert!(generations.is_epoch_since(sample, after));
        generations.bump_all();
        assert!(!generations.is_epoch_since(generations.sample_epoch(b"a"), after));
    }
}
