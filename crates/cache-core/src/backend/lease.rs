//! Leases: the right of one loader to store its result.

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::entry::{EntryId, Header, Kind};
use crate::key::Key;

/// A wish for the lease of a key.
#[derive(Clone, Debug)]
pub struct LeaseRequest {
    /// Of which key.
    pub key: Key,
    /// Random, never used before, not zero.
    pub token: u64,
    /// For how long nobody else gets it.
    pub lasts: Duration,
    /// Where it is asked for.
    pub claim: Claim,
}

/// What may stand under a key that a lease is granted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// No fresh value. A stale one stays until the fill.
    Missing,
    /// No fresh value but this one, which stays until the fill: it is to be renewed before
    /// its time, or stale for a reason that the store does not know.
    Renew(EntryId),
    /// No fresh value but this one, which is of no use and goes at once.
    Replace(EntryId),
    /// No fresh value but this one, which goes, as a stale one does not; other leases end.
    Absent(Option<EntryId>),
    /// Anything. A value stays until the fill; other leases end.
    Force,
}

/// The answer to a [`LeaseRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// The caller may load and fill.
    Granted(Grant),
    /// Somebody else is loading, and holds the lease for so long yet.
    Held(Duration),
    /// There is a fresh value.
    Fresh,
}

/// A lease that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The token that stands in the header.
    pub token: u64,
    /// The connection that granted it: it counts on no other, which may lead to a server
    /// that has forgotten changes since, but for being given back. Of no meaning to anybody but
    /// the backend.
    pub connection: u64,
}

impl Grant {
    /// A lease that was asked for and may have been granted: it can be given back.
    #[must_use]
    pub const fn unheard_of(token: u64) -> Self {
        Self {
            token,
            connection: 0,
        }
    }
}

/// The end of a lease.
#[derive(Clone, Debug)]
pub struct Fill {
    /// Of which key.
    pub key: Key,
    /// The lease.
    pub grant: Grant,
    /// What became of the load.
    pub outcome: FillOutcome,
}

/// What becomes of a key at the end of a lease.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FillOutcome {
    /// The value is stored, for so long; `None`: until deleted or evicted.
    Store(Bytes, Option<Duration>),
    /// What stands there is removed.
    Remove,
    /// The lease is given back: a stale value stays as it is, a placeholder goes.
    Release,
    /// A stale value stays, and nobody gets the lease for so long, under the complement of the
    /// token, so that this one can't fill any more; a placeholder goes.
    Hold(Duration),
}

/// What a lease does to what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing: there is a fresh value.
    Fresh,
    /// Nothing: somebody else holds the lease for so long yet.
    Held(Duration),
    /// The token is written into the header.
    Plant,
    /// A placeholder with the token takes the place of whatever is there.
    Place,
}

