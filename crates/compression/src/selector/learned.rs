//! What was learned of one class of size.

use crate::candidate::{CANDIDATES, COUNT, PLAIN_AT};
use crate::options::OptimizerOptions;
use crate::selector::choices::{Choices, Mode};
use crate::selector::decision::{Estimates, decide, is_fast_enough};
use crate::selector::pace::Pace;
use crate::selector::window::Window;
use crate::selector::{Content, Estimate, Trial};

/// What takes longer than it may is tried again every so many measurements.
const SLOW_AGAIN: u64 = 8;

/// So many measurements are kept when the values seem to have changed: fewer than follow at
/// once, so that those decide.
const KEPT: usize = 4;

/// What was learned of one class of size.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) pace: Pace,
    classes: [Option<Box<Class>>; Content::COUNT],
}

/// What was learned of values that are alike.
#[derive(Debug, Default)]
pub(crate) struct Class {
    windows: [Window; COUNT],
    measured: u64,
    auto: Option<usize>,
    trained: Option<usize>,
}

impl Learned {
    /// Which candidates are worth a trial now.
    pub(crate) fn worth_trying(
        &self,
        content: Content,
        mode: Mode,
        options: &OptimizerOptions,
    ) -> Vec<usize> {
        let class = self.class(content);
        let worth = |place: &usize| {
            let candidate = CANDIDATES[*place];
            let possible = !candidate.needs_dictionary() || mode == Mode::Trained;
            possible
                && candidate.is_worth_trying(options.objective)
                && class.is_none_or(|class| class.is_worth_trying(*place, options))
        };
        (0..COUNT).filter(worth).collect()
    }

    /// Takes trials of one value in, and decides anew.
    pub(crate) fn record(
        &mut self,
        content: Content,
        trials: &[Trial],
        options: &OptimizerOptions,
        choices: &Choices,
    ) {
        let class = self.classes[content as usize].get_or_insert_default();
        if class.record(trials) && self.pace.is_slow() {
            class.forget_old();
            self.pace.restart();
        }
        class.decide(content, options, choices);
    }

    pub(crate) fn reconsider(&mut self, options: &OptimizerOptions, choices: &Choices) {
        for content in Content::ALL {
            if let Some(class) = &mut self.classes[content as usize] {
                class.decide(content, options, choices);
            }
        }
    }

    pub(crate) fn forget_dictionary(&mut self, choices: &Choices) {
        for content in Content::ALL {
            if let Some(class) = &mut self.classes[content as usize] {
                class.forget_dictionary();
            }
            choices.set(Mode::Trained, content, None);
        }
        self.pace.restart();
    }

    pub(crate) fn class(&self, content: Content) -> Option<&Class> {
        self.classes[content as usize].as_deref()
    }
}

impl Class {
    /// What is chosen.
    pub(crate) fn chosen(&self, mode: Mode) -> Option<usize> {
        match mode {
            Mode::Auto => self.auto,
            Mode::Trained => self.trained,
        }
    }

    /// What was measured of each candidate.
    pub(crate) fn estimates(&self) -> Estimates {
        std::array::from_fn(|place| self.windows[place].estimate())
    }

    /// How many values were measured.
    #[cfg(test)]
    pub(crate) fn measured(&self) -> usize {
        usize::try_from(self.measured).unwrap()
    }

    fn is_worth_trying(&self, place: usize, options: &OptimizerOptions) -> bool {
        let slow = |estimate: Estimate| !is_fast_enough(&estimate, options);
        let is_slow = self.windows[place].estimate().is_some_and(slow);
        !is_slow || self.measured.is_multiple_of(SLOW_AGAIN)
    }

    /// Whether the value is of another kind than those before it.
    fn record(&mut self, trials: &[Trial]) -> bool {
        let surprises = |trial: &Trial| {
            trial.place != PLAIN_AT && self.windows[trial.place].is_surprised(&trial.sample)
        };
        let is_surprised = self.measured > 1 && trials.iter().any(surprises);
        for trial in trials {
            self.windows[trial.place].push(trial.sample);
        }
        self.measured += 1;
        is_surprised
    }

    fn forget_old(&mut self) {
        for window in &mut self.windows {
            window.keep_last(KEPT);
        }
    }

    fn decide(&mut self, content: Content, options: &OptimizerOptions, choices: &Choices) {
        let estimates = self.estimates();
        let auto = decide(&estimates, self.auto, Mode::Auto, options);
        self.auto = Some(auto);
        choices.set(Mode::Auto, content, self.auto);
        let with_dictionary = |place: &usize| CANDIDATES[*place].needs_dictionary();
        if (0..COUNT)
            .filter(with_dictionary)
            .any(|place| estimates[place].is_some())
        {
            let trained = decide(&estimates, self.trained, Mode::Trained, options);
            self.trained = Some(trained);
            choices.set(Mode::Trained, content, self.trained);
        }
    }

    fn forget_dictionary(&mut self) {
        self.trained = None;
        for (window, candidate) in self.windows.iter_mut().zip(CANDIDATES) {
            if candidate.needs_dictionary() {
                window.clear();
            }
        }
    }
}
