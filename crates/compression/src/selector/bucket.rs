//! One class of size: the choice that every value reads, and what it is learned from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::candidate::PLAIN_AT;
use crate::options::OptimizerOptions;
use crate::selector::choices::{Choice, Choices, Mode};
use crate::selector::{Chosen, Content, Learned, Setting, Trial, prior, probe, try_candidate};

/// Of larger values a part of this size is measured.
const MOST_MEASURED: usize = 1 << 20;

/// Values up to this size are measured twice while little is known: the first time pays for
/// what is only set up once.
const MEASURED_TWICE: usize = 64 << 10;

/// While one value is measured, no other is due.
const BEING_MEASURED: u64 = u64::MAX;

/// One class of size.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    seen: AtomicU64,
    /// The count of values at which the next is measured.
    due: AtomicU64,
    choices: Choices,
    learned: Mutex<Learned>,
}

impl Bucket {
    pub(crate) fn choose(&self, plain: &[u8], setting: &Setting<'_>) -> Chosen {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        if seen >= self.due.load(Ordering::Relaxed) && self.begin(seen) {
            return self.measure(plain, setting);
        }
        self.choose_fixed(plain, setting)
    }

    /// Chooses by what is known.
    pub(crate) fn choose_fixed(&self, plain: &[u8], setting: &Setting<'_>) -> Chosen {
        let mode = mode(setting);
        let guess = |content| prior::guess(plain.len(), content, mode, setting.options);
        let candidate = match self.choices.get(mode) {
            Choice::One(place) => place,
            Choice::None => guess(probe(plain)),
            Choice::ByContent(places) => {
                let content = probe(plain);
                places[content as usize].unwrap_or_else(|| guess(content))
            }
        };
        Chosen {
            candidate,
            compressed: None,
        }
    }

    pub(crate) fn reconsider(&self, options: &OptimizerOptions) {
        self.learned().reconsider(options, &self.choices);
    }

    pub(crate) fn dictionary_changed(&self) {
        let mut learned = self.learned();
        learned.forget_dictionary(&self.choices);
        self.due.store(0, Ordering::Relaxed);
    }

    pub(crate) fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, seen: u64) -> bool {
        let due = self.due.load(Ordering::Relaxed);
        let begin =
            self.due
                .compare_exchange(due, BEING_MEASURED, Ordering::Relaxed, Ordering::Relaxed);
        seen >= due && begin.is_ok()
    }

    fn measure(&self, plain: &[u8], setting: &Setting<'_>) -> Chosen {
        let (mode, content) = (mode(setting), probe(plain));
        let (places, times) = {
            let learned = self.learned();
            let is_new = learned.pace.is_new() && plain.len() <= MEASURED_TWICE;
            let places = learned.worth_trying(content, mode, setting.options);
            (places, if is_new { 2 } else { 1 })
        };
        let part = middle(plain);
        let trials = places.into_iter();
        // What fails on this value is not chosen for it.
        let trials = trials.filter_map(|place| try_candidate(place, part, setting, times).ok());
        let trials: Vec<Trial> = trials.collect();
        if let Some(dictionary) = setting.dictionary {
            dictionary.watch(&trials);
        }
        self.record(content, &trials, setting);
        let chosen = self.choose_fixed(plain, setting);
        let is_whole = part.len() == plain.len();
        let trial = trials.into_iter().find(|t| t.place == chosen.candidate);
        match trial.filter(|_| is_whole) {
            Some(Trial {
                compressed: None, ..
            }) => Chosen {
                candidate: PLAIN_AT,
                compressed: None,
            },
            Some(trial) => Chosen {
                compressed: trial.compressed,
                ..chosen
            },
            None => chosen,
        }
    }

    fn record(&self, content: Content, trials: &[Trial], setting: &Setting<'_>) {
        let mut learned = self.learned();
        learned.record(content, trials, setting.options, &self.choices);
        let next = self.seen.load(Ordering::Relaxed) + learned.pace.next() - 1;
        self.due.store(next, Ordering::Relaxed);
    }
}

fn mode(setting: &Setting<'_>) -> Mode {
    match setting.dictionary {
        Some(_) => Mode::Trained,
        None => Mode::Auto,
    }
}

fn middle(plain: &[u8]) -> &[u8] {
    let spare = plain.len().saturating_sub(MOST_MEASURED);
    &plain[spare / 2..plain.len() - spare.div_ceil(2)]
}
