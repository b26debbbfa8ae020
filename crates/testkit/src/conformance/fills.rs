//! The end of leases.

use std::time::Duration;

use larder_cache_core::{Claim, Entry, Expiry, FillOutcome, Grant, Key, Kind, Leased, Lifetime};

use super::fenced::{
    BRIEF, HOUR, LASTS, assert_between, assert_held, entry_of, foreign, fresh, grant_in, id_of,
    large, stale, store,
};
use super::subject::{Subject, assert_ends_in, some, write_for};

/// A fill stores the value where the lease stands, byte for byte, with the end it is given
/// or none.
pub async fn a_fill_takes_the_place_of_its_lease(subject: &Subject) {
    let key = subject.key("key");
    for entry in [None, Some(stale("an old body"))] {
        for ttl in [None, Some(2 * HOUR)] {
            let grant = leased(subject, &key, entry.as_ref()).await;
            let new = fresh("a new body, longer than the old one").encode();
            let began = subject.now();
            let outcome = FillOutcome::Store(new.clone(), ttl);
            assert!(subject.fill(&key, grant, outcome).await);
            assert_eq!(subject.get(&key).await, Some(new));
            let found = subject.ttl(&key).await;
            match ttl {
                None => assert_eq!(found, Some(Expiry::Never)),
                Some(ttl) => assert_ends_in(found, ttl, subject.now().since(began)),
            }
            assert_eq!(subject.lease(&key, Claim::Missing).await, Leased::Fresh);
        }
    }
}

/// A value that was filled for some time is gone after it.
pub async fn a_fill_is_followed_by_the_end(subject: &Subject) {
    let keys = subject.keys(&["cold", "old"]);
    let entries = [None, Some(stale("old"))];
    for (key, entry) in keys.iter().zip(&entries) {
        let grant = leased(subject, key, entry.as_ref()).await;
        let outcome = FillOutcome::Store(fresh("brief").encode(), Some(BRIEF));
        assert!(subject.fill(key, grant, outcome).await);
    }
    subject
        .eventually("expiry", async || {
            subject.get_all(&keys).await == [None, None]
        })
        .await;
    assert_eq!(subject.exists(&keys).await, [false, false]);
}

/// The lease of a value that is no more removes what stands there.
pub async fn a_fill_removes(subject: &Subject) {
    let key = subject.key("key");
    for entry in [None, Some(stale("old"))] {
        let grant = leased(subject, &key, entry.as_ref()).await;
        assert!(subject.fill(&key, grant, FillOutcome::Remove).await);
        assert_eq!(subject.get(&key).await, None);
    }
}

/// A lease that is given back leaves a value as it was, and no placeholder; the next who
/// asks has one.
pub async fn a_fill_releases(subject: &Subject) {
    let key = subject.key("key");
    let old = stale("old");
    for entry in [None, Some(old)] {
        let began = subject.now();
        let grant = leased(subject, &key, entry.as_ref()).await;
        let held = subject.get(&key).await;
        let before = held.clone().map(|held| held.to_vec());
        assert!(subject.fill(&key, grant, FillOutcome::Release).await);
        assert_eq!(held.map(|held| held.to_vec()), before);
        let expected = entry.as_ref().map(Entry::encode);
        assert_eq!(subject.get(&key).await, expected);
        if entry.is_some() {
            let found = subject.ttl(&key).await;
            assert_ends_in(found, HOUR, subject.now().since(began));
        }
        subject.granted(&key, Claim::Missing).await;
    }
}

/// Who never heard whether a lease was granted can give it back, and do nothing else with it.
pub async fn an_unheard_of_lease_is_given_back(subject: &Subject) {
    let key = subject.key("key");
    for entry in [None, Some(stale("old"))] {
        let granted = leased(subject, &key, entry.as_ref()).await;
        let guess = Grant::unheard_of(granted.token ^ 1);
        assert!(!subject.fill(&key, guess, FillOutcome::Release).await);
        let unheard_of = Grant::unheard_of(granted.token);
        assert!(subject.fill(&key, unheard_of, FillOutcome::Release).await);
        assert_eq!(subject.get(&key).await, entry.as_ref().map(Entry::encode));
        subject.granted(&key, Claim::Missing).await;
    }
}

