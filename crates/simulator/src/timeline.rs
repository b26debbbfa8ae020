//! Virtual time, the order of what happens in it, and the trace.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larder_cache_core::{Clock, Moment, Timestamp};
use tokio::time::Instant;

/// Far from 0, where differences would hide.
const FIRST_MOMENT: Duration = Duration::from_secs(3600);

/// The wall clock of all processes at the start, and that of the server: not the same.
const PROCESS_WALL: u64 = 1_700_000_000_000;
const SERVER_WALL: u64 = 1_600_000_000_000;

/// When something happened, in milliseconds of virtual time, and after what else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) millis: u64,
    pub(crate) order: u64,
}

/// The time of one simulation.
#[derive(Debug)]
pub(crate) struct Timeline {
    origin: Instant,
    order: AtomicU64,
    lines: Option<Mutex<Vec<Line>>>,
}

/// One event of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the start.
    pub millis: u64,
    /// Who did it, such as `p2.1` (process 2, task 1), `server` or `fault`.
    pub who: String,
    /// What was done, and what came of it.
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} ms  {:<7} {}", self.millis, self.who, self.what)
    }
}

impl Timeline {
    /// Begins now; it keeps a trace if asked to.
    pub(crate) fn new(tracing: Tracing) -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            order: AtomicU64::new(0),
            lines: (tracing == Tracing::On).then(Mutex::default),
        })
    }

    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            millis: self.millis(),
            order: self.order.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(crate) fn at(&self, millis: u64) -> Instant {
        self.origin + Duration::from_millis(millis)
    }

    /// The time by the server's clock.
    pub(crate) fn server_time(&self) -> Timestamp {
        Timestamp::from_millis(SERVER_WALL + self.millis())
    }

    /// Writes a line, where a trace is kept.
    pub(crate) fn tell(&self, who: impl fmt::Display, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            let line = Line {
                millis: self.millis(),
                who: who.to_string(),
                what: what(),
            };
            lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    }

    pub(crate) fn take_lines(&self) -> Vec<Line> {
        let Some(lines) = &self.lines else {
            return Vec::new();
        };
        std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    /// It is: ten times slower.
    On,
    /// It is not.
    Off,
}

/// The clocks of a simulated process: virtual time.
#[derive(Debug)]
pub(crate) struct VirtualClock(pub(crate) Arc<Timeline>);

impl VirtualClock {
    /// The moment of so many milliseconds of virtual time.
    pub(crate) fn moment(millis: u64) -> Moment {
        Moment::from_origin(FIRST_MOMENT + Duration::from_millis(millis))
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Moment {
        Moment::from_origin(FIRST_MOMENT + self.0.origin.elapsed())
    }

    fn coarse(&self) -> Moment {
        self.now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(PROCESS_WALL + self.0.millis())
    }
}
