//! A share of the keys, guarded by one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use larder_cache_core::entry::{MUTABLE_PART, SOFT_AND_HARD_EXPIRY, encode_expiry, encode_lease};
use larder_cache_core::{Condition, Freshness, Moment};

use crate::record::{Record, StoredKey};
use crate::sieve::{Place, Sieve};
use crate::usage::Usage;

/// How many expired records a write removes. It adds one at most, so that two make the
/// expired ones fewer.
const REAPED_PER_WRITE: usize = 2;

/// Records in four orders, each holding exactly what is stored: by hash for reads, by key
/// for scans, by deadline for expiry, by arrival for eviction.
#[derive(Debug)]
pub(crate) struct Shard {
    index: HashMap<StoredKey, Place, RandomState>,
    sorted: BTreeMap<StoredKey, Place>,
    deadlines: BTreeSet<(Moment, Place)>,
    records: Sieve<Record>,
    usage: Arc<Usage>,
}

/// What becomes of what stands under a key.
#[derive(Debug)]
pub(crate) enum Change {
    /// Nothing.
    Keep,
    /// The header says this of the entry's freshness from now on.
    Patch(Freshness),
    /// This takes its place.
    Store(Record),
    /// It goes.
    Remove,
}

impl Shard {
    pub(crate) fn new(usage: Arc<Usage>) -> Self {
        Self {
            index: HashMap::default(),
            sorted: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            records: Sieve::new(),
            usage,
        }
    }

    /// The record under a key, unless it has expired.
    pub(crate) fn peek(&self, key: &str, now: Moment) -> Option<&Record> {
        self.live(key, now).map(|(_, record)| record)
    }

    /// The value under a key, for a reader: it counts as a hit.
    pub(crate) fn read(&self, key: &str, now: Moment) -> Option<Bytes> {
        let (place, record) = self.live(key, now)?;
        self.records.hit(place);
        Some(record.value.clone())
    }

    /// Stores a record, if the condition holds.
    pub(crate) fn set(&mut self, record: Record, condition: Condition, now: Moment) -> bool {
        let held = self.live(record.key.as_str(), now).map(|(place, _)| place);
        match (condition, held) {
            (Condition::IfAbsent, Some(_)) | (Condition::IfPresent, None) => return false,
            (_, Some(place)) => self.replace(place, record),
            (_, None) => {
                // An expired one must not hand on its place or its hits.
                self.remove(record.key.as_str(), now);
                self.insert(record);
            }
        }
        true
    }

    /// Removes what stands under a key, and says whether it was still alive.
    pub(crate) fn remove(&mut self, key: &str, now: Moment) -> bool {
        let place = self.index.get(key).copied();
        let removed = place.and_then(|place| self.remove_at(place));
        removed.is_some_and(|record| !record.is_expired(now))
    }

    /// Changes what stands under a key.
    pub(crate) fn apply(&mut self, key: &str, change: Change, now: Moment) {
        match change {
            Change::Keep => {}
            Change::Patch(freshness) => self.patch(key, freshness, now),
            Change::Store(record) => {
                self.set(record, Condition::Always, now);
            }
            Change::Remove => {
                self.remove(key, now);
            }
        }
    }

    /// Moves the expiry of an entry, in its header and here; `false` where there is none.
    pub(crate) fn expire(
        &mut self,
        key: &str,
        soft_and_hard: [u8; 16],
        deadline: Moment,
        now: Moment,
    ) -> bool {
        let held = self.live(key, now).map(|(place, _)| place);
        let Some((place, record)) = held.and_then(|at| Some((at, self.records.get_mut(at)?)))
        else {
            return false;
        };
        if !record.patch_header(SOFT_AND_HARD_EXPIRY, &soft_and_hard) {
            return false;
        }
        let before = std::mem::replace(&mut record.deadline, deadline);
        self.move_deadline(place, before, deadline);
        true
    }

    /// Removes some of the records that have expired.
    pub(crate) fn reap(&mut self, now: Moment) {
        for _ in 0..REAPED_PER_WRITE {
            if !self.reap_one(now) {
                return;
            }
        }
    }

    /// Removes a record that has expired, if there is one.
    pub(crate) fn reap_one(&mut self, now: Moment) -> bool {
        let expired = self.deadlines.first().filter(|(at, _)| *at <= now);
        expired
            .copied()
            .is_some_and(|(_, place)| self.remove_at(place).is_some())
    }

    /// Removes the record that eviction comes to, if it comes to one in a few steps, but
    /// not the one under the spared key.
    pub(crate) fn evict(&mut self, spared: &str) -> bool {
        let found = self.records.search(|r| r.key.as_str() == spared);
        self.evict_at(found)
    }

    /// Removes some record, if there is any but the one under the spared key.
    pub(crate) fn evict_any(&mut self, spared: &str) -> bool {
        let found = self.records.search_all(|r| r.key.as_str() == spared);
        self.evict_at(found)
    }

