//! The values and the keys.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How many keys there are.
pub(crate) const KEYS: usize = 10_000;

/// As many different values are written, over and over.
const PROFILES: usize = 256;

/// 11 fields and 25 allocations; 972 bytes of MessagePack, and the names of the fields besides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Profile {
    id: u64,
    name: String,
    email: String,
    city: String,
    language: String,
    bio: String,
    tags: Vec<String>,
    followed: Vec<String>,
    created_at: u64,
    score: f64,
    is_verified: bool,
}

/// Keys and values that all adapters read and write, each under a prefix of its own.
#[derive(Debug)]
pub(crate) struct Profiles {
    keys: Vec<String>,
    values: Vec<Arc<Profile>>,
}

impl Profiles {
    pub(crate) fn new() -> Self {
        Self {
            keys: (0..KEYS).map(|id| format!("profile:{id:05}")).collect(),
            values: (0..PROFILES as u64)
                .map(|id| Arc::new(Profile::new(id)))
                .collect(),
        }
    }

    pub(crate) fn key(&self, index: usize) -> &str {
        &self.keys[index % KEYS]
    }

    /// Keys that follow one another.
    pub(crate) fn keys(&self, first: usize, count: usize) -> impl Iterator<Item = &str> {
        (first..first + count).map(|index| self.key(index))
    }

    pub(crate) fn value(&self, index: usize) -> &Arc<Profile> {
        &self.values[index % PROFILES]
    }
}

impl Profile {
    fn new(id: u64) -> Self {
        let sentence = "Caches things that are slow to make and forgets them in time. ";
        let words = |stem: &str, count: u64| {
            (0..count)
                .map(|n| format!("{stem}-{:04}", (id + n) % 10_000))
                .collect()
        };
        Self {
            id: 1_000_000_000 + id,
            name: format!("Ada Lovelace {id:04}"),
            email: format!("ada.lovelace.{id:04}@example.org"),
            city: "London, United Kingdom".to_owned(),
            language: "en-GB".to_owned(),
            bio: sentence.chars().cycle().take(BIO_BYTES).collect(),
            tags: words("interest", 10),
            followed: words("organisation", 8),
            created_at: 1_700_000_000_000 + id,
            score: 0.75,
            is_verified: true,
        }
    }
}

/// What makes a profile 972 bytes without names.
const BIO_BYTES: usize = 581;
