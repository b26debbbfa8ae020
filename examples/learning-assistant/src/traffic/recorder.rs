//! How the requests went.

use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use crate::source::Source;

/// Whom the caller of a write waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// The database.
    Through,
    /// The journal.
    Behind,
}

/// How one request went.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A read was answered.
    Read(Source, Duration),
    /// A search was answered.
    Search { complete: bool },
    /// A write under a pattern was done.
    Written(Write, Duration),
    /// Something else was done.
    Done,
    /// It was not answered, or wrongly; the text says what was asked and answered.
    Failed(String),
}

/// How requests went.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Requests that ended, one way or another.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// What the first of these asked, and was answered.
    pub first_failure: Option<String>,
    /// The one that took longest.
    pub slowest: Slowest,
    /// Searches.
    pub searches: u64,
    /// Those that were cut short.
    pub incomplete_searches: u64,
    /// How long reads took that went to the cache, in microseconds.
    pub cached: Histogram<u64>,
    /// How long reads took that went past the cache, in microseconds.
    pub uncached: Histogram<u64>,
    /// How long writes took that the database had to make, in microseconds.
    pub through: Histogram<u64>,
    /// How long writes took that were left to be made later, in microseconds.
    pub behind: Histogram<u64>,
}

/// The request that took longest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slowest {
    /// What was asked.
    pub asked: String,
    /// How long it took.
    pub took: Duration,
}

impl Slowest {
    fn replace_by_slower(&mut self, asked: String, took: Duration) {
        if took > self.took {
            *self = Self { asked, took };
        }
    }
}

/// Collects how requests went, from all clients.
#[derive(Debug)]
pub struct Recorder {
    measured: Mutex<Collected>,
}

#[derive(Debug)]
struct Collected {
    window: Measured,
    before: Measured,
}

impl Recorder {
    /// Nothing was recorded yet.
    ///
    /// # Errors
    /// When a histogram can't be made.
    pub fn new() -> Result<Self, CreationError> {
        let (window, before) = (Measured::nothing()?, Measured::nothing()?);
        Ok(Self {
            measured: Mutex::new(Collected { window, before }),
        })
    }

    pub(super) fn record(&self, asked: String, took: Duration, outcome: Outcome) {
        let mut collected = self.lock();
        collected.window.record(outcome);
        collected.window.slowest.replace_by_slower(asked, took);
    }

    /// How the requests went that ended since the last call.
    #[must_use]
    pub fn next_window(&self) -> Measured {
        let mut collected = self.lock();
        let window = collected.window.clone();
        collected.before += &window;
        collected.window.clear();
        window
    }

    /// How all requests went.
    #[must_use]
    pub fn total(&self) -> Measured {
        let collected = self.lock();
        let mut total = collected.before.clone();
        total += &collected.window;
        total
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measured {
    fn nothing() -> Result<Self, CreationError> {
        Ok(Self {
            requests: 0,
            failed: 0,
            first_failure: None,
            slowest: Slowest::default(),
            searches: 0,
            incomplete_searches: 0,
            cached: Histogram::new(3)?,
            uncached: Histogram::new(3)?,
            through: Histogram::new(3)?,
            behind: Histogram::new(3)?,
        })
    }

    fn record(&mut self, outcome: Outcome) {
        self.requests += 1;
        match outcome {
            Outcome::Read(Source::Cache, took) => self.cached += micros(took),
            Outcome::Read(Source::Database, took) => self.uncached += micros(took),
            Outcome::Search { complete } => {
                self.searches += 1;
                self.incomplete_searches += u64::from(!complete);
            }
            Outcome::Written(Write::Through, took) => self.through += micros(took),
            Outcome::Written(Write::Behind, took) => self.behind += micros(took),
            Outcome::Done => {}
            Outcome::Failed(how) => {
                self.failed += 1;
                self.first_failure.get_or_insert(how);
            }
        }
    }

    fn clear(&mut self) {
        self.requests = 0;
        self.failed = 0;
        self.first_failure = None;
        self.slowest = Slowest::default();
        self.searches = 0;
        self.incomplete_searches = 0;
        self.cached.reset();
        self.uncached.reset();
        self.through.reset();
        self.behind.reset();
    }
}

impl AddAssign<&Measured> for Measured {
    fn add_assign(&mut self, later: &Measured) {
        self.requests += later.requests;
        self.failed += later.failed;
        if self.first_failure.is_none() {
            self.first_failure.clone_from(&later.first_failure);
        }
        let Slowest { asked, took } = later.slowest.clone();
        self.slowest.replace_by_slower(asked, took);
        self.searches += later.searches;
        self.incomplete_searches += later.incomplete_searches;
        self.cached += &later.cached;
        self.uncached += &later.uncached;
        self.through += &later.through;
        self.behind += &later.behind;
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