impl Claim {
    /// Judges what is stored, by the server's time: the one definition of what every
    /// backend does.
    #[must_use]
    pub fn judge(self, stored: Option<&[u8]>, now: Timestamp) -> Judgement {
        let header =
            stored.and_then(|stored| Some((stored, Header::read(stored, stored.len()).ok()?)));
        let Some((stored, header)) = header else {
            return Judgement::Place;
        };
        let freshness = header.freshness;
        let seen = |id| EntryId::of(stored) == id;
        let (useless, renewed) = match self {
            Self::Replace(id) | Self::Absent(Some(id)) => (seen(id), false),
            Self::Renew(id) => (false, seen(id)),
            _ => (false, false),
        };
        let over_others = matches!(self, Self::Absent(_) | Self::Force);
        let has_value = header.kind != Kind::Placeholder && !useless && !freshness.is_gone(now);
        let is_fresh = has_value && !freshness.is_stale(now);
        if is_fresh && !renewed && self != Self::Force {
            return Judgement::Fresh;
        }
        let live = freshness.lease.filter(|lease| lease.until > now);
        if let Some(lease) = live.filter(|_| !over_others && !freshness.is_gone(now)) {
            return Judgement::Held(lease.until.since(now));
        }
        if has_value {
            Judgement::Plant
        } else {
            Judgement::Place
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Judgement::{Fresh, Place, Plant};
    use super::*;
    use crate::entry::{Entry, Lease};

    const NOW: Timestamp = Timestamp::from_millis(10_000);
    const PAST: Option<Timestamp> = Some(NOW);
    const AHEAD: Option<Timestamp> = Some(Timestamp::from_millis(10_001));
    const HELD: Judgement = Judgement::Held(Duration::from_millis(1));

    /// An entry with a body of its own kind, and what its freshness says.
    fn stored(
        kind: Kind,
        soft: Option<Timestamp>,
        hard: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Bytes {
        let mut header = Header::new(kind, NOW);
        header.freshness.soft = soft;
        header.freshness.hard = hard;
        header.freshness.lease = until.map(|until| Lease { token: 7, until });
        let body = Bytes::from(format!("{kind:?}"));
        Entry { header, body }.encode()
    }

    /// What is judged of claims, in this order: `Missing`, `Absent(None)`, `Force`; then
    /// `Renew`, `Replace` and `Absent` of the entry itself, and the same of another one.
    fn check(stored: Option<&[u8]>, expected: [Judgement; 9]) {
        let itself = stored.map_or(EntryId::of(&[]), EntryId::of);
        let other = EntryId::of(&[1; crate::entry::HEADER_BYTES]);
        let of = |id| {
            [
                Claim::Renew(id),
                Claim::Replace(id),
                Claim::Absent(Some(id)),
            ]
        };
        let of_none = [Claim::Missing, Claim::Absent(None), Claim::Force];
        let claims = of_none.into_iter().chain(of(itself)).chain(of(other));
        for (claim, expected) in claims.zip(expected) {
            assert_eq!(claim.judge(stored, NOW), expected, "{claim:?}");
        }
    }

    #[test]
    fn what_nobody_can_use_is_replaced() {
        let entry = stored(Kind::Value, None, None, AHEAD);
        let mut unknown_version = entry.to_vec();
        unknown_version[3] += 1;
        let unreadable = [
            &b""[..],
            b"foreign",
            &entry[1..],
            &entry[..50],
            &unknown_version,
        ];
        for stored in unreadable.map(Some).into_iter().chain([None]) {
            check(stored, [Place; 9]);
        }
    }

    #[test]
    fn fresh_entries_give_way_to_those_who_saw_them() {
        for soft in [None, AHEAD] {
            for kind in [Kind::Value, Kind::Absent, Kind::Stub] {
                for until in [None, PAST] {
                    check(
                        Some(&stored(kind, soft, AHEAD, until)),
                        [
                            Fresh, Fresh, Plant, Plant, Place, Place, Fresh, Fresh, Fresh,
                        ],
                    );
                }
                check(
                    Some(&stored(kind, soft, AHEAD, AHEAD)),
                    [Fresh, Fresh, Plant, HELD, HELD, Place, Fresh, Fresh, Fresh],
                );
            }
        }
    }

    #[test]
    fn stale_entries_stay_unless_they_are_of_no_use() {
        for kind in [Kind::Value, Kind::Absent, Kind::Stub] {
            for until in [None, PAST] {
                check(
                    Some(&stored(kind, PAST, None, until)),
                    [
                        Plant, Plant, Plant, Plant, Place, Place, Plant, Plant, Plant,
                    ],
                );
            }
            check(
                Some(&stored(kind, PAST, None, AHEAD)),
                [HELD, Plant, Plant, HELD, HELD, Place, HELD, HELD, Plant],
            );
        }
    }

    #[test]
    fn past_the_hard_expiry_nothing_counts() {
        for kind in [Kind::Value, Kind::Absent, Kind::Placeholder, Kind::Stub] {
            for until in [None, PAST, AHEAD] {
                for soft in [None, PAST, AHEAD] {
                    check(Some(&stored(kind, soft, PAST, until)), [Place; 9]);
                }
            }
        }
    }

    #[test]
    fn placeholders_are_nothing_but_their_lease() {
        for until in [None, PAST] {
            check(
                Some(&stored(Kind::Placeholder, None, None, until)),
                [Place; 9],
            );
        }
        check(
            Some(&stored(Kind::Placeholder, None, AHEAD, AHEAD)),
            [HELD, Place, Place, HELD, HELD, Place, HELD, HELD, Place],
        );
    }
}
