//! Whether a dictionary still pays.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use larder_cache_core::Algorithm;

use crate::candidate::CANDIDATES;
use crate::selector::Trial;

/// So many values must agree.
const VALUES: usize = 32;

/// A dictionary is spent when it leaves more than this share of what there is without it.
const MOST_LEFT: f64 = 0.95;

/// Values up to this size are what dictionaries are for.
pub(crate) const LARGEST: usize = 16 << 10;

/// The last values that were measured with a dictionary and without it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    values: Mutex<VecDeque<Pair>>,
    is_spent: AtomicBool,
}

/// The bytes of one value.
#[derive(Clone, Copy, Debug)]
struct Pair {
    with: usize,
    without: usize,
}

impl Watch {
    pub(crate) fn take_in(&self, trials: &[Trial]) {
        let Some(pair) = pair(trials) else {
            return;
        };
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() == VALUES {
            values.pop_front();
        }
        values.push_back(pair);
        let is_spent = values.len() == VALUES && left(&values).is_some_and(|left| left > MOST_LEFT);
        self.is_spent.store(is_spent, Ordering::Relaxed);
    }

    /// The share of the bytes that it saves; `None`: no value was measured yet.
    pub(crate) fn saved_share(&self) -> Option<f64> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        left(&values).map(|left| 1.0 - left)
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed)
    }
}

/// The share of the bytes that the dictionary leaves.
fn left(values: &VecDeque<Pair>) -> Option<f64> {
    let sum = |of: fn(&Pair) -> usize| values.iter().map(of).sum::<usize>();
    let without = sum(|pair| pair.without);
    (without > 0).then(|| sum(|pair| pair.with) as f64 / without as f64)
}

/// The least bytes with the dictionary and without, of algorithms that are about as fast.
fn pair(trials: &[Trial]) -> Option<Pair> {
    let least = |with_dictionary: bool| {
        let of_kind = trials.iter().filter(|trial| {
            let candidate = CANDIDATES[trial.place];
            candidate.needs_dictionary() == with_dictionary
                && matches!(candidate.algorithm, Some(Algorithm::Zstd(1 | 3)))
        });
        of_kind.map(|trial| trial.sample.stored_bytes).min()
    };
    let is_small = trials.first()?.sample.plain_bytes <= LARGEST;
    let (with, without) = (least(true)?, least(false)?);
    is_small.then_some(Pair { with, without })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::selector::Sample;

    fn trials(plain_bytes: usize, without: usize, with: usize) -> Vec<Trial> {
        let trial = |(place, stored_bytes)| Trial {
            place,
            sample: Sample {
                plain_bytes,
                stored_bytes,
                compress: Duration::ZERO,
                decompress: Duration::ZERO,
            },
            compressed: None,
        };
        let sizes = [(0, plain_bytes), (2, without), (5, with)];
        sizes.into_iter().map(trial).collect()
    }

    #[test]
    fn is_spent_when_the_last_values_agree() {
        let watch = Watch::default();
        let take_in = |count: usize, with: usize| {
            for _ in 0..count {
                watch.take_in(&trials(1000, 500, with));
            }
        };
        take_in(VALUES - 1, 500);
        assert!(!watch.is_spent(), "too few values");
        take_in(1, 500);
        assert!(watch.is_spent());
        take_in(10, 300);
        assert!(!watch.is_spent(), "it pays again");
    }

    #[test]
    fn large_values_and_values_without_a_dictionary_say_nothing() {
        let watch = Watch::default();
        for _ in 0..2 * VALUES {
            watch.take_in(&trials(LARGEST + 1, 500, 500));
            watch.take_in(&trials(1000, 500, 500)[..2]);
        }
        assert!(!watch.is_spent());
    }
}
