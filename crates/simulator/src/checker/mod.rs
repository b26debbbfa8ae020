//! The checker: which versions a read may return, by the promises P1 to P3.

mod ban;
mod history;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larder_cache_core::{Bytes, Key};

pub(crate) use self::ban::{Ban, ChangeOutcome, Effect, Place, Reach};
use self::history::History;
pub(crate) use self::history::MutationKind;
pub(crate) use self::read::{Read, Via};
use crate::database::{Database, Id};
use crate::plan::Plan;
use crate::timeline::{Stamp, Timeline};

/// A promise of `docs/consistency.md`, or what every program owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// P1: nothing older than an acknowledged change, through the backend or in the process
    /// that made it.
    P1,
    /// P2: nothing older than `max_staleness` in other processes.
    P2,
    /// P3: one load at a time whose result can be stored.
    P3,
    /// What is read was written, under that key.
    Truth,
    /// Every call ends.
    Ending,
    /// Nothing panics.
    Panic,
    /// Nothing is left running after a shutdown.
    Shutdown,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// Milliseconds after the start.
    pub millis: u64,
    /// What happened.
    pub what: String,
    /// The physical key it happened to; empty: none.
    pub key: String,
}

/// What was checked, and what was let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Reads that were held against all changes before them.
    pub reads: u64,
    /// Reads of stale values, said to be such.
    pub stale: u64,
    /// Changes that reads were held against.
    pub changes: u64,
    /// Reads let pass as a failover had lost the change.
    pub exempt_lost: u64,
    /// Reads let pass as a plain writer had the last word.
    pub exempt_overwritten: u64,
}

/// Checks one simulation.
#[derive(Debug)]
pub(crate) struct Checker {
    timeline: Arc<Timeline>,
    database: Arc<Database>,
    plan: Arc<Plan>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bans: Vec<Ban>,
    history: History,
    crashed: BTreeSet<u32>,
    checks: Checks,
    violations: Vec<Violation>,
    flights: Vec<Flight>,
    stale_served: BTreeMap<(u32, usize), Vec<Stamp>>,
}

/// A load that others may join, from its begin to its end.
#[derive(Debug)]
struct Flight {
    process: u32,
    key: usize,
    begun: Stamp,
    /// `u64::MAX`: it goes on.
    ends: u64,
}

/// Which flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlightId(usize);

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::Truth => "truth",
            Self::Ending => "ending",
            Self::Panic => "no panic",
            Self::Shutdown => "shutdown",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} broken at {} ms: {}",
            self.promise, self.millis, self.what
        )
    }
}

impl Checker {
    pub(crate) fn new(
        timeline: Arc<Timeline>,
        database: Arc<Database>,
        plan: Arc<Plan>,
    ) -> Arc<Self> {
        Arc::new(Self {
            timeline,
            database,
            plan,
            state: Mutex::default(),
        })
    }

    /// A change has ended: what it means is forbidden from now on.
    pub(crate) fn forbid(&self, ban: Ban) {
        let mut state = self.lock();
        state.checks.changes += 1;
        state.bans.push(ban);
    }

    /// Something changed on the server.
    pub(crate) fn mutated(
        &self,
        process: u32,
        key: &Key,
        kind: MutationKind,
        value: Option<&Bytes>,
        at: Stamp,
    ) {
        self.lock().history.mutated(process, key, kind, value, at);
    }

    pub(crate) fn failed_over(&self, since: u64, now: Stamp) {
        self.lock().history.failed_over(since, now);
    }

    pub(crate) fn writes_plainly(&self, process: u32, id: Id) {
        self.lock().history.writes_plainly(process, id);
    }

    pub(crate) fn moves_expiry(&self, process: u32, key: Key, begun: Stamp) {
        self.lock().history.moves_expiry(process, key, begun);
    }

    pub(crate) fn crashed(&self, process: u32) {
        self.lock().crashed.insert(process);
    }

    /// A stale value was served and called so.
    pub(crate) fn served_stale(&self, process: u32, key: usize) {
        let at = self.timeline.stamp();
        let mut state = self.lock();
        state
            .stale_served
            .entry((process, key))
            .or_default()
            .push(at);
    }

    /// A load began that others may join.
    pub(crate) fn flight_begins(&self, process: u32, key: usize, begun: Stamp) -> FlightId {
        let mut state = self.lock();
        state.flights.push(Flight {
            process,
            key,
            begun,
            ends: u64::MAX,
        });
        FlightId(state.flights.len() - 1)
    }

    /// Nobody joins it later than this.
    pub(crate) fn flight_ends(&self, FlightId(index): FlightId, millis: u64) {
        self.lock().flights[index].ends = millis;
    }

    pub(crate) fn lease_violation(&self, what: &'static str, key: &Key) {
        self.violate(Promise::P3, what.to_owned(), key.as_str());
    }

    pub(crate) fn violate(&self, promise: Promise, what: String, key: &str) {
        let mut state = self.lock();
        self.push(&mut state, promise, what, key);
    }

    fn push(&self, state: &mut State, promise: Promise, what: String, key: &str) {
        let violation = Violation {
            promise,
            millis: self.timeline.millis(),
            what,
            key: key.to_owned(),
        };
        self.timeline.tell("CHECKER", || {
            format!("{promise} broken: {}", violation.what)
        });
        state.violations.push(violation);
    }

    pub(crate) fn verdict(&self) -> (Checks, Vec<Violation>) {
        let mut state = self.lock();
        (state.checks, std::mem::take(&mut state.violations))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
