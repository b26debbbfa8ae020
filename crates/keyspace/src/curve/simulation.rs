//! One size of L1, simulated.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::key_hash::KeyHash;

/// As L1 estimates its entries.
const TYPICAL_BYTES: u64 = 512;

/// How many it remembers of those that left, in its estimate: what the table does by itself.
const GHOSTS: f64 = 0.5;

/// Beyond this nothing is sampled any more.
const MOST_LEVEL: u32 = 40;

#[derive(Clone, Debug)]
struct InBytes;

impl Weighter<u64, u32> for InBytes {
    fn weight(&self, _: &u64, bytes: &u32) -> u64 {
        u64::from(*bytes)
    }
}

/// Keys are hashes. This moves to the highest bits, which are 0 where few keys are followed, what
/// is in the lower ones; and two keys never become one.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write_u64(&mut self, key: u64) {
        self.0 = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The deployed policy at one size, on a part of the keys and in proportion smaller.
pub(super) struct Simulation {
    table: Cache<u64, u32, InBytes, BuildHasherDefault<Spread>>,
    bytes: u64,
    /// One key in two to the power of this is followed.
    level: u32,
    /// Entries that left. At most so many, and at most what the table keeps of them, are still
    /// remembered by it.
    evicted: usize,
}

impl Simulation {
    pub(super) fn new(bytes: u64) -> Option<Self> {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items(bytes))
            .ghost_allocation(GHOSTS)
            .weight_capacity(bytes)
            .build()
            .ok()?;
        let (hasher, lifecycle) = (BuildHasherDefault::default(), DefaultLifecycle::default());
        Some(Self {
            table: Cache::with_options(options, InBytes, hasher, lifecycle),
            bytes,
            level: 0,
            evicted: 0,
        })
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn level(&self) -> u32 {
        self.level
    }

    /// For how many accesses of all keys one of those followed stands.
    pub(super) const fn weight(&self) -> u64 {
        1 << self.level
    }

    /// The largest hash of a key that is followed.
    pub(super) const fn limit(&self) -> u64 {
        u64::MAX >> self.level
    }

    /// The share of the keys that is followed.
    pub(super) fn rate(&self) -> f64 {
        1.0 / self.weight() as f64
    }

    pub(super) const fn follows(&self, key: KeyHash) -> bool {
        key.0 <= self.limit()
    }

    /// Reads a key as the deployed table would, and says what it weighs.
    pub(super) fn get(&self, key: KeyHash) -> Option<u32> {
        self.table.get(&key.0).copied()
    }

    pub(super) fn insert(&mut self, key: KeyHash, bytes: u32) {
        let entries = self.table.len();
        let added = usize::from(!self.table.contains_key(&key.0));
        self.table.insert(key.0, bytes);
        self.evicted += (entries + added).saturating_sub(self.table.len());
    }

    pub(super) fn remove(&mut self, key: KeyHash) {
        self.table.remove(&key.0);
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.evicted = 0;
    }

    /// Entries and what is remembered of those that left.
    pub(super) fn entries(&self) -> usize {
        self.table.len() + self.evicted.min(self.ghosts())
    }

    pub(super) fn memory(&self) -> usize {
        self.table.memory_used().total()
    }

    /// Follows half as many keys, in half the room.
    pub(super) fn halve(&mut self) {
        if self.level >= MOST_LEVEL {
            return self.clear();
        }
        self.level += 1;
        let limit = self.limit();
        self.table.retain(|key, _| *key <= limit);
        let entries = self.table.len();
        self.table.set_capacity(self.bytes >> self.level);
        self.evicted += entries - self.table.len();
    }

    fn ghosts(&self) -> usize {
        (items(self.bytes) as f64 * GHOSTS * self.rate()) as usize
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("bytes", &self.bytes)
            .field("level", &self.level)
            .field("entries", &self.table.len())
            .finish_non_exhaustive()
    }
}

/// As L1 configures its table.
fn items(bytes: u64) -> usize {
    let items = usize::try_from(bytes / TYPICAL_BYTES).unwrap_or(usize::MAX);
    items.clamp(64, 1 << 20)
}
