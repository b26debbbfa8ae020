//! Asking for leases.

use std::sync::Arc;

use larder_cache_core::{Bytes, Claim, Entry, Expiry, FillOutcome, Grant, Kind, Lease, Leased};
use tokio::task::JoinSet;

use super::concurrency::join;
use super::fenced::{
    BRIEF, HOUR, LASTS, assert_between, assert_held, claims, entry_of, foreign, fresh, gone,
    grant_in, id_of, large, request, stale, store,
};
use super::subject::{Subject, assert_ends_in, some, write_for};

/// Where there is nothing, every claim is granted, and a placeholder says so to all.
pub async fn a_lease_of_nothing_leaves_a_placeholder(subject: &Subject) {
    for (number, claim) in claims(id_of(&fresh("x"))).into_iter().enumerate() {
        let key = subject.key(&number.to_string());
        let (began, before) = (subject.now(), subject.server_time(&key).await);
        let grant = subject.granted(&key, claim).await;
        let after = subject.server_time(&key).await;
        let found = subject.entry(&key).await;
        assert_eq!(
            (found.header.kind, found.body.len()),
            (Kind::Placeholder, 0)
        );
        let freshness = found.header.freshness;
        let lease = freshness.lease.expect("a lease");
        assert_eq!(lease.token, grant.token);
        assert_between(lease.until, before.after(LASTS), after.after(LASTS));
        assert_eq!((freshness.soft, freshness.hard), (None, Some(lease.until)));
        let ttl = subject.ttl(&key).await;
        assert_ends_in(ttl, LASTS, subject.now().since(began));
    }
}

/// A live lease is held against those who do not end it, over a placeholder and over a
/// stale value; they are told for how long, and change nothing.
pub async fn a_live_lease_is_held(subject: &Subject) {
    let (cold, old) = (subject.key("cold"), subject.key("old"));
    let value = stale("old");
    subject.put_entry(&old, &value).await;
    for key in [&cold, &old] {
        let began = subject.now();
        subject.granted(key, Claim::Missing).await;
        let stored = subject.get(key).await;
        for id in [id_of(&value), id_of(&fresh("other"))] {
            for claim in [Claim::Missing, Claim::Renew(id), Claim::Replace(id)] {
                let leased = subject.lease_for(key, claim, HOUR).await;
                assert_held(leased, LASTS, subject.now().since(began));
            }
        }
        assert_eq!(subject.get(key).await, stored);
    }
}

/// A fresh entry of any kind needs no lease, unless it is the one that was seen.
pub async fn a_fresh_entry_needs_no_lease(subject: &Subject) {
    let key = subject.key("key");
    let soon = subject.server_time(&key).await.after(HOUR);
    let other = id_of(&fresh("other"));
    for kind in [Kind::Value, Kind::Absent] {
        for soft in [None, Some(soon)] {
            let mut entry = entry_of(kind, "body");
            entry.header.freshness.soft = soft;
            let began = subject.now();
            subject.put_entry(&key, &entry).await;
            for claim in claims(other) {
                if claim != Claim::Force {
                    assert_eq!(subject.lease(&key, claim).await, Leased::Fresh, "{claim:?}");
                }
            }
            assert_eq!(subject.entry(&key).await, entry);
            let ttl = subject.ttl(&key).await;
            assert_ends_in(ttl, HOUR, subject.now().since(began));
        }
    }
}

/// A stale entry stays under the lease, with all that it had; bytes that somebody read
/// before do not change.
pub async fn a_stale_entry_stays_under_its_lease(subject: &Subject) {
    for kind in [Kind::Value, Kind::Absent] {
        let key = subject.key(&format!("{kind:?}"));
        let mut entry = stale("body");
        entry.header.kind = kind;
        entry.header.freshness.hard = Some(subject.server_time(&key).await.after(HOUR));
        let other = id_of(&fresh("other"));
        for claim in claims(other)
            .into_iter()
            .chain([Claim::Renew(id_of(&entry))])
        {
            let began = subject.now();
            subject.put_entry(&key, &entry).await;
            let held = subject.get(&key).await;
            let grant = subject.granted(&key, claim).await;
            assert_eq!(held, Some(entry.encode()), "{claim:?}");
            let mut found = subject.entry(&key).await;
            let lease = found.header.freshness.lease.take();
            assert_eq!(lease.map(|lease| lease.token), Some(grant.token));
            assert_eq!(found, entry, "{claim:?}");
            let ttl = subject.ttl(&key).await;
            assert_ends_in(ttl, HOUR, subject.now().since(began));
        }
    }
}

