//! The online miss-ratio curve: what L1 would hit at other sizes.
//!
//! For a grid of sizes around the one that is configured, a small table of the deployed eviction
//! policy is fed with the accesses of some of the keys (Waldspurger, Saemundsson, Ahmad, Park:
//! "Cache Modeling and Optimization using Miniature Simulations", ATC 2017). What differs from
//! the paper, and why, stands at [`Curve`].

mod awaiting;
mod counts;
mod estimate;
mod options;
mod recent;
mod report;
mod simulation;
mod simulations;
mod sizing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use larder_cache_core::Clock;

pub use self::options::CurveOptions;
use self::recent::Recent;
pub use self::report::{CurvePoint, CurveReport, SpaceCurve, SpaceTotals};
use self::simulations::Simulations;
pub use self::sizing::{SizeAdvice, Sizing};
use crate::key_hash::KeyHash;

/// Where a read found its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// In L1.
    L1Hit,
    /// In the backend: a larger L1 might have had it.
    Elsewhere,
    /// Nowhere, as it has expired, was invalidated or never was: no size of L1 would have had it.
    Miss,
}

/// What L1 would hit at other sizes, found out while it works.
///
/// Each size has its own sampling rate, as high as its share of the memory allows: small sizes
/// follow all keys, so that they are exact, and large ones a part of them. How many misses remain
/// from one size to the next is measured over the keys that both follow, and the curve is the
/// product of these shares. What is peculiar to a sample, such as too many keys that are read
/// once, is the same above and below the line and drops out; one rate for all sizes, or each size
/// by itself, is several times worse.
///
/// Hits are never counted, only misses: how many accesses there were, the caller knows
/// ([`SpaceTotals`]). A key that is read all the time therefore distorts nothing, whether it is
/// sampled or not.
///
/// # Concurrency
/// One lock, which nobody waits for: what comes while it is held is left out and counted, and
/// the estimate is scaled by it. Only accesses of sampled keys ask for it.
///
/// # Cost
/// An access that is not sampled: one relaxed load and a comparison. A sampled one that was so a
/// moment ago: two more loads. Another one about 0.4 µs, on average over five seconds at most
/// [`CurveOptions::accesses_per_second`] times a second. Memory: at most
/// [`CurveOptions::max_bytes`].
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use larder_cache_core::SystemClock;
/// use larder_keyspace::analytics::{Access, Curve, CurveOptions, KeyHash, SpaceTotals};
///
/// let curve = Curve::new(&CurveOptions::new(64 << 20), Arc::new(SystemClock::new()));
/// let key = KeyHash::of("users", "profile:7");
/// curve.accessed(0, key, Access::Miss);
/// curve.kept(0, key, 400);
/// curve.accessed(0, key, Access::L1Hit);
/// let report = curve.report(&[SpaceTotals::new(0, 2).l1_hits(1)]);
/// assert_eq!(report.whole.at(128 << 20), Some(0.5));
/// println!("{}", report.whole.advice());
/// ```
pub struct Curve {
    /// The largest hash that is sampled.
    limit: AtomicU64,
    recent: Recent,
    simulations: Mutex<Simulations>,
    skipped: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl Curve {
    /// A curve around a size of L1. With an L1 of 0 bytes it stays empty.
    #[must_use]
    pub fn new(options: &CurveOptions, clock: Arc<dyn Clock>) -> Self {
        let simulations = Simulations::new(options, clock.coarse());
        Self {
            limit: AtomicU64::new(simulations.limit()),
            recent: Recent::default(),
            simulations: Mutex::new(simulations),
            skipped: AtomicU64::new(0),
            clock,
        }
    }

    /// Whether a key is followed at any size. The methods below look by themselves.
    #[inline]
    #[must_use]
    pub fn samples(&self, key: KeyHash) -> bool {
        key.0 <= self.limit.load(Ordering::Relaxed)
    }

    /// A key was read.
    #[inline]
    pub fn accessed(&self, space: u32, key: KeyHash, was: Access) {
        if !self.samples(key) || (was == Access::L1Hit && self.recent.has(key)) {
            return;
        }
        self.simulate(space, key, was);
    }

    /// L1 took an entry in that weighs so much.
    #[inline]
    pub fn kept(&self, space: u32, key: KeyHash, bytes: u64) {
        if self.samples(key) {
            self.change(|simulations| simulations.kept(space, key, bytes));
        }
    }

    /// A key was deleted or invalidated, so that L1 has it no more.
    #[inline]
    pub fn removed(&self, key: KeyHash) {
        if self.samples(key) {
            self.change(|simulations| simulations.removed(key));
        }
    }

    /// L1 was emptied.
    pub fn cleared(&self) {
        self.lock().cleared();
    }

    /// Begins to count anew, with what the simulated tables hold by now. From then on
    /// [`report`](Curve::report) wants the totals since this moment.
    pub fn restart(&self) {
        let mut simulations = self.lock();
        simulations.restart();
        self.skipped.store(0, Ordering::Relaxed);
    }

    /// The curves of all namespaces together, and of those whose totals are given.
    ///
    /// # Concurrency
    /// Accesses that are sampled meanwhile are left out, for some microseconds.
    #[must_use]
    pub fn report(&self, totals: &[SpaceTotals]) -> CurveReport {
        let simulations = self.lock();
        let skipped = self.skipped.load(Ordering::Relaxed);
        estimate::report(&simulations, totals, skipped)
    }

    /// The bytes that it takes now.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.lock().memory()
    }

    fn simulate(&self, space: u32, key: KeyHash, was: Access) {
        let now = self.clock.coarse();
        let hits_everywhere = self.change(|simulations| {
            self.recent.advance();
            simulations.accessed(space, key, was, now)
        });
        match hits_everywhere {
            Some(true) => self.recent.remember(key),
            Some(false) => {}
            None => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// `None`: somebody else was at it.
    fn change<T>(&self, change: impl FnOnce(&mut Simulations) -> T) -> Option<T> {
        let mut simulations = match self.simulations.try_lock() {
            Ok(simulations) => simulations,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let result = change(&mut simulations);
        self.limit.store(simulations.limit(), Ordering::Relaxed);
        Some(result)
    }

    fn lock(&self) -> MutexGuard<'_, Simulations> {
        self.simulations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Curve")
            .field("limit", &self.limit)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}
