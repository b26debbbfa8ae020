//! Random leases and fills, on the model and on the backend.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use fastrand::Rng;
use larder_cache_core::{Claim, EntryId, Fill, FillOutcome, Grant, LeaseRequest, Leased};

use super::content::{BODIES, HOUR, Stored};
use super::step::{KEYS, name};
use super::store::{Held, Model};
use crate::conformance::subject::Subject;

/// So few tokens that many fills hold the right one. In service none is used twice.
const TOKENS: RangeInclusive<u64> = 1..=3;

/// The connection of each key's last grant.
pub(super) type Connections = BTreeMap<usize, u64>;

/// A wish for a lease.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    key: usize,
    token: u64,
    asked: Asked,
}

/// A claim: of an entry by its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Missing,
    Renew(u8),
    Replace(u8),
    Absent(Option<u8>),
    Force,
}

/// What came of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Granted,
    Held,
    Fresh,
}

/// The end of a lease.
#[derive(Clone, Debug)]
pub(super) struct End {
    key: usize,
    token: u64,
    leave: Leave,
}

/// What becomes of a key at the end of a lease.
#[derive(Clone, Debug)]
pub(super) enum Leave {
    Store(Held),
    Remove,
    Release,
    Hold,
}

impl Ask {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let body = rng.u8(..BODIES);
        let all = [
            Asked::Missing,
            Asked::Renew(body),
            Asked::Replace(body),
            Asked::Absent(None),
            Asked::Absent(Some(body)),
            Asked::Force,
        ];
        Self {
            key: rng.usize(..KEYS),
            token: rng.u64(TOKENS),
            asked: all[rng.usize(..all.len())],
        }
    }

    pub(super) fn on_model(&self, model: &mut Model) -> Came {
        model.lease(self.key, self.token, self.asked)
    }

    fn request(&self, subject: &Subject) -> LeaseRequest {
        LeaseRequest {
            key: subject.key(&name(self.key)),
            token: self.token,
            lasts: HOUR,
            claim: self.asked.claim(),
        }
    }
}

impl Asked {
    pub(super) const fn ends_others(self) -> bool {
        matches!(self, Self::Absent(_) | Self::Force)
    }

    /// The body of the entry that is meant.
    pub(super) const fn seen(self) -> Option<u8> {
        match self {
            Self::Renew(body) | Self::Replace(body) => Some(body),
            Self::Absent(body) => body,
            Self::Missing | Self::Force => None,
        }
    }

    fn claim(self) -> Claim {
        let id = |body| EntryId::of(&Stored::value(body).encode());
        match self {
            Self::Missing => Claim::Missing,
            Self::Renew(body) => Claim::Renew(id(body)),
            Self::Replace(body) => Claim::Replace(id(body)),
            Self::Absent(body) => Claim::Absent(body.map(id)),
            Self::Force => Claim::Force,
        }
    }
}

impl End {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let leave = match rng.u8(0..5) {
            0 => Leave::Remove,
            1 => Leave::Release,
            2 => Leave::Hold,
            _ => Leave::Store(Held::random(rng)),
        };
        Self {
            key: rng.usize(..KEYS),
            token: rng.u64(TOKENS),
            leave,
        }
    }

    pub(super) fn on_model(&self, model: &mut Model) -> bool {
        model.fill(self.key, self.token, &self.leave)
    }

    fn fill(&self, subject: &Subject, connections: &Connections) -> Fill {
        let outcome = match &self.leave {
            Leave::Store(held) => {
                FillOutcome::Store(held.content.encode(), held.ends.then_some(HOUR))
            }
            Leave::Remove => FillOutcome::Remove,
            Leave::Release => FillOutcome::Release,
            Leave::Hold => FillOutcome::Hold(HOUR),
        };
        let connection = connections.get(&self.key).copied();
        Fill {
            key: subject.key(&name(self.key)),
            grant: Grant {
                token: self.token,
                connection: connection.unwrap_or_default(),
            },
            outcome,
        }
    }
}

pub(super) async fn lease(
    subject: &Subject,
    asks: &[Ask],
    connections: &mut Connections,
) -> Vec<Came> {
    let requests: Vec<_> = asks.iter().map(|ask| ask.request(subject)).collect();
    let leased = subject.backend().lease(&requests, subject.call()).await;
    let mut came = Vec::new();
    for (ask, leased) in asks.iter().zip(leased.expect("lease")) {
        came.push(match leased {
            Leased::Fresh => Came::Fresh,
            Leased::Held(left) => {
                assert!(!left.is_zero() && left <= HOUR, "{left:?}");
                Came::Held
            }
            Leased::Granted(grant) => {
                assert_eq!(grant.token, ask.token);
                connections.insert(ask.key, grant.connection);
                Came::Granted
            }
        });
    }
    came
}

pub(super) async fn fill(subject: &Subject, ends: &[End], connections: &Connections) -> Vec<bool> {
    let fills: Vec<_> = ends
        .iter()
        .map(|end| end.fill(subject, connections))
        .collect();
    let filled = subject.backend().fill(&fills, subject.call()).await;
    filled.expect("fill")
}
