//! What the model knows of stored bytes.

use std::time::Duration;

use fastrand::Rng;
use larder_cache_core::{Bytes, Entry, Freshness, Header, Kind, Lease, Timestamp};

/// Past by any clock, those of tests included.
const LONG_AGO: Timestamp = Timestamp::from_millis(1000);

/// In the year 2096, ahead by any clock.
const FAR_AHEAD: Timestamp = Timestamp::from_millis(4_000_000_000_000);

/// So few bodies that many claims mean the one that is there.
pub(super) const BODIES: u8 = 3;

/// How long values live, and leases last, that end at all: longer than a run.
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Bytes of another program.
    Foreign(Vec<u8>),
    /// An entry.
    Entry(Stored),
}

/// An entry, and whether it has a soft and a hard end; when exactly, only a clock knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// What each byte of its body is; `None`: it is a placeholder.
    pub(super) body: Option<u8>,
    pub(super) soft: Soft,
    /// Whether it has a hard end, which no run sees.
    pub(super) hard: bool,
    /// The token of its lease, which no run sees the end of.
    pub(super) token: Option<u64>,
}

/// A soft end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soft {
    Never,
    Past,
    Ahead,
}

impl Content {
    pub(super) fn random(rng: &mut Rng) -> Self {
        if rng.usize(0..3) == 0 {
            return Self::Foreign((0..rng.usize(0..200)).map(|_| rng.u8(..)).collect());
        }
        Self::Entry(Stored::random(rng))
    }

    /// What stored bytes are, as far as the model knows them.
    pub(super) fn read(stored: &Bytes) -> Self {
        let Ok(entry) = Entry::decode(stored) else {
            return Self::Foreign(stored.to_vec());
        };
        let freshness = entry.header.freshness;
        let is_placeholder = entry.header.kind == Kind::Placeholder;
        Self::Entry(Stored {
            body: (!is_placeholder).then(|| entry.body[0]),
            soft: Soft::of(freshness.soft),
            hard: freshness.hard.is_some(),
            token: freshness.lease.map(|lease| lease.token),
        })
    }

    /// The bytes to store.
    pub(super) fn encode(&self) -> Bytes {
        match self {
            Self::Foreign(bytes) => Bytes::from(bytes.clone()),
            Self::Entry(stored) => stored.encode(),
        }
    }
}

impl Stored {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let softs = [Soft::Never, Soft::Past, Soft::Ahead];
        Self {
            soft: softs[rng.usize(..3)],
            hard: rng.bool(),
            ..Self::value(rng.u8(..BODIES))
        }
    }

    /// A fresh value without end.
    pub(super) const fn value(body: u8) -> Self {
        Self {
            body: Some(body),
            soft: Soft::Never,
            hard: false,
            token: None,
        }
    }

    /// What stands under a key that is leased without a value.
    pub(super) const fn placeholder(token: u64) -> Self {
        Self {
            body: None,
            soft: Soft::Never,
            hard: true,
            token: Some(token),
        }
    }

    pub(super) fn encode(self) -> Bytes {
        let kind = self.body.map_or(Kind::Placeholder, |_| Kind::Value);
        let mut header = Header::new(kind, LONG_AGO);
        let lease = |token| Lease {
            token,
            until: FAR_AHEAD,
        };
        header.freshness = Freshness {
            soft: self.soft.time(),
            hard: self.hard.then_some(FAR_AHEAD),
            lease: self.token.map(lease),
        };
        let body = self.body.map_or_else(Vec::new, |byte| vec![byte; 3]);
        let body = Bytes::from(body);
        Entry { header, body }.encode()
    }
}

impl Soft {
    fn of(time: Option<Timestamp>) -> Self {
        match time {
            None => Self::Never,
            Some(time) if time <= LONG_AGO => Self::Past,
            Some(_) => Self::Ahead,
        }
    }

    const fn time(self) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Past => Some(LONG_AGO),
            Self::Ahead => Some(FAR_AHEAD),
        }
    }
}
