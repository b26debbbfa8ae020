//! The model: what a backend is, without time.

use std::collections::BTreeMap;

use fastrand::Rng;
use larder_cache_core::Condition;

use super::content::{Content, Soft, Stored};
use super::fenced::{Asked, Came, Leave};

/// A stored value, and whether it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) content: Content,
    pub(super) ends: bool,
}

/// A map from key numbers to values.
#[derive(Debug, Default)]
pub(super) struct Model(BTreeMap<usize, Held>);

impl Held {
    pub(super) fn random(rng: &mut Rng) -> Self {
        Self {
            content: Content::random(rng),
            ends: rng.bool(),
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
        let Content::Entry(stored) = &mut held.content else {
            return false;
        };
        stored.soft = if has_soft { Soft::Ahead } else { Soft::Never };
        stored.hard = has_hard;
        held.ends = has_hard;
        true
    }

    pub(super) fn lease(&mut self, key: usize, token: u64, asked: Asked) -> Came {
        let Some(stored) = self.entry(key).filter(|stored| stored.body.is_some()) else {
            let is_held = self.entry(key).is_some() && !asked.ends_others();
            return if is_held {
                Came::Held
            } else {
                self.place(key, token)
            };
        };
        let is_seen = asked.seen().is_some_and(|seen| stored.body == Some(seen));
        let stays = matches!(asked, Asked::Renew(_) | Asked::Force);
        let is_fresh = stored.soft != Soft::Past && !is_seen;
        if is_fresh && asked != Asked::Force {
            return Came::Fresh;
        }
        if stored.token.is_some() && !asked.ends_others() {
            return Came::Held;
        }
        if is_seen && !stays {
            return self.place(key, token);
        }
        stored.token = Some(token);
        Came::Granted
    }

    pub(super) fn fill(&mut self, key: usize, token: u64, leave: &Leave) -> bool {
        let Some(stored) = self.entry(key).filter(|stored| stored.token == Some(token)) else {
            return false;
        };
        match leave {
            Leave::Store(held) => {
                self.0.insert(key, held.clone());
            }
            Leave::Release if stored.body.is_some() => stored.token = None,
            Leave::Hold if stored.body.is_some() => stored.token = Some(!token),
            Leave::Remove | Leave::Release | Leave::Hold => {
                self.0.remove(&key);
            }
        }
        true
    }

    pub(super) fn mark_stale(&mut self, key: usize) -> bool {
        let Some(stored) = self.entry(key) else {
            return false;
        };
        if stored.body.is_none() {
            self.0.remove(&key);
            return false;
        }
        (stored.soft, stored.token) = (Soft::Past, None);
        true
    }

    fn place(&mut self, key: usize, token: u64) -> Came {
        let held = Held {
            content: Content::Entry(Stored::placeholder(token)),
            ends: true,
        };
        self.0.insert(key, held);
        Came::Granted
    }

    fn entry(&mut self, key: usize) -> Option<&mut Stored> {
        match &mut self.0.get_mut(&key)?.content {
            Content::Entry(stored) => Some(stored),
            Content::Foreign(_) => None,
        }
    }
}
