//! Leases and what ends them, beyond what every backend does alike.

use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Claim, Condition, Entry, EntryId, Epoch, EpochChange, EpochRecord, Fill,
    FillOutcome, Freshness, Grant, Header, Invalidation, Judgement, Kind, Lease, LeaseRequest,
    Leased, Random, SystemRandom, Tag, TagEpoch, Timestamp, Write,
};
use larder_redis_backend::RedisBackend;
use larder_testkit::RedisServer;

use super::{SOON, ask, backend, eventually, key, raw, server, write};

const MINUTE: Duration = Duration::from_secs(60);
const LARGE: usize = 300 << 10;

pub(super) fn request(name: &str, token: u64, claim: Claim) -> LeaseRequest {
    LeaseRequest {
        key: key(name),
        token,
        lasts: MINUTE,
        claim,
    }
}

pub(super) async fn lease(backend: &RedisBackend, name: &str, token: u64, claim: Claim) -> Leased {
    let requests = [request(name, token, claim)];
    backend.lease(&requests, SOON).await.unwrap().remove(0)
}

pub(super) async fn granted(backend: &RedisBackend, name: &str, token: u64) -> Grant {
    match lease(backend, name, token, Claim::Missing).await {
        Leased::Granted(grant) => grant,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn fill(
    backend: &RedisBackend,
    name: &str,
    grant: Grant,
    outcome: FillOutcome,
) -> bool {
    let fills = [Fill {
        key: key(name),
        grant,
        outcome,
    }];
    backend.fill(&fills, SOON).await.unwrap().remove(0)
}

pub(super) fn entry(kind: Kind, freshness: Freshness, body: usize) -> Bytes {
    let mut header = Header::new(kind, Timestamp::from_millis(1));
    header.freshness = freshness;
    let body = Bytes::from(vec![b'x'; body]);
    Entry { header, body }.encode()
}

fn store(bytes: usize) -> FillOutcome {
    let value = entry(Kind::Value, Freshness::default(), bytes);
    FillOutcome::Store(value, Some(MINUTE))
}

async fn put(backend: &RedisBackend, name: &str, value: &Bytes) {
    let write = Write {
        key: key(name),
        value: value.clone(),
        ttl: Some(MINUTE),
        condition: Condition::Always,
    };
    assert_eq!(backend.set(&[write], SOON).await.unwrap(), [true]);
}

pub(super) async fn read(backend: &RedisBackend, name: &str) -> Option<Bytes> {
    let found = backend.get(&[key(name)], SOON).await.unwrap();
    found.into_iter().next().unwrap()
}

fn names(server: &RedisServer) -> Vec<String> {
    let mut names: Vec<String> = ask(&mut raw(server), "KEYS *");
    names.sort();
    names
}

/// One of several, at random.
fn one_of<T: Copy>(choices: &[T]) -> T {
    let index = SystemRandom.next_u64() % choices.len() as u64;
    choices[usize::try_from(index).unwrap()]
}

/// Stored bytes of all sorts, times far from now.
fn anything(now: Timestamp) -> Bytes {
    let (past, future) = (Timestamp::from_millis(7), now.after(MINUTE));
    let times = [None, Some(past), Some(future)];
    let token = one_of(&[1, u64::MAX, (1 << 53) + 1]);
    let until = one_of(&[past, future, Timestamp::from_millis(u64::MAX)]);
    let freshness = Freshness {
        soft: one_of(&times),
        hard: one_of(&times),
        lease: one_of(&[None, Some(Lease { token, until })]),
    };
    let kind = one_of(&[Kind::Value, Kind::Value, Kind::Absent, Kind::Placeholder]);
    let mut header = Header::new(kind, now);
    header.freshness = freshness;
    if one_of(&[true, false]) {
        header.tags.push(TagEpoch {
            tag: Tag::new("tag").unwrap(),
            epoch: Epoch { hard: 1, soft: 2 },
        });
    }
    let body = Bytes::from(vec![0; one_of(&[0, 10, LARGE])]);
    let mut stored = Vec::from(Entry { header, body }.encode());
    match one_of(&[0, 0, 0, 0, 0, 0, 1, 2, 3, 4]) {
        1 => stored.push(0),
        2 => stored[0] ^= 1,
        3 => stored[3] ^= 1,
        4 => stored[36] = 9,
        _ => {}
    }
    stored.into()
}

fn some_claim(stored: &[u8]) -> Claim {
    let (this, other) = (EntryId::of(stored), EntryId::of(&[1; 104]));
    let id = one_of(&[this, other]);
    one_of(&[
        Claim::Missing,
        Claim::Renew(id),
        Claim::Replace(id),
        Claim::Absent(Some(id)),
        Claim::Absent(None),
        Claim::Force,
    ])
}

/// The script and the definition agree, whatever is stored, large values included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_are_judged_as_they_are_defined() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let mut seen = [0; 4];
    for round in 0..1500 {
        let now = backend.now(&key("a"), SOON).await.unwrap();
        let stored = anything(now);
        backend.delete(&[key("a")], SOON).await.unwrap();
        put(&backend, "a", &stored).await;
        let claim = some_claim(&stored);
        let expected = claim.judge(Some(&stored), now);
        let token = SystemRandom.next_u64().max(1);
        let leased = lease(&backend, "a", token, claim).await;
        let after = read(&backend, "a").await.unwrap();
        let context = format!("round {round}: {claim:?} of {} bytes", stored.len());
        match (expected, leased) {
            (Judgement::Fresh, Leased::Fresh) => {
                assert_eq!(after, stored, "{context}");
                seen[0] += 1;
            }
            (Judgement::Held(a), Leased::Held(b)) => {
                let apart = a.max(b) - a.min(b);
                let endless = Duration::from_millis(1 << 53);
                assert!(apart < MINUTE / 6 || b == endless, "{context}: {a:?} {b:?}");
                assert_eq!(after, stored, "{context}");
                seen[1] += 1;
            }
            (Judgement::Plant, Leased::Granted(grant)) => {
                let held = Entry::decode(&after).unwrap().header.freshness;
                assert_eq!((grant.token, held.lease.unwrap().token), (token, token));
                assert_eq!(EntryId::of(&after), EntryId::of(&stored), "{context}");
                seen[2] += 1;
            }
            (Judgement::Place, Leased::Granted(_)) => {
                let header = Entry::decode(&after).unwrap().header;
                let lease = header.freshness.lease.unwrap();
                assert_eq!((header.kind, lease.token), (Kind::Placeholder, token));
                assert_eq!(header.freshness.hard, Some(lease.until));
                assert!(lease.until.since(now) <= MINUTE + MINUTE / 6);
                assert_eq!(names(&server), ["t:n:a"], "{context}");
                seen[3] += 1;
            }
            other => panic!("{context}: {other:?}"),
        }
    }
    assert!(seen.iter().all(|&count| count > 30), "{seen:?}");
}

#[tokio::test]
async fn whatever_is_no_entry_gives_way() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let mut raw = raw(&server);
    ask::<()>(&mut raw, "RPUSH t:n:list x");
    ask::<()>(&mut raw, "SET t:n:text plain");
    ask::<()>(&mut raw, "SET t:n:empty ");
    for (token, name) in (1..).zip(["list", "text", "empty", "none"]) {
        let grant = granted(&backend, name, token).await;
        let held = lease(&backend, name, 9, Claim::Missing).await;
        assert!(matches!(held, Leased::Held(left) if left <= MINUTE));
        assert!(fill(&backend, name, grant, store(10)).await, "{name}");
        let again = lease(&backend, name, 9, Claim::Missing).await;
        assert_eq!(again, Leased::Fresh, "{name}");
        assert!(!fill(&backend, name, grant, store(10)).await, "{name}");
    }
    // A fill that finds something else leaves it, and nothing behind.
    let grant = granted(&backend, "later", 5).await;
    ask::<()>(&mut raw, "DEL t:n:later");
    ask::<()>(&mut raw, "RPUSH t:n:later x");
    assert!(!fill(&backend, "later", grant, store(10)).await);
    assert_eq!(ask::<String>(&mut raw, "TYPE t:n:later"), "list");
    assert_eq!(names(&server).len(), 5, "{:?}", names(&server));
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_learns_them_again() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let flush = || ask::<()>(&mut raw(&server), "SCRIPT FLUSH SYNC");
    for (round, bytes) in [(0, 10), (3, LARGE), (6, 10)] {
        flush();
        let requests = ["a", "b", "a"].map(|name| request(name, 0, Claim::Force));
        let mut requests = Vec::from(requests);
        for (request, token) in requests.iter_mut().zip(round + 1..) {
            request.token = token;
        }
        let leased = backend.lease(&requests, SOON).await.unwrap();
        let grants: Vec<Grant> = leased
            .iter()
            .map(|leased| match leased {
                Leased::Granted(grant) => *grant,
                other => panic!("{other:?}"),
            })
            .collect();
        flush();
        let fills = requests.iter().zip(grants).map(|(request, grant)| Fill {
            key: request.key.clone(),
            grant,
            outcome: store(bytes),
        });
        let fills: Vec<Fill> = fills.collect();
        let filled = backend.fill(&fills, SOON).await.unwrap();
        assert_eq!(filled, [false, true, true], "the last lease of each counts");
        flush();
        let both = [key("a"), key("none")];
        let marked = backend.mark_stale(&both, SOON).await.unwrap();
        assert_eq!(marked, [true, false]);
    }
    flush();
    backend
        .renew(&[change("a", Invalidation::Soft, 1)], SOON)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lease_counts_on_the_connection_that_granted_it_alone() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let (small, large) = (
        granted(&backend, "small", 1).await,
        granted(&backend, "large", 2).await,
    );
    ask::<()>(&mut raw(&server), "CLIENT KILL TYPE normal SKIPME yes");
    eventually("another connection", async || {
        (backend.connections().opened > 1 && backend.get(&[key("a")], SOON).await.is_ok())
            .then_some(())
    })
    .await;
    assert!(!fill(&backend, "small", small, store(10)).await);
    assert!(!fill(&backend, "large", large, store(LARGE)).await);
    assert!(!fill(&backend, "small", small, FillOutcome::Remove).await);
    assert_eq!(names(&server), ["t:n:large", "t:n:small"]);
    let held = lease(&backend, "small", 3, Claim::Missing).await;
    assert!(matches!(held, Leased::Held(_)), "{held:?}");
    // It can be given back, which does no harm.
    assert!(fill(&backend, "small", small, FillOutcome::Release).await);
    granted(&backend, "small", 4).await;
}

