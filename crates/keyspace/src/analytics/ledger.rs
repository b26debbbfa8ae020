//! Followed keys and how often each was read, counted without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::key_hash::KeyHash;

const WAYS: usize = 8;

/// The lower bits of a slot count, the upper ones are of the key's hash. They are apart from
/// the bits that choose the bucket and from the top ones that choose the panel.
const COUNT_BITS: u32 = 40;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

/// A place in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot(pub(crate) u32);

/// A fixed table of followed keys, 8 to a bucket, with a counter and a time for each.
///
/// A key is known by its bucket and 24 more bits of its hash: of two million keys that are
/// not followed, one is taken for a followed one.
///
/// # Concurrency
/// Counting takes no lock. Who changes which keys are followed holds the lock of the
/// namespace. A count that races with such a change is taken back and goes where it belongs.
#[derive(Debug)]
pub(crate) struct Ledger {
    buckets: Box<[Bucket]>,
    guides: Box<[Guide]>,
}

/// The tags and counts of a bucket: they alone say which keys are followed.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket([AtomicU64; WAYS]);

/// Where in a bucket to look first, and when its keys were last read.
#[derive(Debug, Default)]
struct Guide {
    /// One byte of each tag, that of the first way in the lowest.
    bytes: AtomicU64,
    ticks: [AtomicU32; WAYS],
}

/// A one in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

impl Ledger {
    /// How many keys share a bucket: one cache line of counters.
    pub(crate) const WAYS: usize = WAYS;

    /// The bytes a slot takes.
    pub(crate) const SLOT_BYTES: usize = (size_of::<Bucket>() + size_of::<Guide>()) / WAYS;

    /// Room for so many keys, a power of two.
    pub(crate) fn new(slots: usize) -> Self {
        let buckets = (slots / WAYS).max(1).next_power_of_two();
        Self {
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
            guides: (0..buckets).map(|_| Guide::default()).collect(),
        }
    }

    /// Counts so many reads of a followed key and says how many there are now; `None`: the key
    /// is not followed.
    #[inline]
    pub(crate) fn count(&self, hash: KeyHash, reads: u64, now: u32) -> Option<u64> {
        let (bucket, tag) = (self.bucket(hash), tag(hash));
        let guide = &self.guides[bucket];
        let way = find(&self.buckets[bucket], guide, tag)?;
        let stamp = &guide.ticks[way];
        if stamp.load(Ordering::Relaxed) != now {
            stamp.store(now, Ordering::Relaxed);
        }
        let cell = &self.buckets[bucket].0[way];
        let before = cell.fetch_add(reads, Ordering::Relaxed);
        if before >> COUNT_BITS == tag {
            return Some((before & COUNT) + reads);
        }
        take_back(cell, reads);
        None
    }

    /// Where a key is followed.
    pub(crate) fn find(&self, hash: KeyHash) -> Option<Slot> {
        let bucket = self.bucket(hash);
        let way = find(&self.buckets[bucket], &self.guides[bucket], tag(hash))?;
        Some(slot(bucket, way))
    }

    /// The slots that a key may be followed in.
    pub(crate) fn candidates(&self, hash: KeyHash) -> impl Iterator<Item = Slot> + use<> {
        let bucket = self.bucket(hash);
        (0..WAYS).map(move |way| slot(bucket, way))
    }

    /// Whether a slot follows a key.
    pub(crate) fn is_taken(&self, slot: Slot) -> bool {
        self.cell(slot).load(Ordering::Relaxed) != 0
    }

    /// The count of a slot.
    pub(crate) fn counted(&self, slot: Slot) -> u64 {
        self.cell(slot).load(Ordering::Relaxed) & COUNT
    }

    /// When the key of a slot was last read.
    pub(crate) fn last_tick(&self, slot: Slot) -> u32 {
        self.guides[slot.bucket()].ticks[slot.way()].load(Ordering::Relaxed)
    }

