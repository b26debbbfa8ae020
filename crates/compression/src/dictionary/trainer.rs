//! When a namespace's dictionary is trained.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larder_cache_core::{Bytes, Dictionary, Result};

use crate::dictionary::Installed;
use crate::dictionary::reservoir::Reservoir;
use crate::dictionary::training::{self, Outcome, Proof};
use crate::dictionary::watch::LARGEST;
use crate::options::OptimizerOptions;
use crate::stopwatch::Stopwatch;

/// What smaller values could save is not worth it.
const SMALLEST: usize = 64;

/// What the samples of a namespace may hold.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// Fewer values, or fewer bytes, make no good dictionary.
const LEAST_VALUES: u64 = 100;
const LEAST_BYTES: usize = 64 << 10;

/// Once there are enough samples, one value in so many is taken.
const THEN_ONE_IN: u64 = 8;

/// The samples of a namespace, and when they are next trained on.
#[derive(Debug)]
pub(crate) struct Trainer {
    reservoir: Mutex<Reservoir>,
    offered: AtomicU64,
    is_full: AtomicBool,
    attempts: Mutex<Attempts>,
    is_training: AtomicBool,
    last: Mutex<Option<Proof>>,
}

/// The attempts so far.
#[derive(Clone, Copy, Debug)]
struct Attempts {
    /// How many values had been offered at the last one.
    offered: u64,
    /// How many must be offered after it for the next.
    needed: u64,
}

/// Before the first.
const NONE_YET: Attempts = Attempts {
    offered: 0,
    needed: LEAST_VALUES,
};

impl Default for Trainer {
    fn default() -> Self {
        Self {
            reservoir: Mutex::new(Reservoir::new(MOST_BYTES)),
            offered: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            attempts: Mutex::new(NONE_YET),
            is_training: AtomicBool::new(false),
            last: Mutex::new(None),
        }
    }
}

impl Trainer {
    /// Takes a sample of a value, or does not.
    pub(crate) fn offer(&self, value: &[u8]) {
        if !(SMALLEST..=LARGEST).contains(&value.len()) {
            return;
        }
        let offered = self.offered.fetch_add(1, Ordering::Relaxed);
        let is_full = self.is_full.load(Ordering::Relaxed);
        if is_full && !offered.is_multiple_of(THEN_ONE_IN) {
            return;
        }
        // Nobody waits for a sample.
        if let Ok(mut reservoir) = self.reservoir.try_lock() {
            reservoir.push(value);
            let is_full = reservoir.bytes() > MOST_BYTES / 2;
            self.is_full.store(is_full, Ordering::Relaxed);
        }
    }

    /// Trains, if there are enough new samples, and nobody else does so now.
    ///
    /// # Errors
    /// Kind `Codec` where the training failed.
    pub(crate) fn train(
        &self,
        present: Option<&Arc<Installed>>,
        options: &OptimizerOptions,
        stopwatch: Stopwatch,
    ) -> Result<Option<Dictionary>> {
        if self.is_training.swap(true, Ordering::Acquire) {
            return Ok(None);
        }
        let samples = self.due_samples();
        let outcome = samples.map(|samples| training::train(samples, present, options, stopwatch));
        self.is_training.store(false, Ordering::Release);
        Ok(outcome.transpose()?.and_then(|outcome| self.note(outcome)))
    }

    /// The samples of a training that is due now.
    fn due_samples(&self) -> Option<Vec<Bytes>> {
        let mut attempts = self.attempts();
        let offered = self.offered.load(Ordering::Relaxed);
        let reservoir = self.reservoir();
        let enough = reservoir.len() as u64 >= LEAST_VALUES
            && reservoir.bytes() >= LEAST_BYTES
            && offered - attempts.offered >= attempts.needed;
        enough.then(|| {
            *attempts = Attempts {
                offered,
                needed: attempts.needed.saturating_mul(2).max(offered),
            };
            reservoir.samples()
        })
    }

    /// Begins anew, because the values have changed.
    pub(crate) fn restart(&self) {
        *self.attempts() = Attempts {
            offered: self.offered.load(Ordering::Relaxed),
            ..NONE_YET
        };
        self.reservoir().clear();
        self.is_full.store(false, Ordering::Relaxed);
    }

    /// How many values are kept, and their bytes.
    pub(crate) fn samples(&self) -> (usize, usize) {
        let reservoir = self.reservoir();
        (reservoir.len(), reservoir.bytes())
    }

    /// What the last training came to.
    pub(crate) fn last(&self) -> Option<Proof> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, outcome: Outcome) -> Option<Dictionary> {
        let (dictionary, proof) = match outcome {
            Outcome::Better(dictionary, proof) => (Some(dictionary), proof),
            Outcome::Worthless(proof) => (None, proof),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
        dictionary
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reservoir(&self) -> MutexGuard<'_, Reservoir> {
        self.reservoir
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
