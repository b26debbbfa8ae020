//! What happened on the server, as far as the checker needs it.

use std::collections::{BTreeMap, BTreeSet};

use larder_cache_core::{Bytes, Entry, Key};

use super::ban::{Ban, Effect, Place};
use crate::database::{Id, row_in};
use crate::timeline::Stamp;

/// A change of what stands under a key of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MutationKind {
    /// A plain write.
    Store,
    /// The end of a lease.
    Fill,
    Delete,
    MarkStale,
    Renew,
    Eviction,
    /// A placeholder took the place of what was there.
    Place,
    /// Only the lease changed.
    Lease,
    /// Only the expiry changed.
    Expire,
}

/// What happened on the server.
#[derive(Debug, Default)]
pub(super) struct History {
    mutations: Vec<Mutation>,
    is_undone: bool,
    /// Versions that a process writes without regard to loads: the last writer wins.
    plain: BTreeSet<(u32, Id)>,
    /// When such a version was stored last.
    stored: BTreeMap<Id, Stamp>,
    /// Moved expiries: of which key, when it was asked for at the earliest, when it happened.
    moved: Vec<(Key, Stamp, Stamp)>,
    moving: Vec<(u32, Key, Stamp)>,
}

#[derive(Debug)]
struct Mutation {
    process: u32,
    key: Key,
    at: Stamp,
    /// When a failover took it back.
    undone: Option<Stamp>,
}

/// The time in which a change was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) from: Stamp,
    /// When something made up for it; `None`: nothing yet.
    pub(super) until: Option<Stamp>,
}

impl History {
    pub(super) fn mutated(
        &mut self,
        process: u32,
        key: &Key,
        kind: MutationKind,
        value: Option<&Bytes>,
        at: Stamp,
    ) {
        match kind {
            MutationKind::Lease => return,
            MutationKind::Expire => {
                let asked = self
                    .moving
                    .iter()
                    .filter(|(of, on, _)| *of == process && on == key);
                let earliest = asked.map(|(.., begun)| *begun).min();
                self.moved.push((key.clone(), earliest.unwrap_or(at), at));
                return;
            }
            MutationKind::Store | MutationKind::Fill => {
                let entry = value.and_then(|value| Entry::decode(value).ok());
                let id = entry.and_then(|entry| row_in(&entry.body));
                if let Some(id) = id.filter(|id| self.plain.contains(&(process, *id))) {
                    self.stored.insert(id, at);
                }
            }
            _ => {}
        }
        self.mutations.push(Mutation {
            process,
            key: key.clone(),
            at,
            undone: None,
        });
    }

    pub(super) fn failed_over(&mut self, since: u64, now: Stamp) {
        self.is_undone = true;
        let recent = self.mutations.iter_mut().rev();
        for mutation in recent.take_while(|mutation| mutation.at.millis >= since) {
            mutation.undone.get_or_insert(now);
        }
    }

    /// A process is about to write a version, whatever else is going on.
    pub(super) fn writes_plainly(&mut self, process: u32, id: Id) {
        self.plain.insert((process, id));
    }

    /// A process is about to move the expiry of a key.
    pub(super) fn moves_expiry(&mut self, process: u32, key: Key, begun: Stamp) {
        self.moving.push((process, key, begun));
    }

    /// Whether a later writer, who was not asked to keep an order, has the last word.
    pub(super) fn is_lifted(&self, ban: &Ban, id: Id) -> bool {
        if self.stored.get(&id).is_some_and(|at| *at >= ban.begun) {
            return true;
        }
        let moved = |(key, asked, at): &(Key, Stamp, Stamp)| {
            ban.keys.contains(key) && *at >= ban.begun && *asked <= ban.answered
        };
        ban.effect == Effect::Stale && ban.place == Place::Value && self.moved.iter().any(moved)
    }

    /// When a failover had taken the change back.
    pub(super) fn loss(&self, ban: &Ban) -> Option<Loss> {
        if !self.is_undone {
            return None;
        }
        let made = |mutation: &&Mutation| {
            mutation.process == ban.process
                && ban.keys.contains(&mutation.key)
                && (ban.begun..=ban.answered).contains(&mutation.at)
        };
        let mut loss: Option<Loss> = None;
        for mutation in self.mutations.iter().filter(made) {
            let Some(from) = mutation.undone else {
                continue;
            };
            let until = self.made_up(&mutation.key, from);
            loss = Some(match loss {
                None => Loss { from, until },
                Some(other) => Loss {
                    from: other.from.min(from),
                    until: other.until.zip(until).map(|(a, b)| a.max(b)),
                },
            });
        }
        loss
    }

    /// When something replaced or removed what the failover had brought back.
    fn made_up(&self, key: &Key, since: Stamp) -> Option<Stamp> {
        let mut after = self.mutations.iter().filter(|mutation| mutation.at > since);
        after
            .find(|mutation| mutation.key == *key && mutation.undone.is_none())
            .map(|mutation| mutation.at)
    }
}