/// Who has seen the entry, fresh or stale, says what becomes of it.
pub async fn an_entry_that_was_seen_stays_or_goes(subject: &Subject) {
    let key = subject.key("key");
    for entry in [fresh("seen"), stale("seen")] {
        let id = id_of(&entry);
        for (claim, stays) in [
            (Claim::Renew(id), true),
            (Claim::Force, true),
            (Claim::Replace(id), false),
            (Claim::Absent(Some(id)), false),
        ] {
            subject.put_entry(&key, &entry).await;
            let grant = subject.granted(&key, claim).await;
            let found = subject.entry(&key).await;
            let expected = if stays {
                Kind::Value
            } else {
                Kind::Placeholder
            };
            assert_eq!(found.header.kind, expected, "{claim:?}");
            assert_eq!(subject.token(&key).await, Some(grant.token));
            assert_eq!(found.body == entry.body, stays);
        }
    }
}

/// A fresh entry that is renewed before its time is renewed by one.
pub async fn a_renewal_is_held_too(subject: &Subject) {
    let key = subject.key("key");
    let entry = fresh("seen");
    subject.put_entry(&key, &entry).await;
    let began = subject.now();
    subject.granted(&key, Claim::Renew(id_of(&entry))).await;
    for claim in [Claim::Renew(id_of(&entry)), Claim::Replace(id_of(&entry))] {
        let leased = subject.lease(&key, claim).await;
        assert_held(leased, LASTS, subject.now().since(began));
    }
    assert_eq!(subject.lease(&key, Claim::Missing).await, Leased::Fresh);
    assert_eq!(subject.entry(&key).await.body, entry.body);
}

/// `Absent` and `Force` end the leases of others.
pub async fn other_leases_end(subject: &Subject) {
    let key = subject.key("key");
    for claim in [Claim::Absent(None), Claim::Force] {
        for entry in [None, Some(stale("old"))] {
            subject.delete(std::slice::from_ref(&key)).await;
            if let Some(entry) = &entry {
                subject.put_entry(&key, entry).await;
            }
            let first = subject.granted(&key, Claim::Missing).await;
            let second = subject.granted(&key, claim).await;
            assert_eq!(subject.token(&key).await, Some(second.token));
            assert!(!subject.fill(&key, first, store(&fresh("first"))).await);
            assert!(subject.fill(&key, second, store(&fresh("second"))).await);
            assert_eq!(subject.entry(&key).await.body, "second");
        }
    }
}

/// What is past its hard expiry counts for nothing, nor does a lease in it.
pub async fn gone_entries_are_replaced(subject: &Subject) {
    let key = subject.key("key");
    let later = subject.server_time(&key).await.after(HOUR);
    let mut leased = gone("gone");
    leased.header.freshness.lease = Some(Lease {
        token: 7,
        until: later,
    });
    for entry in [gone("gone"), leased] {
        for claim in claims(id_of(&entry)) {
            subject.put_entry(&key, &entry).await;
            let grant = subject.granted(&key, claim).await;
            assert_eq!(subject.token(&key).await, Some(grant.token));
            let kind = subject.entry(&key).await.header.kind;
            assert_eq!(kind, Kind::Placeholder, "{claim:?}");
        }
    }
}

/// Bytes that nobody can read as an entry are replaced.
pub async fn unreadable_bytes_are_replaced(subject: &Subject) {
    let entry = fresh("body").encode();
    let mut unknown_kind = entry.to_vec();
    unknown_kind[36] = 99;
    let longer = [&entry[..], b"more"].concat();
    let mut values = foreign();
    values.push(entry.slice(..entry.len() - 1));
    values.extend([unknown_kind, longer].map(Bytes::from));
    for (number, value) in values.into_iter().enumerate() {
        let key = subject.key(&number.to_string());
        for claim in claims(id_of(&fresh("other"))) {
            assert!(subject.set(write_for(&key, value.clone(), HOUR)).await);
            let grant = subject.granted(&key, claim).await;
            assert_eq!(subject.token(&key).await, Some(grant.token), "{value:?}");
            let began = subject.now();
            let ttl = subject.ttl(&key).await;
            assert!(
                matches!(ttl, Some(Expiry::In(left)) if left <= LASTS),
                "{ttl:?}"
            );
            let held = subject.lease(&key, Claim::Missing).await;
            assert_held(held, LASTS, subject.now().since(began));
        }
    }
}

