//! Leases, fills and soft invalidation, on bytes.

use std::time::Duration;

use larder_cache_core::{
    Bytes, Entry, Fill, FillOutcome, Freshness, Grant, Header, Judgement, Key, Kind, Lease,
    LeaseRequest, Leased,
    entry::{LEASE, SOFT_AND_HARD_EXPIRY, encode_expiry, encode_lease},
    millis_rounded_up,
};

use super::{Server, patched};
use crate::checker::MutationKind;
use crate::rule::Rule;

impl Server {
    pub(super) fn lease(&mut self, request: &LeaseRequest) -> Leased {
        let now = self.timeline.server_time();
        let stored = self.get(&request.key);
        let judgement = request.claim.judge(stored.as_deref(), now);
        let judgement = match judgement {
            Judgement::Held(_) if self.without == Some(Rule::Leases) => {
                let header = stored.as_deref().and_then(header_of);
                if header.is_some_and(|header| header.kind == Kind::Placeholder) {
                    Judgement::Place
                } else {
                    Judgement::Plant
                }
            }
            other => other,
        };
        let lease = Lease {
            token: request.token,
            until: now.after(request.lasts),
        };
        match (judgement, stored) {
            (Judgement::Fresh, _) => return Leased::Fresh,
            (Judgement::Held(left), _) => return Leased::Held(left),
            (Judgement::Plant, Some(stored)) => {
                let value = patched(&stored, LEASE.start, &encode_lease(Some(lease)));
                let millis = self.millis();
                let ends = self.store.get(&request.key, millis).and_then(|s| s.ends);
                self.put(&request.key, value, ends, MutationKind::Lease);
            }
            (Judgement::Plant | Judgement::Place, _) => {
                let value = placeholder(lease, now);
                let ends = self.millis() + millis_rounded_up(request.lasts);
                self.put(&request.key, value, Some(ends), MutationKind::Place);
            }
        }
        self.granted(request, lease);
        Leased::Granted(Grant {
            token: request.token,
            connection: self.asking.connection,
        })
    }

    fn granted(&mut self, request: &LeaseRequest, lease: Lease) {
        let until =
            self.millis() + lease.until.since(self.timeline.server_time()).as_millis() as u64;
        let now = self.millis();
        if let Some(problem) = self.monitor.granted(self.asking, request, until, now) {
            self.checker.lease_violation(problem, &request.key);
        }
    }

    pub(super) fn fill(&mut self, fill: &Fill) -> bool {
        let Some(stored) = self.filled_over(fill) else {
            self.fills.refused += 1;
            return false;
        };
        self.fills.accepted += 1;
        if let Some(problem) = self.monitor.filled(self.asking, fill) {
            self.checker.lease_violation(problem, &fill.key);
        }
        match (&fill.outcome, stored) {
            (FillOutcome::Store(value, ttl), _) => {
                let ends = ttl.map(|ttl| self.millis() + millis_rounded_up(ttl));
                self.put(&fill.key, value.clone(), ends, MutationKind::Fill);
            }
            (FillOutcome::Release, Some(stored)) if holds_value(&stored) => {
                self.leave(&fill.key, &stored, None);
            }
            (FillOutcome::Hold(lasts), Some(stored)) if holds_value(&stored) => {
                let lease = self.hold(fill.grant.token, *lasts);
                self.leave(&fill.key, &stored, Some(lease));
            }
            _ => self.remove(&fill.key, MutationKind::Fill),
        }
        true
    }

    /// What the fill replaces, if it may.
    fn filled_over(&mut self, fill: &Fill) -> Option<Option<Bytes>> {
        let stored = self.get(&fill.key);
        if self.without == Some(Rule::Fills) {
            return Some(stored);
        }
        let lease = stored.as_deref().and_then(header_of)?.freshness.lease?;
        (lease.token == fill.grant.token).then_some(stored)
    }

    /// Nobody knows this token, so nobody fills.
    fn hold(&self, token: u64, lasts: Duration) -> Lease {
        Lease {
            token: !token,
            until: self.timeline.server_time().after(lasts),
        }
    }

    fn leave(&mut self, key: &Key, stored: &Bytes, lease: Option<Lease>) {
        let value = patched(stored, LEASE.start, &encode_lease(lease));
        let millis = self.millis();
        let ends = self.store.get(key, millis).and_then(|stored| stored.ends);
        self.monitor.ended(key);
        self.put(key, value, ends, MutationKind::Lease);
    }

    pub(super) fn mark_stale(&mut self, key: &Key) -> bool {
        let Some(stored) = self.get(key) else {
            self.note(key, MutationKind::MarkStale, None);
            return false;
        };
        let Some(header) = header_of(&stored) else {
            return false;
        };
        if header.kind == Kind::Placeholder {
            if self.without != Some(Rule::SoftInvalidation) {
                self.remove(key, MutationKind::MarkStale);
            }
            return false;
        }
        let now = self.timeline.server_time();
        let soft = header.freshness.soft.map_or(now, |soft| soft.min(now));
        let expiry = encode_expiry(Some(soft), header.freshness.hard);
        let mut value = patched(&stored, SOFT_AND_HARD_EXPIRY.start, &expiry);
        if self.without != Some(Rule::SoftInvalidation) {
            value = patched(&value, LEASE.start, &encode_lease(None));
        }
        let millis = self.millis();
        let ends = self.store.get(key, millis).and_then(|stored| stored.ends);
        self.put(key, value, ends, MutationKind::MarkStale);
        true
    }
}

fn placeholder(lease: Lease, now: larder_cache_core::Timestamp) -> Bytes {
    let mut header = Header::new(Kind::Placeholder, now);
    header.freshness = Freshness {
        soft: None,
        hard: Some(lease.until),
        lease: Some(lease),
    };
    let body = Bytes::new();
    Entry { header, body }.encode()
}

fn header_of(stored: &[u8]) -> Option<Header> {
    Header::read(stored, stored.len()).ok()
}

fn holds_value(stored: &[u8]) -> bool {
    header_of(stored).is_some_and(|header| header.kind != Kind::Placeholder)
}
