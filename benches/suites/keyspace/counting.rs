//! The obvious alternative: a hash map with a counter for each key, for ever.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use larder_cache_core::{Event, Observer};

const SHARDS: usize = 64;

/// One map behind one lock.
#[derive(Debug, Default)]
pub(crate) struct OneMap(Mutex<HashMap<String, u64>>);

/// Many maps, each behind a lock of its own.
#[derive(Debug)]
pub(crate) struct ManyMaps {
    shards: Vec<Mutex<HashMap<String, u64>>>,
    hasher: RandomState,
}

impl Default for ManyMaps {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Observer for OneMap {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Hit { key, .. } = event {
            count(&self.0, key);
        }
    }
}

impl Observer for ManyMaps {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Hit { key, .. } = event {
            let shard = self.hasher.hash_one(key) as usize % SHARDS;
            count(&self.shards[shard], key);
        }
    }
}

/// An observer that does nothing: what telling one costs.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Observer for Nothing {
    fn observe(&self, _: &Event<'_>) {}
}

fn count(map: &Mutex<HashMap<String, u64>>, key: &str) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    match map.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            map.insert(key.to_owned(), 1);
        }
    }
}