/// An entry whose body was damaged goes by the identity that it has left.
pub async fn a_damaged_entry_is_replaced_by_its_identity(subject: &Subject) {
    let key = subject.key("key");
    let mut damaged = fresh("body").encode().to_vec();
    *damaged.last_mut().expect("a body") ^= 1;
    let id = id_of(&fresh("body"));
    for claim in [Claim::Replace(id), Claim::Absent(Some(id))] {
        subject.put(&key, damaged.clone()).await;
        subject.granted(&key, claim).await;
        let kind = subject.entry(&key).await.header.kind;
        assert_eq!(kind, Kind::Placeholder, "{claim:?}");
    }
}

/// When a lease is over, the next who asks has one.
pub async fn a_lease_that_ran_out_is_granted_again(subject: &Subject) {
    let (cold, old) = (subject.key("cold"), subject.key("old"));
    subject.put_entry(&old, &stale("old")).await;
    for key in [&cold, &old] {
        let began = subject.now();
        let first = grant_in(subject.lease_for(key, Claim::Missing, BRIEF).await);
        let leased = subject.lease(key, Claim::Missing).await;
        if let Leased::Held(left) = leased {
            assert!(left <= BRIEF, "{left:?}");
        }
        let mut second = leased;
        subject
            .eventually("the end of a lease", async || {
                if !matches!(second, Leased::Granted(_)) {
                    second = subject.lease(key, Claim::Missing).await;
                }
                matches!(second, Leased::Granted(_))
            })
            .await;
        let waited = subject.now().since(began);
        assert!(waited + BRIEF / 2 >= BRIEF, "granted after {waited:?}");
        assert_eq!(subject.token(key).await, Some(grant_in(second).token));
        assert!(!subject.fill(key, first, FillOutcome::Remove).await);
    }
    assert_eq!(subject.entry(&old).await.body, "old");
}

/// A lease that would last longer than the entry ends with it.
pub async fn a_lease_never_extends_the_hard_expiry(subject: &Subject) {
    let key = subject.key("key");
    let lives = 15 * BRIEF;
    let mut entry = stale("old");
    let hard = subject.server_time(&key).await.after(lives);
    entry.header.freshness.hard = Some(hard);
    assert!(subject.set(write_for(&key, entry.encode(), lives)).await);
    let first = grant_in(subject.lease_for(&key, Claim::Missing, HOUR).await);
    if let Some(stored) = subject.get(&key).await {
        let stored = Entry::decode(&stored).expect("a sound entry");
        assert_eq!(stored.header.freshness.hard, Some(hard));
        let ttl = subject.ttl(&key).await;
        assert!(matches!(ttl, None | Some(Expiry::In(_))), "{ttl:?}");
    }
    subject
        .eventually("expiry", async || subject.get(&key).await.is_none())
        .await;
    assert!(!subject.fill(&key, first, store(&fresh("late"))).await);
    let second = subject.granted(&key, Claim::Missing).await;
    assert_ne!(first.token, second.token);
    let kind = subject.entry(&key).await.header.kind;
    assert_eq!(kind, Kind::Placeholder);
}

/// Values of several MiB are leased in place like small ones.
pub async fn leases_of_large_values(subject: &Subject) {
    let key = subject.key("large");
    let entry = stale(large(1, 5 << 20));
    subject.put_entry(&key, &entry).await;
    let first = subject.granted(&key, Claim::Missing).await;
    assert!(subject.entry(&key).await.body == entry.body);
    assert_eq!(subject.token(&key).await, Some(first.token));
    let second = subject.granted(&key, Claim::Force).await;
    assert!(subject.fill(&key, second, FillOutcome::Release).await);
    let third = subject.granted(&key, Claim::Renew(id_of(&entry))).await;
    assert!(subject.entry(&key).await.body == entry.body);
    assert_eq!(subject.token(&key).await, Some(third.token));
    subject
        .granted(&key, Claim::Absent(Some(id_of(&entry))))
        .await;
    let kind = subject.entry(&key).await.header.kind;
    assert_eq!(kind, Kind::Placeholder);
}

