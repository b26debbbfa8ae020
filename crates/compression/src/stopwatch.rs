//! Where measured times come from.

use std::time::{Duration, Instant};

use crate::candidate::Candidate;

/// Measures how long something takes. Tests put a model in its place, so that no test depends
/// on how fast the machine is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stopwatch {
    /// The machine's clock.
    Clock,
    #[cfg(test)]
    Model(fn(Work) -> Duration),
}

/// What is done while the time is taken.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "a model of the times needs it"))]
pub(crate) struct Work {
    pub(crate) step: Step,
    pub(crate) candidate: Candidate,
    pub(crate) plain_bytes: usize,
}

/// The direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Compress,
    Decompress,
}

impl Stopwatch {
    pub(crate) fn time<T>(self, work: Work, run: impl FnOnce() -> T) -> (T, Duration) {
        let began = Instant::now();
        let done = run();
        let elapsed = began.elapsed();
        (done, self.instead(work).unwrap_or(elapsed))
    }

    #[cfg(not(test))]
    fn instead(self, _: Work) -> Option<Duration> {
        None
    }

    #[cfg(test)]
    fn instead(self, work: Work) -> Option<Duration> {
        match self {
            Self::Clock => None,
            Self::Model(model) => Some(model(work)),
        }
    }
}