    /// Lets a slot follow another key, and says what the count of the one before was.
    pub(crate) fn replace(&self, slot: Slot, hash: KeyHash, count: u64, tick: u32) -> u64 {
        self.stamp(slot, tick);
        let shift = 8 * slot.way();
        let bytes = &self.guides[slot.bucket()].bytes;
        let others = bytes.load(Ordering::Relaxed) & !(0xff << shift);
        bytes.store(others | (tag(hash) & 0xff) << shift, Ordering::Relaxed);
        let next = tag(hash) << COUNT_BITS | count.min(COUNT);
        self.cell(slot).swap(next, Ordering::Relaxed) & COUNT
    }

    /// Says when the key of a slot was read.
    pub(crate) fn stamp(&self, slot: Slot, tick: u32) {
        self.guides[slot.bucket()].ticks[slot.way()].store(tick, Ordering::Relaxed);
    }

    /// Takes a number off a count.
    pub(crate) fn reduce(&self, slot: Slot, by: u64) {
        self.cell(slot).fetch_sub(by, Ordering::Relaxed);
    }

    fn bucket(&self, hash: KeyHash) -> usize {
        hash.0 as usize & (self.buckets.len() - 1)
    }

    fn cell(&self, slot: Slot) -> &AtomicU64 {
        &self.buckets[slot.bucket()].0[slot.way()]
    }
}

impl Slot {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    fn bucket(self) -> usize {
        self.index() / WAYS
    }

    fn way(self) -> usize {
        self.index() % WAYS
    }
}

fn slot(bucket: usize, way: usize) -> Slot {
    Slot(u32::try_from(bucket * WAYS + way).unwrap_or(u32::MAX))
}

/// Never zero: that is an empty slot.
#[inline]
fn tag(hash: KeyHash) -> u64 {
    (hash.0 >> 20 & 0xff_ffff).max(1)
}

/// Takes a count back from the key that took the place; there is nothing to be taken of one that
/// another thread's count has not reached.
#[cold]
fn take_back(cell: &AtomicU64, reads: u64) {
    let less = |cell: u64| (cell & COUNT >= reads).then(|| cell - reads);
    let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}

/// Looks at the ways whose byte is that of the tag: at all eight bytes at once, as
/// `SwissTable` does, by the trick that finds a zero byte in a word (Mycroft 1987). It may point
/// to a way too many, never to one too few.
#[inline]
fn find(bucket: &Bucket, guide: &Guide, tag: u64) -> Option<usize> {
    let differing = guide.bytes.load(Ordering::Relaxed) ^ ((tag & 0xff) * ONES);
    let mut equal = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
    while equal != 0 {
        let way = equal.trailing_zeros() as usize / 8;
        if bucket.0[way].load(Ordering::Relaxed) >> COUNT_BITS == tag {
            return Some(way);
        }
        equal &= equal - 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bucket: u64, tag: u64) -> KeyHash {
        KeyHash(tag << 20 | bucket)
    }

    #[test]
    fn counts_what_it_follows_and_nothing_else() {
        let ledger = Ledger::new(64);
        assert_eq!(ledger.count(key(1, 7), 1, 5), None);
        let slot = ledger.candidates(key(1, 7)).next().unwrap();
        assert_eq!(ledger.replace(slot, key(1, 7), 10, 5), 0);
        assert_eq!(ledger.count(key(1, 7), 1, 6), Some(11));
        assert_eq!(ledger.count(key(1, 8), 1, 6), None);
        assert_eq!(ledger.count(key(2, 7), 1, 6), None);
        assert_eq!((ledger.counted(slot), ledger.last_tick(slot)), (11, 6));
        assert_eq!(ledger.replace(slot, key(1, 8), 3, 9), 11);
        assert_eq!(ledger.find(key(1, 7)), None);
        assert_eq!(ledger.find(key(1, 8)), Some(slot));
    }

    #[test]
    fn a_key_whose_tag_is_zero_is_followed_too() {
        let ledger = Ledger::new(8);
        let zero = KeyHash(0);
        assert_eq!(ledger.find(zero), None);
        let slot = ledger.candidates(zero).next().unwrap();
        ledger.replace(slot, zero, 0, 0);
        assert!(ledger.is_taken(slot));
        assert_eq!(ledger.count(zero, 1, 0), Some(1));
    }
}