/// A load that failed keeps others from trying for a while, as long as there is a value;
/// who gave the lease up can't fill any more.
pub async fn a_fill_holds(subject: &Subject) {
    let key = subject.key("key");
    let old = stale("old");
    let began = subject.now();
    let grant = leased(subject, &key, Some(&old)).await;
    let before = subject.server_time(&key).await;
    let hold = FillOutcome::Hold(LASTS / 2);
    let held_since = subject.now();
    assert!(subject.fill(&key, grant, hold).await);
    let after = subject.server_time(&key).await;
    let mut found = subject.entry(&key).await;
    let lease = found.header.freshness.lease.take().expect("a lease");
    assert_eq!((lease.token, &found), (!grant.token, &old));
    assert_between(lease.until, before.after(LASTS / 2), after.after(LASTS / 2));
    let leased = subject.lease(&key, Claim::Missing).await;
    assert_held(leased, LASTS / 2, subject.now().since(held_since));
    let found = subject.ttl(&key).await;
    assert_ends_in(found, HOUR, subject.now().since(began));
    assert!(!subject.fill(&key, grant, store(&fresh("late"))).await);
    assert_eq!(subject.entry(&key).await.body, "old");
}

/// Nobody waits for a load that failed where there is no value.
pub async fn a_placeholder_is_not_held(subject: &Subject) {
    let key = subject.key("key");
    let grant = leased(subject, &key, None).await;
    assert!(subject.fill(&key, grant, FillOutcome::Hold(LASTS)).await);
    assert_eq!(subject.get(&key).await, None);
    subject.granted(&key, Claim::Missing).await;
}

/// When the time is over for which a value was held, the next who asks has the lease.
pub async fn a_hold_ends(subject: &Subject) {
    let key = subject.key("key");
    let grant = leased(subject, &key, Some(&stale("old"))).await;
    assert!(subject.fill(&key, grant, FillOutcome::Hold(BRIEF)).await);
    subject
        .eventually("the end of a hold", async || {
            let leased = subject.lease(&key, Claim::Missing).await;
            matches!(leased, Leased::Granted(_))
        })
        .await;
    assert!(!subject.fill(&key, grant, store(&fresh("late"))).await);
}

/// After any other write to the key a fill is refused and changes nothing.
pub async fn other_writes_end_the_lease(subject: &Subject) {
    let key = subject.key("key");
    let keys = std::slice::from_ref(&key);
    for entry in [None, Some(stale("old"))] {
        for outcome in outcomes() {
            for write in 0..6 {
                let grant = leased(subject, &key, entry.as_ref()).await;
                match write {
                    0 => subject.put(&key, fresh("another").encode()).await,
                    1 => subject.put(&key, stale("another").encode()).await,
                    2 => subject.put(&key, "foreign").await,
                    3 => assert_eq!(subject.delete(keys).await, 1),
                    4 => assert_eq!(subject.mark_stale(keys).await, [entry.is_some()]),
                    _ => assert_ne!(subject.granted(&key, Claim::Force).await, grant),
                }
                let before = (subject.get(&key).await, ends(subject, &key).await);
                let filled = subject.fill(&key, grant, outcome.clone()).await;
                assert!(!filled, "{outcome:?} after write {write} over {entry:?}");
                let after = (subject.get(&key).await, ends(subject, &key).await);
                assert_eq!(after, before, "{outcome:?} after write {write}");
            }
        }
    }
}

/// Moving the expiry of a value does not end its lease.
pub async fn moved_expiry_keeps_the_lease(subject: &Subject) {
    let key = subject.key("key");
    let grant = leased(subject, &key, Some(&stale("old"))).await;
    let lifetime = Lifetime {
        soft: None,
        hard: Some(2 * HOUR),
    };
    let moved = subject.expire(std::slice::from_ref(&key), lifetime).await;
    assert_eq!(moved, [true]);
    assert!(subject.fill(&key, grant, store(&fresh("new"))).await);
    assert_eq!(subject.entry(&key).await.body, "new");
}

/// A fill after its placeholder has expired is refused and leaves nothing behind.
pub async fn a_fill_after_its_placeholder_is_refused(subject: &Subject) {
    for (number, outcome) in outcomes().into_iter().enumerate() {
        let key = subject.key(&number.to_string());
        let grant = grant_in(subject.lease_for(&key, Claim::Missing, BRIEF).await);
        subject
            .eventually("the end of a placeholder", async || {
                subject.get(&key).await.is_none()
            })
            .await;
        assert!(!subject.fill(&key, grant, outcome).await);
        assert_eq!(subject.get(&key).await, None);
    }
    let found = subject.scan(&subject.pattern("*"), 100).await;
    assert!(found.is_empty(), "{found:?}");
}

