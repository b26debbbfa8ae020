//! The model: what a backend is, without time.

use std::collections::BTreeMap;

use larder_cache_core::{Condition, Entry};

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Bytes of another program.
    Foreign(Vec<u8>),
    /// An entry, and whether it has a soft and a hard end; which ones, only a clock knows.
    Entry { body: u8, soft: bool, hard: bool },
}

/// A stored value, and whether it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) content: Content,
    pub(super) ends: bool,
}

/// A map from key numbers to values.
#[derive(Debug, Default)]
pub(super) struct Model(BTreeMap<usize, Held>);

impl Content {
    /// What stored bytes are, as far as the model knows them.
    pub(super) fn read(stored: &[u8]) -> Self {
        let bytes = stored.to_vec();
        match Entry::decode(&bytes.clone().into()) {
            Ok(entry) => Self::Entry {
                body: entry.body[0],
                soft: entry.header.freshness.soft.is_some(),
                hard: entry.header.freshness.hard.is_some(),
            },
            Err(_) => Self::Foreign(bytes),
        }
    }
}

impl Model {
    pub(super) fn get(&self, key: usize) -> Option<&Held> {
        self.0.get(&key)
    }

    pub(super) fn keys(&self) -> Vec<usize> {
        self.0.keys().copied().collect()
    }

    pub(super) fn set(&mut self, key: usize, held: &Held, condition: Condition) -> bool {
        let holds = match condition {
            Condition::Always => true,
            Condition::IfAbsent => !self.0.contains_key(&key),
            Condition::IfPresent => self.0.contains_key(&key),
        };
        if holds {
            self.0.insert(key, held.clone());
        }
        holds
    }

    pub(super) fn delete(&mut self, key: usize) -> bool {
        self.0.remove(&key).is_some()
    }

    pub(super) fn expire(&mut self, key: usize, has_soft: bool, has_hard: bool) -> bool {
        let Some(held) = self.0.get_mut(&key) else {
            return false;
        };
        let Content::Entry { soft, hard, .. } = &mut held.content else {
            return false;
        };
        (*soft, *hard, held.ends) = (has_soft, has_hard, has_hard);
        true
    }
}