/// Each request of a batch is judged by itself, after those before it, and answered in
/// its place.
pub async fn lease_batches_in_order(subject: &Subject) {
    let keys = subject.keys(&["cold", "fresh", "held", "stale", "foreign"]);
    subject.put_entry(&keys[1], &fresh("x")).await;
    let began = subject.now();
    subject.granted(&keys[2], Claim::Missing).await;
    subject.put_entry(&keys[3], &stale("x")).await;
    subject.put(&keys[4], "foreign").await;
    let asked: Vec<_> = [2, 0, 1, 0, 3, 4, 2, 3]
        .map(|n| (&keys[n], Claim::Missing))
        .into();
    let leased = subject.lease_all(&asked).await;
    assert_eq!(leased.len(), asked.len());
    for held in [0, 3, 6, 7] {
        assert_held(leased[held], LASTS, subject.now().since(began));
    }
    assert_eq!(leased[2], Leased::Fresh);
    for (answer, key) in [(1, 0), (4, 3), (5, 4)] {
        let grant = grant_in(leased[answer]);
        assert_eq!(subject.token(&keys[key]).await, Some(grant.token));
    }
    assert_eq!(subject.lease_all(&[]).await, []);
}

/// Hundreds of keys are leased at once as one is.
pub async fn large_lease_batches(subject: &Subject) {
    let keys: Vec<_> = (0..500).map(|n| subject.key(&n.to_string())).collect();
    for key in keys.iter().step_by(3) {
        subject.put(key, fresh("x").encode()).await;
    }
    let asked: Vec<_> = keys.iter().map(|key| (key, Claim::Missing)).collect();
    let leased = subject.lease_all(&asked).await;
    let mut fills = Vec::new();
    for (number, (key, leased)) in keys.iter().zip(leased).enumerate() {
        if number % 3 == 0 {
            assert_eq!(leased, Leased::Fresh);
        } else {
            let value = fresh(number.to_string());
            fills.push((key, grant_in(leased), store(&value)));
        }
    }
    assert_eq!(subject.fill_all(&fills).await, vec![true; fills.len()]);
    for number in [1, 2, 4, 250, 499] {
        let body = subject.entry(&keys[number]).await.body;
        assert_eq!(body, number.to_string());
    }
}

/// Of all that ask at once for the lease of one key, one is granted it.
pub async fn one_of_many_is_granted(subject: &Subject) {
    for round in 0..20 {
        let key = subject.key(&round.to_string());
        if round % 2 == 0 {
            subject.put_entry(&key, &stale("old")).await;
        }
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (backend, call) = (Arc::clone(subject.backend()), subject.call());
            let requests = [request(&key, Claim::Missing, LASTS)];
            tasks.spawn(async move {
                let leased = backend.lease(&requests, call).await.expect("lease");
                leased[0]
            });
        }
        let leased = join(tasks).await;
        let granted = |leased| match leased {
            Leased::Granted(grant) => Some(grant),
            Leased::Held(_) => None,
            Leased::Fresh => panic!("nothing fresh was there"),
        };
        let grants: Vec<Grant> = leased.into_iter().filter_map(granted).collect();
        assert_eq!(grants.len(), 1, "{grants:?} were granted");
        assert_eq!(subject.token(&key).await, Some(grants[0].token));
        assert!(subject.fill(&key, grants[0], store(&fresh("new"))).await);
    }
}

/// Foreign bytes under other keys of a batch are none of its business.
pub async fn leases_leave_other_keys_alone(subject: &Subject) {
    let (key, neighbour) = (subject.key("key"), subject.neighbour("key"));
    subject.put(&neighbour, "foreign").await;
    subject.granted(&key, Claim::Force).await;
    assert_eq!(subject.get(&neighbour).await, some("foreign"));
}
