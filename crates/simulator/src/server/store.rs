//! Bytes under keys, with expiry, and a memory of what they were.

use std::collections::{BTreeMap, VecDeque};

use larder_cache_core::{Bytes, Key};

/// For how long changes can be taken back.
const MEMORY_MILLIS: u64 = 1000;

/// What stands under a key.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) value: Bytes,
    /// Until when, in milliseconds of virtual time.
    pub(super) ends: Option<u64>,
}

/// What is stored.
#[derive(Debug, Default)]
pub(super) struct Store {
    // Sorted, so that no order depends on a hash.
    records: BTreeMap<Key, Stored>,
    undo: VecDeque<Undo>,
}

#[derive(Debug)]
struct Undo {
    millis: u64,
    key: Key,
    before: Option<Stored>,
}

impl Store {
    pub(super) fn get(&self, key: &Key, now: u64) -> Option<&Stored> {
        let stored = self.records.get(key)?;
        stored.ends.is_none_or(|ends| ends > now).then_some(stored)
    }

    pub(super) fn put(&mut self, key: &Key, value: Bytes, ends: Option<u64>, now: u64) {
        let before = self.records.insert(key.clone(), Stored { value, ends });
        self.remember(key, before, now);
    }

    pub(super) fn remove(&mut self, key: &Key, now: u64) {
        if let Some(before) = self.records.remove(key) {
            self.remember(key, Some(before), now);
        }
    }

    /// Some key, whatever it holds.
    pub(super) fn some_key(&self, choice: u64) -> Option<Key> {
        let count = self.records.len() as u64;
        let index = usize::try_from(choice.checked_rem(count)?).ok()?;
        self.records.keys().nth(index).cloned()
    }

    pub(super) fn keys_behind(&self, behind: &str, limit: usize, now: u64) -> Vec<String> {
        let all = self.records.iter();
        all.skip_while(|(key, _)| !behind.is_empty() && key.as_str() <= behind)
            .filter(|(_, stored)| stored.ends.is_none_or(|ends| ends > now))
            .map(|(key, _)| key.as_str().to_owned())
            .take(limit)
            .collect()
    }

    /// Takes back what was done from this moment on.
    pub(super) fn roll_back(&mut self, since: u64) {
        while let Some(undo) = self.undo.pop_back_if(|undo| undo.millis >= since) {
            match undo.before {
                Some(before) => drop(self.records.insert(undo.key, before)),
                None => drop(self.records.remove(&undo.key)),
            }
        }
    }

    fn remember(&mut self, key: &Key, before: Option<Stored>, millis: u64) {
        let key = key.clone();
        self.undo.push_back(Undo {
            millis,
            key,
            before,
        });
        let oldest = millis.saturating_sub(MEMORY_MILLIS);
        while self.undo.front().is_some_and(|undo| undo.millis < oldest) {
            self.undo.pop_front();
        }
    }
}
