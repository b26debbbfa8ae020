//! What the cache tells of a read while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use larder_cache_core::{Event, Observer, Space, Tier};

use crate::checker::{Checker, Via};
use crate::plan::Plan;

const FROM_L1: u8 = 1;
const FROM_L2: u8 = 2;
const JOINED: u8 = 4;
const STALE: u8 = 8;
const OUTAGE: u8 = 16;

/// The most keys that one simulation has.
pub(crate) const MAX_KEYS: usize = 8;

tokio::task_local! {
    /// The notes of the read that the present task makes.
    pub(crate) static NOTES: Arc<Notes>;
}

/// What was told of one read, by key.
#[derive(Debug, Default)]
pub(crate) struct Notes([AtomicU8; MAX_KEYS]);

impl Notes {
    fn add(&self, key: usize, note: u8) {
        self.0[key].fetch_or(note, Ordering::Relaxed);
    }

    /// Where the value of a key came from.
    pub(crate) fn via(&self, key: usize) -> Via {
        let notes = self.0[key].load(Ordering::Relaxed);
        let has = |note: u8| notes & note != 0;
        if has(STALE) {
            Via::Stale
        } else if has(OUTAGE) {
            Via::Outage
        } else if has(JOINED) || notes & (FROM_L1 | FROM_L2) == FROM_L1 | FROM_L2 {
            Via::Shared
        } else if has(FROM_L1) {
            Via::L1
        } else if has(FROM_L2) {
            Via::L2
        } else {
            Via::Shared
        }
    }
}

/// The observer of one process's cache.
#[derive(Debug)]
pub(crate) struct Probe {
    process: u32,
    plan: Arc<Plan>,
    checker: Arc<Checker>,
    loads: AtomicU64,
}

impl Probe {
    pub(crate) fn new(process: u32, plan: Arc<Plan>, checker: Arc<Checker>) -> Arc<Self> {
        Arc::new(Self {
            process,
            plan,
            checker,
            loads: AtomicU64::new(0),
        })
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    fn note(&self, space: Space<'_>, key: &str, note: u8) {
        let Some(key) = self.plan.key_of(space.name, key) else {
            return;
        };
        if note == STALE {
            self.checker.served_stale(self.process, key);
        }
        // Outside of a read: a task of the cache's own.
        let _ = NOTES.try_with(|notes| notes.add(key, note));
    }
}

impl Observer for Probe {
    fn observe(&self, event: &Event<'_>) {
        match *event {
            Event::Hit { space, key, tier } => {
                let note = match tier {
                    Tier::L1 => FROM_L1,
                    Tier::L2 => FROM_L2,
                };
                self.note(space, key, note);
            }
            Event::LoadJoined { space, key } => self.note(space, key, JOINED),
            Event::StaleServed { space, key } => self.note(space, key, STALE),
            Event::OutageServed { space, key } => self.note(space, key, OUTAGE),
            Event::Load { .. } => drop(self.loads.fetch_add(1, Ordering::Relaxed)),
            _ => {}
        }
    }
}
