//! Leases, fills and epochs: changes that depend on what stands under the key.

use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{
    Entry, EpochChange, Error, ErrorKind, Fill, FillOutcome, Freshness, Grant, Header, Judgement,
    Key, Kind, Lease, LeaseRequest, Leased, Moment, Result, Timestamp,
};

use crate::record::Record;
use crate::shard::Change;
use crate::store::Store;

/// How long an epoch record lives after its last change.
const EPOCH_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// A soft expiry that is past by any clock.
const LONG_AGO: Timestamp = Timestamp::from_millis(1);

/// How a lease ends.
enum End {
    /// With this change.
    Change(Change),
    /// A value stays, under this lease or none; a placeholder goes.
    Leave(Option<Lease>),
}

impl Store {
    pub(crate) fn lease(&self, request: &LeaseRequest, now: Moment, at: Timestamp) -> Leased {
        let lease = Lease {
            token: request.token,
            until: at.after(request.lasts),
        };
        let granted = Leased::Granted(Grant {
            token: request.token,
            connection: 0,
        });
        self.change(&request.key, now, |stored| {
            match (request.claim.judge(stored, at), stored.and_then(read)) {
                (Judgement::Fresh, _) => (Change::Keep, Leased::Fresh),
                (Judgement::Held(left), _) => (Change::Keep, Leased::Held(left)),
                (Judgement::Plant, Some(header)) => (under(Some(lease), &header), granted),
                (Judgement::Plant | Judgement::Place, _) => {
                    let stored = placeholder(lease, at);
                    let record = Record::new(&request.key, &stored, Some(request.lasts), now);
                    (Change::Store(record), granted)
                }
            }
        })
    }

    pub(crate) fn fill(&self, fill: &Fill, now: Moment, at: Timestamp) -> Result<bool> {
        let token = fill.grant.token;
        // A value is copied here, before the lock is taken.
        let end = match &fill.outcome {
            FillOutcome::Store(value, ttl) => {
                End::Change(Change::Store(Record::new(&fill.key, value, *ttl, now)))
            }
            FillOutcome::Remove => End::Change(Change::Remove),
            FillOutcome::Release => End::Leave(None),
            FillOutcome::Hold(lasts) => End::Leave(Some(Lease {
                token: !token,
                until: at.after(*lasts),
            })),
            other => return Err(unknown(other)),
        };
        let filled = self.change(&fill.key, now, |stored| {
            let held = stored.and_then(read).filter(|header| {
                let lease = header.freshness.lease;
                lease.is_some_and(|lease| lease.token == token)
            });
            match (held, end) {
                (None, _) => (Change::Keep, false),
                (Some(_), End::Change(change)) => (change, true),
                (Some(header), End::Leave(lease)) => (under(lease, &header), true),
            }
        });
        Ok(filled)
    }

    pub(crate) fn mark_stale(&self, key: &Key, now: Moment) -> bool {
        self.change(key, now, |stored| match stored.and_then(read) {
            None => (Change::Keep, false),
            Some(header) if header.kind == Kind::Placeholder => (Change::Remove, false),
            Some(header) => {
                let freshness = Freshness {
                    soft: Some(LONG_AGO),
                    lease: None,
                    ..header.freshness
                };
                (Change::Patch(freshness), true)
            }
        })
    }

    pub(crate) fn renew(&self, change: &EpochChange, now: Moment) {
        self.change(&change.key, now, |stored| {
            let record = change.apply_to(stored).encode();
            let record = Record::new(&change.key, &record, Some(EPOCH_TTL), now);
            if record.counted_bytes() > self.usage().max_bytes() {
                // Without a record nothing is valid: more goes than was meant, never less.
                return (Change::Remove, ());
            }
            (Change::Store(record), ())
        });
    }
}

/// What stands under a key, if it is an entry that this version can read.
fn read(stored: &[u8]) -> Option<Header> {
    Header::read(stored, stored.len()).ok()
}

/// A value stays, under this lease or none; a placeholder goes.
fn under(lease: Option<Lease>, header: &Header) -> Change {
    if header.kind == Kind::Placeholder {
        return Change::Remove;
    }
    Change::Patch(Freshness {
        lease,
        ..header.freshness
    })
}

fn placeholder(lease: Lease, at: Timestamp) -> Bytes {
    let mut header = Header::new(Kind::Placeholder, at);
    header.freshness = Freshness {
        soft: None,
        hard: Some(lease.until),
        lease: Some(lease),
    };
    let body = Bytes::new();
    Entry { header, body }.encode()
}

fn unknown(outcome: &FillOutcome) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the memory backend does not know this end of a lease",
    )
    .with("outcome", format!("{outcome:?}"))
}
