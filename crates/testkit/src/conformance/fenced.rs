//! What the cases ask of leases, fills and marks, and the entries they ask it of.

use std::time::Duration;

use larder_cache_core::{
    Bytes, Claim, Entry, EntryId, Expiry, Fill, FillOutcome, Grant, Header, Key, Kind,
    LeaseRequest, Leased, Timestamp,
};

use super::subject::{Subject, assert_ends_in, write_for};

/// How long a lease lasts that is not to end.
pub(super) const LASTS: Duration = Duration::from_secs(60);

/// How long a lease lasts, or a value lives, whose end is waited for.
pub(super) const BRIEF: Duration = Duration::from_millis(30);

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Past by any clock, those of tests included.
const LONG_AGO: Timestamp = Timestamp::from_millis(1000);

/// Two clocks' worth of "exact to a few milliseconds".
const NEAR: Duration = Duration::from_millis(20);

impl Subject {
    /// Asks for leases with fresh tokens, in one call.
    pub(super) async fn lease_all(&self, asked: &[(&Key, Claim)]) -> Vec<Leased> {
        let request = |(key, claim): &(&Key, Claim)| request(key, *claim, LASTS);
        let requests: Vec<_> = asked.iter().map(request).collect();
        let leased = self.backend().lease(&requests, self.call()).await;
        leased.expect("lease")
    }

    pub(super) async fn lease(&self, key: &Key, claim: Claim) -> Leased {
        self.lease_for(key, claim, LASTS).await
    }

    pub(super) async fn lease_for(&self, key: &Key, claim: Claim, lasts: Duration) -> Leased {
        let requests = [request(key, claim, lasts)];
        let leased = self.backend().lease(&requests, self.call()).await;
        let leased = leased.expect("lease");
        assert_eq!(leased.len(), 1);
        if let Leased::Granted(grant) = leased[0] {
            assert_eq!(grant.token, requests[0].token);
        }
        leased[0]
    }

    /// A lease that must be had.
    pub(super) async fn granted(&self, key: &Key, claim: Claim) -> Grant {
        grant_in(self.lease(key, claim).await)
    }

    pub(super) async fn fill(&self, key: &Key, grant: Grant, outcome: FillOutcome) -> bool {
        let filled = self.fill_all(&[(key, grant, outcome)]).await;
        assert_eq!(filled.len(), 1);
        filled[0]
    }

    pub(super) async fn fill_all(&self, fills: &[(&Key, Grant, FillOutcome)]) -> Vec<bool> {
        let fill = |(key, grant, outcome): &(&Key, Grant, FillOutcome)| Fill {
            key: Key::clone(key),
            grant: *grant,
            outcome: outcome.clone(),
        };
        let fills: Vec<_> = fills.iter().map(fill).collect();
        let filled = self.backend().fill(&fills, self.call()).await;
        filled.expect("fill")
    }

    pub(super) async fn mark_stale(&self, keys: &[Key]) -> Vec<bool> {
        let marked = self.backend().mark_stale(keys, self.call()).await;
        marked.expect("mark_stale")
    }

    /// Stores an entry for an hour.
    pub(super) async fn put_entry(&self, key: &Key, entry: &Entry) {
        let write = write_for(key, entry.encode(), HOUR);
        assert!(self.set(write).await, "{key} was not stored");
    }

    /// What stands under a key, which must be a sound entry.
    pub(super) async fn entry(&self, key: &Key) -> Entry {
        let stored = self.get(key).await.expect("an entry");
        Entry::decode(&stored).expect("a sound entry")
    }

    /// The token in what stands under a key; `None` where there is none.
    pub(super) async fn token(&self, key: &Key) -> Option<u64> {
        let lease = self.entry(key).await.header.freshness.lease;
        lease.map(|lease| lease.token)
    }

    pub(super) async fn server_time(&self, key: &Key) -> Timestamp {
        let now = self.backend().now(key, self.call()).await;
        now.expect("now")
    }
}

/// A fresh entry of a kind, without end.
pub(super) fn entry_of(kind: Kind, body: impl Into<Bytes>) -> Entry {
    Entry {
        header: Header::new(kind, LONG_AGO),
        body: body.into(),
    }
}

/// A fresh value.
pub(super) fn fresh(body: impl Into<Bytes>) -> Entry {
    entry_of(Kind::Value, body)
}

/// A value past its soft expiry.
pub(super) fn stale(body: impl Into<Bytes>) -> Entry {
    let mut entry = fresh(body);
    entry.header.freshness.soft = Some(LONG_AGO);
    entry
}

/// A value past its hard expiry, that the store still has.
pub(super) fn gone(body: impl Into<Bytes>) -> Entry {
    let mut entry = stale(body);
    entry.header.freshness.hard = Some(LONG_AGO);
    entry
}

/// The identity of an entry.
pub(super) fn id_of(entry: &Entry) -> EntryId {
    EntryId::of(&entry.encode())
}

/// Every claim, of an entry and of another one.
pub(super) fn claims(id: EntryId) -> [Claim; 6] {
    [
        Claim::Missing,
        Claim::Renew(id),
        Claim::Replace(id),
        Claim::Absent(None),
        Claim::Absent(Some(id)),
        Claim::Force,
    ]
}

/// A fill that stores an entry without end.
pub(super) fn store(entry: &Entry) -> FillOutcome {
    FillOutcome::Store(entry.encode(), None)
}

/// Bytes that are no entry of this version.
pub(super) fn foreign() -> Vec<Bytes> {
    let mut later_version = fresh("x").encode().to_vec();
    later_version[3] += 1;
    vec![
        Bytes::new(),
        Bytes::from_static(b"{\"json\":1}"),
        Bytes::from(vec![0_u8; 200]),
        Bytes::from_static(b"\xC1LD"),
        fresh("x").encode().slice(..19),
        Bytes::from(later_version),
    ]
}

/// Several MiB that no codec would make smaller.
pub(super) fn large(seed: u64, bytes: usize) -> Bytes {
    let mut body = vec![0; bytes];
    fastrand::Rng::with_seed(seed).fill(&mut body);
    Bytes::from(body)
}

pub(super) fn request(key: &Key, claim: Claim, lasts: Duration) -> LeaseRequest {
    LeaseRequest {
        key: key.clone(),
        token: fastrand::u64(1..),
        lasts,
        claim,
    }
}

pub(super) fn grant_in(leased: Leased) -> Grant {
    match leased {
        Leased::Granted(grant) => grant,
        other => panic!("{other:?} instead of a lease"),
    }
}

/// Asserts that somebody holds the lease, for this long but for the time since.
pub(super) fn assert_held(found: Leased, at_most: Duration, since: Duration) {
    let Leased::Held(left) = found else {
        panic!("{found:?} instead of a lease held for {at_most:?}");
    };
    assert_ends_in(Some(Expiry::In(left)), at_most, since + NEAR);
}

/// Asserts that a time lies between two, by clocks that are near each other.
pub(super) fn assert_between(found: Timestamp, from: Timestamp, to: Timestamp) {
    let shifted = found.after(NEAR);
    assert!(from <= shifted, "{found:?} is earlier than {from:?}");
    let latest = to.after(2 * NEAR);
    assert!(shifted <= latest, "{found:?} is later than {to:?}");
}
