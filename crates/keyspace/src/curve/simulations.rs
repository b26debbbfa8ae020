//! All sizes, fed with the same accesses.

use std::time::Duration;

use larder_cache_core::Moment;

use super::Access;
use super::awaiting::{Awaiting, Sizes};
use super::counts::{Counts, Row};
use super::options::CurveOptions;
use super::simulation::Simulation;
use crate::key_hash::KeyHash;

/// The sizes that are simulated, in eighths of the one that is configured.
const GRID: [u64; 10] = [1, 2, 4, 6, 8, 12, 16, 24, 32, 64];

/// Which of them is the one that is configured.
pub(super) const CONFIGURED: usize = 4;

/// What an entry takes in a table: itself, and twice its place in the index.
const ENTRY_BYTES: usize = 32 + 2 * 5;

/// A table of so many entries still helps.
const FEWEST_ENTRIES: usize = 64;

/// Over what time the work is averaged.
const WORK_PERIOD: Duration = Duration::from_secs(5);

/// All sizes, fed with the same accesses. The larger the size, the fewer keys are followed, and
/// those are followed by the smaller ones as well.
#[derive(Debug)]
pub(super) struct Simulations {
    sizes: Vec<Simulation>,
    counts: Counts,
    awaiting: Awaiting,
    most_entries: usize,
    work: Work,
    l1_bytes: u64,
    /// How many accesses were simulated since counting began.
    accesses: u64,
}

/// How much was done in the present period.
#[derive(Debug)]
struct Work {
    began: Moment,
    accesses: u64,
    most: u64,
}

impl Simulations {
    pub(super) fn new(options: &CurveOptions, now: Moment) -> Self {
        let l1_bytes = options.l1_bytes;
        let bytes = GRID.map(|eighths| (l1_bytes / 8).saturating_mul(eighths));
        let sizes = bytes.into_iter().filter(|bytes| *bytes > 0);
        let most = u64::from(options.accesses_per_second) * WORK_PERIOD.as_secs();
        Self {
            sizes: sizes.filter_map(Simulation::new).collect(),
            counts: Counts::new(GRID.len()),
            awaiting: Awaiting::default(),
            most_entries: most_entries(options.max_bytes),
            work: Work {
                began: now,
                accesses: 0,
                most: most.max(1),
            },
            l1_bytes,
            accesses: 0,
        }
    }

    /// The largest hash of a key that any size follows.
    pub(super) fn limit(&self) -> u64 {
        self.sizes.first().map_or(0, Simulation::limit)
    }

    pub(super) fn sizes(&self) -> &[Simulation] {
        &self.sizes
    }

    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) const fn l1_bytes(&self) -> u64 {
        self.l1_bytes
    }

    pub(super) const fn accesses(&self) -> u64 {
        self.accesses
    }

    /// Reads a key at all sizes, and says whether all had it.
    pub(super) fn accessed(&mut self, space: u32, key: KeyHash, was: Access, now: Moment) -> bool {
        self.limit_work(now);
        self.accesses += 1;
        let (missed, weight) = self.count(space, key, was);
        match was {
            _ if missed == 0 => return true,
            // L1 has it, so that these sizes would have taken it in when it came.
            Access::L1Hit => {
                let bytes = weight.unwrap_or_else(|| self.counts.row(space).mean_bytes());
                self.insert(key, bytes, missed);
            }
            Access::Elsewhere | Access::Miss => self.awaiting.put(key, missed),
        }
        false
    }

    /// L1 took a key in: so do the sizes that missed it, or all where it was written.
    pub(super) fn kept(&mut self, space: u32, key: KeyHash, bytes: u64) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.counts.row(space).weighed(bytes);
        let sizes = self.awaiting.take(key).unwrap_or(Sizes::MAX);
        self.insert(key, bytes, sizes);
    }

    pub(super) fn removed(&mut self, key: KeyHash) {
        for size in &mut self.sizes {
            if size.follows(key) {
                size.remove(key);
            }
        }
    }

    pub(super) fn cleared(&mut self) {
        self.sizes.iter_mut().for_each(Simulation::clear);
        self.awaiting = Awaiting::default();
    }

    pub(super) fn restart(&mut self) {
        self.counts.restart();
        self.accesses = 0;
    }

    pub(super) fn memory(&self) -> usize {
        let tables: usize = self.sizes.iter().map(Simulation::memory).sum();
        tables + self.counts.memory() + Awaiting::BYTES
    }

    /// At which sizes the key was missed, and what it weighs where one had it.
    fn count(&mut self, space: u32, key: KeyHash, was: Access) -> (Sizes, Option<u32>) {
        let Row { misses, .. } = self.counts.row(space);
        let (mut missed, mut weight) = (0, None);
        let mut is_missed_below = false;
        for (at, size) in self.sizes.iter().enumerate() {
            if !size.follows(key) {
                break;
            }
            let found = size.get(key);
            weight = found.or(weight);
            let is_missed = was == Access::Miss || found.is_none();
            missed |= Sizes::from(is_missed) << at;
            misses[at].here += u64::from(is_missed) * size.weight();
            misses[at].below += u64::from(is_missed_below) * size.weight();
            is_missed_below = is_missed;
        }
        (missed, weight)
    }

    fn insert(&mut self, key: KeyHash, bytes: u32, into: Sizes) {
        for at in 0..self.sizes.len() {
            if into & (1 << at) == 0 {
                continue;
            }
            if self.sizes[at].entries() >= self.most_entries {
                self.halve_from(at);
            }
            if self.sizes[at].follows(key) {
                self.sizes[at].insert(key, bytes);
            }
        }
    }

    /// Halves one size, and the larger ones where they would follow more keys than it.
    fn halve_from(&mut self, at: usize) {
        self.sizes[at].halve();
        let level = self.sizes[at].level();
        for size in &mut self.sizes[at + 1..] {
            if size.level() < level {
                size.halve();
            }
        }
    }

    fn limit_work(&mut self, now: Moment) {
        if now.since(self.work.began) >= WORK_PERIOD {
            self.work.began = now;
            self.work.accesses = 0;
        }
        self.work.accesses += 1;
        if self.work.accesses > self.work.most && !self.sizes.is_empty() {
            self.halve_from(0);
            self.work.began = now;
            self.work.accesses = 0;
        }
    }
}

/// How many entries a table may have, so that all of them stay within the bytes. Tables grow to a
/// power of two; the index is not rebuilt in another size below seven eighths of one.
fn most_entries(max_bytes: usize) -> usize {
    let sizes = GRID.len();
    let tables = max_bytes.saturating_sub(Counts::most_bytes(sizes) + Awaiting::BYTES);
    let room = (tables / (sizes * ENTRY_BYTES)).max(FEWEST_ENTRIES);
    (1 << room.ilog2()) / 8 * 7
}