/// A lease that ran out over a value still counts while nobody else has taken it.
pub async fn a_late_fill_counts_where_nobody_came(subject: &Subject) {
    let key = subject.key("key");
    subject.put_entry(&key, &stale("old")).await;
    let grant = grant_in(subject.lease_for(&key, Claim::Missing, BRIEF).await);
    let over = subject.server_time(&key).await.after(2 * BRIEF);
    subject
        .eventually("the end of a lease", async || {
            subject.server_time(&key).await > over
        })
        .await;
    assert!(subject.fill(&key, grant, store(&fresh("late"))).await);
    assert_eq!(subject.entry(&key).await.body, "late");
}

/// A lease is filled once.
pub async fn a_second_fill_is_refused(subject: &Subject) {
    let key = subject.key("key");
    for entry in [None, Some(stale("old"))] {
        for first in outcomes() {
            for second in outcomes() {
                let grant = leased(subject, &key, entry.as_ref()).await;
                assert!(subject.fill(&key, grant, first.clone()).await);
                let between = subject.get(&key).await;
                let filled = subject.fill(&key, grant, second.clone()).await;
                assert!(!filled, "{second:?} after {first:?}");
                assert_eq!(subject.get(&key).await, between);
            }
        }
    }
}

/// Neither another token nor none at all is the one that stands there.
pub async fn wrong_tokens_are_refused(subject: &Subject) {
    let keys = subject.keys(&["missing", "no lease", "leased", "placeholder"]);
    subject.put_entry(&keys[1], &stale("old")).await;
    let grant = leased(subject, &keys[2], Some(&stale("old"))).await;
    let other = leased(subject, &keys[3], None).await;
    let before = subject.get_all(&keys).await;
    for token in [0, 1, other.token ^ 1, grant.token.wrapping_add(1), u64::MAX] {
        for outcome in outcomes() {
            for key in &keys {
                let wrong = Grant { token, ..grant };
                assert!(!subject.fill(key, wrong, outcome.clone()).await);
            }
        }
    }
    assert_eq!(subject.get_all(&keys).await, before);
}

/// Bytes of another program are never filled, even where a token would match.
pub async fn foreign_bytes_are_not_filled(subject: &Subject) {
    let key = subject.key("key");
    let grant = leased(subject, &key, None).await;
    let mut values = foreign();
    for value in &mut values {
        let mut bytes = value.to_vec();
        if let Some(token) = bytes.get_mut(20..28) {
            token.copy_from_slice(&grant.token.to_le_bytes());
        }
        *value = bytes.into();
    }
    for value in values {
        assert!(subject.set(write_for(&key, value.clone(), HOUR)).await);
        for outcome in outcomes() {
            assert!(!subject.fill(&key, grant, outcome).await, "{value:?}");
            assert_eq!(subject.get(&key).await, Some(value.clone()));
        }
    }
}

/// A fill leaves nothing under any other key, whether it is accepted or refused.
pub async fn fills_leave_nothing_behind(subject: &Subject) {
    let (key, neighbour) = (subject.key("key"), subject.neighbour("key"));
    subject.put(&neighbour, "foreign").await;
    let grant = leased(subject, &key, None).await;
    assert!(subject.fill(&key, grant, store(&fresh("new"))).await);
    assert!(!subject.fill(&key, grant, store(&fresh("late"))).await);
    let found = subject.scan(&subject.pattern("*"), 100).await;
    assert_eq!(found, [key.as_str()]);
    assert_eq!(subject.get(&neighbour).await, some("foreign"));
}

/// Values of several MiB are filled like small ones, over nothing and over each other, and
/// refused like them.
pub async fn large_fills(subject: &Subject) {
    let key = subject.key("large");
    let first = stale(large(1, 5 << 20));
    let grant = subject.granted(&key, Claim::Missing).await;
    assert!(subject.fill(&key, grant, store(&first)).await);
    assert!(subject.entry(&key).await == first);
    let second = fresh(large(2, 3 << 20));
    let grant = subject.granted(&key, Claim::Missing).await;
    let outcome = FillOutcome::Store(second.encode(), Some(HOUR));
    let began = subject.now();
    assert!(subject.fill(&key, grant, outcome).await);
    let found = subject.ttl(&key).await;
    assert_ends_in(found, HOUR, subject.now().since(began));
    assert!(!subject.fill(&key, grant, store(&first)).await);
    assert!(subject.entry(&key).await == second);
    let seen = id_of(&second);
    let grant = subject.granted(&key, Claim::Renew(seen)).await;
    assert!(subject.fill(&key, grant, store(&fresh("small"))).await);
    assert_eq!(subject.entry(&key).await.body, "small");
}

