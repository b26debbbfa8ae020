//! All shards together: what the backend does, without its promises about time and errors.

use std::array;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use foldhash::fast::RandomState;
use larder_cache_core::{Cursor, Expiry, Glob, Head, Key, Moment, Result, ScanPage, Write};

use crate::cursor::{ScanPlace, literal_start};
use crate::record::{Record, StoredKey};
use crate::shard::{Change, Shard};
use crate::usage::Usage;

/// Enough that two of a few dozen threads seldom meet in one.
const SHARDS: usize = 64;

/// How many keys one page of a scan looks at.
const KEYS_PER_PAGE: usize = 1024;

/// The shards, under one byte budget.
#[derive(Debug)]
pub(crate) struct Store {
    shards: [RwLock<Shard>; SHARDS],
    hasher: RandomState,
    usage: Arc<Usage>,
    /// The shard whose turn it is to evict.
    turn: AtomicUsize,
}

impl Store {
    pub(crate) fn new(max_bytes: u64) -> Self {
        let usage = Arc::new(Usage::new(max_bytes));
        Self {
            shards: array::from_fn(|_| RwLock::new(Shard::new(Arc::clone(&usage)))),
            hasher: RandomState::default(),
            usage,
            turn: AtomicUsize::new(0),
        }
    }

    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    pub(crate) fn get(&self, key: &Key, now: Moment) -> Option<Bytes> {
        self.shard_of(key).read(key.as_str(), now)
    }

    pub(crate) fn head(&self, key: &Key, bytes: usize, now: Moment) -> Option<Head> {
        let shard = self.shard_of(key);
        let record = shard.peek(key.as_str(), now)?;
        let total_bytes = record.value.len();
        Some(Head {
            // A copy, so that a head does not keep the whole value in memory.
            bytes: Bytes::copy_from_slice(&record.value[..bytes.min(total_bytes)]),
            total_bytes,
            expiry: record.expiry(now),
        })
    }

    pub(crate) fn exists(&self, key: &Key, now: Moment) -> bool {
        self.shard_of(key).peek(key.as_str(), now).is_some()
    }

    pub(crate) fn ttl(&self, key: &Key, now: Moment) -> Option<Expiry> {
        let shard = self.shard_of(key);
        Some(shard.peek(key.as_str(), now)?.expiry(now))
    }

    /// Stores a value where its condition holds, then makes room. The bytes in use exceed
    /// the budget by no more than the writes in progress, whose values are in memory anyway.
    pub(crate) fn set(&self, write: &Write, now: Moment) -> bool {
        let record = Record::new(&write.key, &write.value, write.ttl, now);
        let stored = {
            let mut shard = self.write(self.number_of(&write.key));
            shard.reap(now);
            shard.set(record, write.condition, now)
        };
        if stored {
            self.make_room(&write.key, now);
        }
        stored
    }

    pub(crate) fn delete(&self, key: &Key, now: Moment) -> bool {
        self.write(self.number_of(key)).remove(key.as_str(), now)
    }

    /// Moves the expiry of an entry, in its header and in the store.
    pub(crate) fn expire(
        &self,
        key: &Key,
        soft_and_hard: [u8; 16],
        deadline: Moment,
        now: Moment,
    ) -> bool {
        let mut shard = self.write(self.number_of(key));
        shard.expire(key.as_str(), soft_and_hard, deadline, now)
    }

    /// Looks at what stands under a key and changes it, in one step, then makes room.
    pub(crate) fn change<T>(
        &self,
        key: &Key,
        now: Moment,
        judge: impl FnOnce(Option<&[u8]>) -> (Change, T),
    ) -> T {
        let answer = {
            let mut shard = self.write(self.number_of(key));
            shard.reap(now);
            let stored = shard.peek(key.as_str(), now);
            let (change, answer) = judge(stored.map(|record| &record.value[..]));
            shard.apply(key.as_str(), change, now);
            answer
        };
        self.make_room(key, now);
        answer
    }

    /// Reads a page of a scan. Keys are matched outside of the locks: a pattern can be slow.
    pub(crate) fn page(
        &self,
        cursor: &Cursor,
        pattern: &Glob,
        limit: usize,
        now: Moment,
    ) -> Result<ScanPage> {
        let mut place = ScanPlace::read(cursor, SHARDS)?;
        let start = literal_start(pattern);
        let (limit, mut looked_at, mut keys) = (limit.max(1), 0, Vec::new());
        while place.shard < SHARDS && keys.len() < limit && looked_at < KEYS_PER_PAGE {
            let most = (limit - keys.len()).min(KEYS_PER_PAGE - looked_at);
            let found = self
                .read(place.shard)
                .keys_behind(&place.behind, &start, most);
            looked_at += found.len();
            place = after(place.shard, &found, most);
            keys.extend(matching(found, pattern, now));
        }
        let next = (place.shard < SHARDS).then(|| place.write());
        Ok(ScanPage { keys, next })
    }

    pub(crate) fn clear(&self) {
        for number in 0..SHARDS {
            self.write(number).clear();
        }
    }

    /// Evicts until the bytes in use are within the budget, but not what was just stored.
    fn make_room(&self, stored: &Key, now: Moment) {
        while self.usage.is_over() {
            if !self.evict_one(stored.as_str(), now) {
                return;
            }
        }
    }

    /// Evicts from one shard after the other: their hands together are one hand that goes
    /// around all records. The first lap may only take hits away; and readers may give them
    /// back as fast, so that after the second lap it takes what it finds.
    fn evict_one(&self, spared: &str, now: Moment) -> bool {
        for _ in 0..2 * SHARDS {
            let number = self.turn.fetch_add(1, Ordering::Relaxed) % SHARDS;
            let mut shard = self.write(number);
            if shard.reap_one(now) || shard.evict(spared) {
                return true;
            }
        }
        (0..SHARDS).any(|number| self.write(number).evict_any(spared))
    }

    fn shard_of(&self, key: &Key) -> RwLockReadGuard<'_, Shard> {
        self.read(self.number_of(key))
    }

    fn number_of(&self, key: &Key) -> usize {
        // The remainder fits any integer.
        (self.hasher.hash_one(key) % SHARDS as u64) as usize
    }

    fn read(&self, number: usize) -> RwLockReadGuard<'_, Shard> {
        // Nothing panics under the lock but the allocator, which ends the process.
        self.shards[number]
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, number: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[number]
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a scan goes on when it found these keys of a shard and asked for `most`.
fn after(shard: usize, found: &[(StoredKey, Moment)], most: usize) -> ScanPlace {
    match found.last() {
        Some((key, _)) if found.len() == most => ScanPlace {
            shard,
            behind: key.as_str().to_owned(),
        },
        _ => ScanPlace::start_of(shard + 1),
    }
}

fn matching(
    found: Vec<(StoredKey, Moment)>,
    pattern: &Glob,
    now: Moment,
) -> impl Iterator<Item = String> {
    found
        .into_iter()
        .filter(move |(key, deadline)| *deadline > now && pattern.matches(key.as_str()))
        .map(|(key, _)| key.as_str().to_owned())
}
