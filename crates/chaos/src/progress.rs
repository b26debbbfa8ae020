//! What is said while scenarios run, on standard error.

use std::sync::Arc;
use std::time::Instant;

/// Says where a run is.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    began: Instant,
    who: Arc<str>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            who: "".into(),
        }
    }

    /// The same, in the name of a scenario.
    pub(crate) fn of(&self, who: &str) -> Self {
        Self {
            began: self.began,
            who: who.into(),
        }
    }

    pub(crate) fn say(&self, what: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        if self.who.is_empty() {
            eprintln!("[{seconds:6.1} s] {what}");
        } else {
            eprintln!("[{seconds:6.1} s] {}: {what}", self.who);
        }
    }
}