/// What every topology must do with leases and large values.
pub(super) async fn check_large_fills(backend: &RedisBackend) {
    for bytes in [LARGE, 10, 2 * LARGE] {
        let token = SystemRandom.next_u64().max(1);
        let Leased::Granted(grant) = lease(backend, "a", token, Claim::Force).await else {
            panic!("by force");
        };
        assert!(fill(backend, "a", grant, store(bytes)).await);
        let found = read(backend, "a").await.unwrap();
        let found = Entry::decode(&found).unwrap();
        assert_eq!(
            (found.body.len(), found.header.freshness.lease),
            (bytes, None)
        );
        assert!(!fill(backend, "a", grant, store(LARGE)).await, "once");
        assert!(
            !fill(backend, "a", grant, FillOutcome::Remove).await,
            "once"
        );
    }
    assert_eq!(backend.mark_stale(&[key("a")], SOON).await.unwrap(), [true]);
    let stale = read(backend, "a").await.unwrap();
    let header = Entry::decode(&stale).unwrap().header;
    assert_eq!(header.freshness.soft, Some(Timestamp::from_millis(1)));
    let grant = granted(backend, "a", 77).await;
    assert!(fill(backend, "a", grant, FillOutcome::Hold(MINUTE)).await);
    assert!(!fill(backend, "a", grant, store(10)).await, "held is ended");
    let held = lease(backend, "a", 78, Claim::Missing).await;
    assert!(matches!(held, Leased::Held(_)), "{held:?}");
    let claim = Claim::Absent(Some(EntryId::of(&stale)));
    let Leased::Granted(grant) = lease(backend, "a", 79, claim).await else {
        panic!("over others");
    };
    assert!(fill(backend, "a", grant, FillOutcome::Release).await);
    assert_eq!(read(backend, "a").await, None, "a placeholder goes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_are_filled_and_leave_nothing_behind() {
    let server = server(&[]);
    let backend = backend(&server).await;
    check_large_fills(&backend).await;
    assert_eq!(names(&server), [""; 0]);
    let grant = granted(&backend, "a", 1).await;
    assert!(fill(&backend, "a", grant, store(LARGE)).await);
    let (stub, body): (i64, i64) = (
        ask(&mut raw(&server), "TTL t:n:a"),
        ask(&mut raw(&server), "TTL t~body:{t:n:a}"),
    );
    assert!((50..=60).contains(&stub) && (110..=120).contains(&body));
    // A stub without its value is nothing.
    let _: u64 = ask(&mut raw(&server), "DEL t~body:{t:n:a}");
    let grant = granted(&backend, "a", 2).await;
    assert!(
        fill(
            &backend,
            "a",
            grant,
            FillOutcome::Store(entry(Kind::Absent, Freshness::default(), 0), None)
        )
        .await
    );
    assert_eq!(ask::<i64>(&mut raw(&server), "TTL t:n:a"), -1);
    assert_eq!(names(&server), ["t:n:a"]);
}

#[tokio::test]
async fn lifetimes_beyond_that_of_the_temporary_key_are_kept() {
    let server = server(&[]);
    let backend = backend(&server).await;
    for (ttl, expected) in [(1, 1..=1), (3600, 3590..=3600)] {
        let grant = granted(&backend, "a", ttl).await;
        let value = entry(Kind::Value, Freshness::default(), 10);
        let outcome = FillOutcome::Store(value, Some(Duration::from_secs(ttl)));
        assert!(fill(&backend, "a", grant, outcome).await);
        let left: i64 = ask(&mut raw(&server), "TTL t:n:a");
        assert!(expected.contains(&left), "{left}");
        backend.delete(&[key("a")], SOON).await.unwrap();
    }
}

fn change(name: &str, effect: Invalidation, fresh: u64) -> EpochChange {
    EpochChange {
        key: key(name),
        others: Vec::new(),
        effect,
        fresh,
    }
}

/// The script and the definition agree, over the whole life of a record.
#[tokio::test]
async fn records_change_as_it_is_defined() {
    let server = server(&[]);
    let backend = backend(&server).await;
    backend.set(&[write("no", "record")], SOON).await.unwrap();
    for name in ["none", "no"] {
        let soft = change(name, Invalidation::Soft, 1);
        backend
            .renew(std::slice::from_ref(&soft), SOON)
            .await
            .unwrap();
        let stored = backend.get(&[key(name)], SOON).await.unwrap().remove(0);
        assert_eq!(stored.unwrap(), soft.apply_to(None).encode());
    }
    backend
        .renew(&[change("a", Invalidation::Hard, 5)], SOON)
        .await
        .unwrap();
    let mut expected = EpochRecord::new(Epoch { hard: 5, soft: 5 });
    let tags: Vec<String> = (0..40).map(|n| format!("tag{n}")).collect();
    for round in 0..400 {
        let fresh = SystemRandom.next_u64();
        let mut change = change(
            "a",
            one_of(&[Invalidation::Hard, Invalidation::Soft]),
            fresh,
        );
        if one_of(&[true, true, true, true, true, true, false]) {
            let pick = one_of(&[2, 40]);
            let chosen = (0..one_of(&[1, 2, 3])).map(|_| {
                let index = SystemRandom.next_u64() % pick;
                tags[usize::try_from(index).unwrap()].as_str()
            });
            let chosen: Vec<&str> = chosen.collect();
            change.others = Tag::list(&chosen).unwrap();
        }
        let applied = (change.others.clone(), change.effect);
        backend.renew(&[change], SOON).await.unwrap();
        expected.apply(&applied.0, applied.1, fresh);
        let stored = read(&backend, "a").await.unwrap();
        assert_eq!(stored, expected.encode(), "round {round}");
    }
    let left: i64 = ask(&mut raw(&server), "TTL t:n:a");
    assert!((2_591_000..=2_592_000).contains(&left), "{left}");
}