    /// The next keys in order behind one, of those that begin so, expired or not.
    pub(crate) fn keys_behind(
        &self,
        behind: &str,
        start: &str,
        limit: usize,
    ) -> Vec<(StoredKey, Moment)> {
        let from = if behind < start {
            Bound::Included(start)
        } else {
            Bound::Excluded(behind)
        };
        self.sorted
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.as_str().starts_with(start))
            .filter_map(|(key, place)| Some((key.clone(), self.records.get(*place)?.deadline)))
            .take(limit)
            .collect()
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        let counted = self
            .records
            .iter()
            .map(|(_, record)| record.counted_bytes());
        self.usage.release(counted.sum());
        *self = Self::new(Arc::clone(&self.usage));
    }

    fn live(&self, key: &str, now: Moment) -> Option<(Place, &Record)> {
        let place = *self.index.get(key)?;
        let record = self.records.get(place)?;
        (!record.is_expired(now)).then_some((place, record))
    }

    fn patch(&mut self, key: &str, freshness: Freshness, now: Moment) {
        let place = self.live(key, now).map(|(place, _)| place);
        if let Some(record) = place.and_then(|place| self.records.get_mut(place)) {
            let expiry = encode_expiry(freshness.soft, freshness.hard);
            let mutable_part = [expiry, encode_lease(freshness.lease)].concat();
            record.patch_header(MUTABLE_PART, &mutable_part);
        }
    }

    fn insert(&mut self, record: Record) {
        self.usage.take(record.counted_bytes());
        let (key, deadline) = (record.key.clone(), record.deadline);
        let place = self.records.push(record);
        self.index.insert(key.clone(), place);
        self.sorted.insert(key, place);
        self.move_deadline(place, Moment::FAR_FUTURE, deadline);
    }

    /// Puts a record in the place of another under the same key. That is no hit: a cache
    /// that stores a placeholder, then the value, has not read it yet.
    fn replace(&mut self, place: Place, record: Record) {
        if let Some(held) = self.records.get_mut(place) {
            self.usage.take(record.counted_bytes());
            self.usage.release(held.counted_bytes());
            let (before, deadline) = (held.deadline, record.deadline);
            *held = record;
            self.move_deadline(place, before, deadline);
        }
    }

    fn remove_at(&mut self, place: Place) -> Option<Record> {
        let record = self.records.remove(place)?;
        self.usage.release(record.counted_bytes());
        self.index.remove(record.key.as_str());
        self.sorted.remove(record.key.as_str());
        self.deadlines.remove(&(record.deadline, place));
        if self.records.is_sparse() {
            self.compact();
        }
        Some(record)
    }

    fn evict_at(&mut self, found: Option<Place>) -> bool {
        let evicted = found.is_some_and(|place| self.remove_at(place).is_some());
        if evicted {
            self.usage.count_eviction();
        }
        evicted
    }

    fn move_deadline(&mut self, place: Place, from: Moment, to: Moment) {
        if from == to {
            return;
        }
        if from != Moment::FAR_FUTURE {
            self.deadlines.remove(&(from, place));
        }
        if to != Moment::FAR_FUTURE {
            self.deadlines.insert((to, place));
        }
    }

    /// Gives back the tables' free places, and moves every record to a new one.
    fn compact(&mut self) {
        self.records.compact();
        self.index = HashMap::with_capacity_and_hasher(self.records.len(), RandomState::default());
        self.deadlines.clear();
        for (place, record) in self.records.iter() {
            self.index.insert(record.key.clone(), place);
            if record.deadline != Moment::FAR_FUTURE {
                self.deadlines.insert((record.deadline, place));
            }
        }
        for (key, place) in &mut self.sorted {
            if let Some(moved) = self.index.get(key) {
                *place = *moved;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use larder_cache_core::KeyPrefix;

    use super::*;

    fn record(number: usize, ttl: Option<Duration>, now: Moment) -> Record {
        let name = number.to_string();
        let key = KeyPrefix::new("t").unwrap().value("n", &name).unwrap();
        Record::new(&key, b"x", ttl, now)
    }

    /// Every order holds the same records.
    fn check(shard: &Shard, expected: usize) {
        let timed = shard.records.iter();
        let timed = timed.filter(|(_, record)| record.deadline != Moment::FAR_FUTURE);
        assert_eq!(shard.deadlines.len(), timed.count());
        assert_eq!(shard.records.len(), expected);
        assert_eq!(shard.index.len(), expected);
        assert_eq!(shard.sorted.len(), expected);
        for (place, record) in shard.records.iter() {
            assert_eq!(shard.index.get(&record.key), Some(&place));
            assert_eq!(shard.sorted.get(&record.key), Some(&place));
        }
    }

    #[test]
    fn churn_leaves_nothing_behind() {
        let usage = Arc::new(Usage::new(u64::MAX));
        let mut shard = Shard::new(Arc::clone(&usage));
        let start = Moment::from_origin(Duration::from_secs(1));
        for number in 0..20_000 {
            let now = start.after(Duration::from_millis(number as u64));
            let ttl = (number % 3 == 0).then_some(Duration::from_millis(50));
            shard.reap(now);
            shard.set(record(number, ttl, now), Condition::Always, now);
            shard.set(record(number, ttl, now), Condition::Always, now);
            match number % 3 {
                0 => {}
                1 => assert!(shard.evict("")),
                _ => assert!(shard.remove(&format!("t:n:{number}"), now)),
            }
            assert!(shard.records.len() <= 60, "{}", shard.records.len());
        }
        check(&shard, shard.records.len());
        assert!(shard.index.capacity() < 256, "{}", shard.index.capacity());
        shard.clear();
        assert_eq!(usage.used_bytes(), 0);
    }

    #[test]
    fn tables_shrink_with_what_they_hold() {
        let mut shard = Shard::new(Arc::new(Usage::new(u64::MAX)));
        let now = Moment::from_origin(Duration::ZERO);
        for number in 0..10_000 {
            let ttl = (number % 2 == 0).then_some(Duration::from_secs(number as u64 + 1));
            shard.set(record(number, ttl, now), Condition::Always, now);
        }
        check(&shard, 10_000);
        for number in 0..9_900 {
            assert!(shard.remove(&format!("t:n:{number}"), now));
        }
        check(&shard, 100);
        assert!(shard.index.capacity() < 1000, "{}", shard.index.capacity());
        for number in 9_900..10_000 {
            assert!(shard.read(&format!("t:n:{number}"), now).is_some());
        }
    }
}