/// Each fill of a batch is accepted or refused by itself, after those before it, and
/// answered in its place.
pub async fn fill_batches_in_order(subject: &Subject) {
    let keys = subject.keys(&["stored", "removed", "released", "held", "lost", "never"]);
    let old = stale("old");
    let mut grants = Vec::new();
    for key in &keys[..5] {
        grants.push(leased(subject, key, Some(&old)).await);
    }
    subject.put(&keys[4], "foreign").await;
    let never = Grant {
        token: 1,
        ..grants[0]
    };
    let fills = [
        (&keys[4], grants[4], store(&fresh("lost"))),
        (&keys[0], grants[0], store(&fresh("first"))),
        (&keys[5], never, store(&fresh("never"))),
        (&keys[1], grants[1], FillOutcome::Remove),
        (&keys[0], grants[0], store(&fresh("second"))),
        (&keys[2], grants[2], FillOutcome::Release),
        (&keys[3], grants[3], FillOutcome::Hold(LASTS)),
        (&keys[2], grants[1], FillOutcome::Remove),
    ];
    let expected = [false, true, false, true, false, true, true, false];
    assert_eq!(subject.fill_all(&fills).await, expected);
    assert_eq!(subject.entry(&keys[0]).await.body, "first");
    let there = [true, false, true, true, true, false];
    assert_eq!(subject.exists(&keys).await, there);
    assert_eq!(subject.token(&keys[2]).await, None);
    assert_eq!(subject.token(&keys[3]).await, Some(!grants[3].token));
    assert_eq!(subject.get(&keys[4]).await, some("foreign"));
    assert_eq!(subject.fill_all(&[]).await, []);
}

/// Large and small values in one batch go where they belong.
pub async fn small_and_large_fills_in_one_batch(subject: &Subject) {
    let keys = subject.keys(&["small", "large", "refused", "larger", "tiny"]);
    let sizes = [100, 512 << 10, 1 << 20, 3 << 20, 1];
    let mut fills = Vec::new();
    for (key, bytes) in keys.iter().zip(sizes) {
        let grant = leased(subject, key, None).await;
        let value = fresh(large(bytes as u64, bytes));
        fills.push((key, grant, store(&value)));
    }
    assert_eq!(subject.delete(&keys[2..3]).await, 1);
    let filled = subject.fill_all(&fills).await;
    assert_eq!(filled, [true, true, false, true, true]);
    for (key, bytes) in keys.iter().zip(sizes) {
        let expected = (*key != keys[2]).then(|| fresh(large(bytes as u64, bytes)).encode());
        assert!(subject.get(key).await == expected, "{key}");
    }
}

/// The lease of an absent value is filled with what says so.
pub async fn absent_values_are_filled(subject: &Subject) {
    let key = subject.key("key");
    let value = fresh("to be absent");
    subject.put_entry(&key, &value).await;
    let grant = subject
        .granted(&key, Claim::Absent(Some(id_of(&value))))
        .await;
    let absent = entry_of(Kind::Absent, "");
    assert!(subject.fill(&key, grant, store(&absent)).await);
    assert_eq!(subject.entry(&key).await, absent);
    let again = subject.lease(&key, Claim::Absent(None)).await;
    assert_eq!(again, Leased::Fresh);
}

/// One of each.
fn outcomes() -> [FillOutcome; 4] {
    [
        FillOutcome::Store(fresh("filled").encode(), Some(Duration::from_secs(1000))),
        FillOutcome::Remove,
        FillOutcome::Release,
        FillOutcome::Hold(LASTS),
    ]
}

/// A lease over an entry, or over nothing.
async fn leased(subject: &Subject, key: &Key, entry: Option<&Entry>) -> Grant {
    match entry {
        Some(entry) => subject.put_entry(key, entry).await,
        None => {
            subject.delete(std::slice::from_ref(key)).await;
        }
    }
    subject.granted(key, Claim::Missing).await
}

/// Whether what stands under a key ends.
async fn ends(subject: &Subject, key: &Key) -> Option<bool> {
    let ttl = subject.ttl(key).await;
    ttl.map(|expiry| expiry != Expiry::Never)
}
