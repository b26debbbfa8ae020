//! Generations: what tells a late reply, or a late load, that its key was changed meanwhile.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use tokio::sync::{RwLock, RwLockReadGuard};

const STRIPES: usize = 1024;
const GENERATIONS: usize = 1 << 16;
const SPACES: usize = 256;

/// A generation per group of keys and one per namespace, under a lock per stripe of keys.
///
/// Whoever wants to insert a value samples the generation before asking for it, and
/// inserts only if it is the same under the lock; whoever changes a key moves the
/// generation under the same lock. Two keys in a group only cost a needless miss.
#[derive(Debug)]
pub(crate) struct Generations {
    hasher: RandomState,
    stripes: Box<[Stripe]>,
    of_keys: Box<[AtomicU64]>,
    of_spaces: Box<[AtomicU64]>,
}

/// The locks of some keys. The first guards L1 and is held for moments; the second is
/// held by fills while they are sent to the backend.
#[derive(Debug, Default)]
struct Stripe {
    l1: Mutex<()>,
    fills: RwLock<()>,
    /// Fills that hold the second lock or want to: where there are none, a change need not
    /// ask for it.
    filling: AtomicUsize,
}

/// Keeps changes of some keys waiting while a fill is sent.
#[derive(Debug)]
pub(crate) struct Filling<'a> {
    stripe: &'a Stripe,
    guard: Option<RwLockReadGuard<'a, ()>>,
}

/// A generation as it was when a value was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    key: usize,
    space: usize,
    of_key: u64,
    of_space: u64,
}

impl Generation {
    fn stripe(self) -> usize {
        self.key % STRIPES
    }
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            of_keys: (0..GENERATIONS).map(|_| AtomicU64::new(0)).collect(),
            of_spaces: (0..SPACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn sample(&self, space: u32, key: &str) -> Generation {
        // The remainders fit any integer.
        let key = (self.hasher.hash_one((space, key)) % GENERATIONS as u64) as usize;
        let space = space as usize % SPACES;
        Generation {
            key,
            space,
            of_key: self.of_keys[key].load(Ordering::Acquire),
            of_space: self.of_spaces[space].load(Ordering::Acquire),
        }
    }

    /// The same keys' generation now.
    pub(crate) fn sample_again(&self, sample: Generation) -> Generation {
        Generation {
            of_key: self.of_keys[sample.key].load(Ordering::Acquire),
            of_space: self.of_spaces[sample.space].load(Ordering::Acquire),
            ..sample
        }
    }

    /// Whether nothing has changed since the sample was taken.
    pub(crate) fn is_current(&self, sample: Generation) -> bool {
        self.of_keys[sample.key].load(Ordering::Acquire) == sample.of_key
            && self.of_spaces[sample.space].load(Ordering::Acquire) == sample.of_space
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
        for stripe in &self.stripes {
            drop(lock(stripe));
        }
    }

    /// Announces that fills of these keys are sent to the backend, until the guards are
    /// dropped.
    pub(crate) async fn filling(
        &self,
        samples: impl IntoIterator<Item = Generation>,
    ) -> Vec<Filling<'_>> {
        // In one order everywhere, so that two batches never wait for each other.
        let mut stripes: Vec<_> = samples.into_iter().map(Generation::stripe).collect();
        stripes.sort_unstable();
        stripes.dedup();
        let mut guards = Vec::with_capacity(stripes.len());
        for stripe in stripes {
            guards.push(self.stripes[stripe].fill().await);
        }
        guards
    }

    /// Waits for the fills of a key that are being sent.
    pub(crate) async fn filled(&self, sample: Generation) {
        self.stripes[sample.stripe()].filled().await;
    }

    /// Waits for all fills that are being sent.
    pub(crate) async fn all_filled(&self) {
        for stripe in &self.stripes {
            stripe.filled().await;
        }
    }
}

impl Stripe {
    async fn fill(&self) -> Filling<'_> {
        self.filling.fetch_add(1, Ordering::SeqCst);
        // Either the change that moves a generation now sees this fill, or the fill sees the
        // generation moved: each writes first and then reads what the other wrote.
        fence(Ordering::SeqCst);
        let mut filling = Filling {
            stripe: self,
            guard: None,
        };
        filling.guard = Some(self.fills.read().await);
        filling
    }

    async fn filled(&self) {
        fence(Ordering::SeqCst);
        if self.filling.load(Ordering::SeqCst) > 0 {
            drop(self.fills.write().await);
        }
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.guard = None;
        self.stripe.filling.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock(stripe: &Stripe) -> MutexGuard<'_, ()> {
    stripe.l1.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_bump_outdates_earlier_samples() {
        let generations = Generations::new();
        let before = generations.sample(1, "a");
        assert!(generations.is_current(before));
        generations.bump(before);
        assert!(!generations.is_current(before));
        assert!(generations.is_current(generations.sample(1, "a")));
    }

    #[test]
    fn a_namespace_outdates_its_own_samples_alone() {
        let generations = Generations::new();
        let (ours, theirs) = (generations.sample(1, "a"), generations.sample(2, "a"));
        generations.bump_space(1);
        assert!(!generations.is_current(ours));
        assert!(generations.is_current(theirs));
    }

    #[tokio::test]
    async fn a_change_waits_for_the_fills_before_it() {
        let generations = Generations::new();
        let samples = ["a", "b", "a"].map(|key| generations.sample(1, key));
        let filling = generations.filling(samples).await;
        assert!(generations.filled(samples[1]).now_or_never().is_none());
        assert!(generations.all_filled().now_or_never().is_none());
        drop(filling);
        generations.filled(samples[1]).await;
        generations.all_filled().await;
    }
}
