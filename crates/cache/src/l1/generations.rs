//! Generations: what tells a late reply that its key was changed meanwhile.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const STRIPES: usize = 1024;
const GENERATIONS: usize = 1 << 16;

/// A generation per group of keys, under one lock per larger group.
///
/// Whoever wants to insert a value samples the generation before asking for it, and
/// inserts only if it is the same under the lock; whoever changes a key moves the
/// generation under the same lock. Two keys in a group only cost a needless miss.
#[derive(Debug)]
pub(crate) struct Generations {
    hasher: RandomState,
    stripes: Box<[Mutex<()>]>,
    generations: Box<[AtomicU64]>,
}

/// A generation as it was when a value was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    index: usize,
    number: u64,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            generations: (0..GENERATIONS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn sample(&self, space: u32, key: &str) -> Generation {
        let index = self.index(space, key);
        let number = self.generations[index].load(Ordering::Acquire);
        Generation { index, number }
    }

    /// Whether nothing has changed since the sample was taken.
    pub(crate) fn is_current(&self, sample: Generation) -> bool {
        self.generations[sample.index].load(Ordering::Acquire) == sample.number
    }

    /// Keeps others from changing the keys of this sample.
    pub(crate) fn lock(&self, sample: Generation) -> MutexGuard<'_, ()> {
        self.stripes[sample.index % STRIPES]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the generation; the caller holds the lock.
    pub(crate) fn bump(&self, sample: Generation) {
        self.generations[sample.index].fetch_add(1, Ordering::AcqRel);
    }

    /// Moves all generations.
    pub(crate) fn bump_all(&self) {
        for (stripe, lock) in self.stripes.iter().enumerate() {
            let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
            for generation in self.generations.iter().skip(stripe).step_by(STRIPES) {
                generation.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    fn index(&self, space: u32, key: &str) -> usize {
        let hash = self.hasher.hash_one((space, key));
        usize::try_from(hash % GENERATIONS as u64).unwrap_or(0)
    }
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
        let after = generations.sample(1, "a");
        generations.bump_all();
        assert!(!generations.is_current(after));
    }
}
