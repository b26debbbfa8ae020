//! A namespace, as analytics sees it.

use std::sync::atomic::{AtomicBool, Ordering};

use larder_cache_core::{Event, Tier};

use super::counts::{Counted, Counters, Counts};
use super::followed::Followed;
use super::striped::Striped;
use super::time::{Elapsed, Time};
use crate::key_hash::{KeyHash, SpaceSeed};

/// The totals of a namespace, and its keys where there is memory for them.
#[derive(Debug)]
pub(crate) struct SpaceState {
    pub(crate) name: Box<str>,
    seed: SpaceSeed,
    /// Whether L1 has taken anything of it in.
    is_in_l1: AtomicBool,
    counters: Counters,
    pub(crate) keys: Keys,
}

/// Whether the keys are followed.
#[derive(Debug)]
pub(crate) enum Keys {
    Followed(Followed),
    /// There was no memory left: hits in L1 are counted, and that is all.
    Counted(Box<Striped>),
}

impl SpaceState {
    pub(crate) fn new(name: &str, seed: SpaceSeed, keys: Keys) -> Self {
        Self {
            name: name.into(),
            seed,
            is_in_l1: AtomicBool::new(false),
            counters: Counters::default(),
            keys,
        }
    }

    #[inline]
    pub(crate) fn hash(&self, key: &str) -> KeyHash {
        self.seed.hash(key)
    }

    /// Notes that L1 has taken something of it in.
    pub(crate) fn enter_l1(&self) {
        self.is_in_l1.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_in_l1(&self) -> bool {
        self.is_in_l1.load(Ordering::Relaxed)
    }

    /// L1 answered so many reads, of which this is one.
    #[inline]
    pub(crate) fn hit_in_l1(&self, key: &str, hash: KeyHash, hits: u64, time: &Time) {
        match &self.keys {
            Keys::Followed(followed) => followed.hit_in_l1(key, hash, hits, time),
            Keys::Counted(counted) => {
                counted.count(hits);
            }
        }
    }

    /// Anything else happened.
    pub(crate) fn observe(&self, event: &Event<'_>, time: &Time) {
        match *event {
            Event::Hit {
                key,
                tier: Tier::L1,
                ..
            } => self.hit_in_l1(key, self.hash(key), 1, time),
            Event::NegativeHit {
                key,
                tier: Tier::L1,
                ..
            } => {
                self.counters.add(Counted::L1Absence, 1);
                self.hit_in_l1(key, self.hash(key), 1, time);
            }
            Event::Hit { key, .. } => self.hit_in_l2(key, Counted::L2Hit, time.now()),
            Event::NegativeHit { key, .. } => self.hit_in_l2(key, Counted::L2Absence, time.now()),
            Event::Miss { key, reason, .. } => {
                self.counters.add(Counted::miss(reason), 1);
                if let Keys::Followed(followed) = &self.keys {
                    followed.missed(key, reason, time.now());
                }
            }
            Event::StaleServed { key, .. } => self.noted(key, Counted::StaleServed, time.now()),
            Event::OutageServed { key, .. } => self.noted(key, Counted::OutageServed, time.now()),
            Event::Serialized {
                key,
                bytes,
                digest,
                origin,
                ..
            } => {
                self.counters.add(Counted::of(origin), 1);
                if let Keys::Followed(followed) = &self.keys {
                    followed.stored(key, (bytes, digest, origin), time.now());
                }
            }
            Event::Stored { bytes, .. } => self.counters.add(Counted::StoredBytes, bytes as u64),
            Event::Deleted { keys, .. } => self.deleted(keys, time.now()),
            _ => {}
        }
    }

    /// Everything that was counted.
    pub(crate) fn totals(&self, now: Elapsed) -> Counts {
        let mut counts = self.counters.read();
        let l1 = match &self.keys {
            Keys::Followed(followed) => followed.l1_hits(&followed.settled(now).book),
            Keys::Counted(hits) => hits.sum(),
        };
        counts.l1_hits = l1.saturating_sub(counts.l1_absences);
        counts
    }

    fn hit_in_l2(&self, key: &str, what: Counted, now: Elapsed) {
        self.counters.add(what, 1);
        if let Keys::Followed(followed) = &self.keys {
            followed.hit_in_l2(key, what, now);
        }
    }

    fn noted(&self, key: &str, what: Counted, now: Elapsed) {
        self.counters.add(what, 1);
        if let Keys::Followed(followed) = &self.keys {
            followed.noted(key, what, now);
        }
    }

    fn deleted(&self, keys: &[&str], now: Elapsed) {
        self.counters.add(Counted::Deleted, keys.len() as u64);
        if let Keys::Followed(followed) = &self.keys {
            keys.iter().for_each(|key| followed.deleted(key, now));
        }
    }
}
