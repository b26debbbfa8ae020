//! Moving the expiry of entries.

use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Condition, Entry, Expiry, Header, Kind, Lease, Lifetime, Operation, Reply,
    Timestamp, Write,
};
use larder_redis_backend::RedisBackend;

use super::{SOON, ask, backend, key, keys, raw, server, write};

const HOUR: Duration = Duration::from_secs(3600);

fn entry() -> Entry {
    let mut header = Header::new(Kind::Value, Timestamp::from_millis(1_700_000_000_000));
    header.freshness.lease = Some(Lease {
        token: u64::MAX,
        until: Timestamp::from_millis(u64::MAX),
    });
    Entry {
        header,
        body: Bytes::from_static(b"body"),
    }
}

fn stored(name: &str) -> Write {
    Write {
        key: key(name),
        value: entry().encode(),
        ttl: Some(HOUR),
        condition: Condition::Always,
    }
}

async fn read(backend: &RedisBackend, name: &str) -> Entry {
    let found = backend.get(&[key(name)], SOON).await.unwrap().remove(0);
    Entry::decode(&found.unwrap()).unwrap()
}

#[tokio::test]
async fn header_and_key_move_together() {
    let server = server(&[]);
    let backend = backend(&server).await;
    backend.set(&[stored("a")], SOON).await.unwrap();
    let lifetime = Lifetime {
        soft: Some(Duration::from_nanos(1)),
        hard: Some(2 * HOUR),
    };
    let before = backend.now(&key("a"), SOON).await.unwrap();
    assert_eq!(
        backend.expire(&[key("a")], lifetime, SOON).await.unwrap(),
        [true]
    );
    let moved = read(&backend, "a").await;
    let (soft, hard) = (
        moved.header.freshness.soft.unwrap(),
        moved.header.freshness.hard.unwrap(),
    );
    assert!(
        soft.since(before) < Duration::from_secs(2),
        "{before:?} {soft:?}"
    );
    assert_eq!(hard.since(soft), 2 * HOUR - Duration::from_millis(1));
    assert_eq!(
        ask::<u64>(&mut raw(&server), "PEXPIRETIME t:n:a"),
        hard.as_millis()
    );
    let mut expected = entry();
    expected.header.freshness.soft = Some(soft);
    expected.header.freshness.hard = Some(hard);
    assert_eq!(moved, expected, "nothing else has changed");
}

#[tokio::test]
async fn never_is_zero_in_the_header_and_no_expiry_of_the_key() {
    let server = server(&[]);
    let backend = backend(&server).await;
    backend.set(&[stored("a")], SOON).await.unwrap();
    let soft = |soft| Lifetime { soft, hard: None };
    assert_eq!(
        backend
            .expire(&[key("a")], soft(Some(HOUR)), SOON)
            .await
            .unwrap(),
        [true]
    );
    assert!(read(&backend, "a").await.header.freshness.soft.is_some());
    assert_eq!(
        backend.expire(&[key("a")], soft(None), SOON).await.unwrap(),
        [true]
    );
    assert_eq!(read(&backend, "a").await, entry());
    assert_eq!(
        backend.ttl(&[key("a")], SOON).await.unwrap(),
        [Some(Expiry::Never)]
    );
}

#[tokio::test]
async fn what_is_no_entry_stays_as_it_is() {
    let server = server(&[]);
    let backend = backend(&server).await;
    let short = Write {
        value: Bytes::from_static(b"\xC1LD\x01short"),
        ..write("short", "")
    };
    let later = Write {
        value: Bytes::from([0xC1, b'L', b'D', 2, 0].repeat(40)),
        ..write("later", "")
    };
    backend
        .set(
            &[stored("a"), write("text", "plain text"), short, later],
            SOON,
        )
        .await
        .unwrap();
    ask::<()>(&mut raw(&server), "RPUSH t:n:list x");
    let names = keys(["text", "a", "none", "list", "short", "later", "a"]);
    let lifetime = Lifetime {
        soft: None,
        hard: Some(HOUR),
    };
    let moved = backend.expire(&names, lifetime, SOON).await.unwrap();
    assert_eq!(moved, [false, true, false, false, false, false, true]);
    let found = backend
        .get(&keys(["text", "none", "short"]), SOON)
        .await
        .unwrap();
    assert_eq!(
        found,
        [
            Some("plain text".into()),
            None,
            Some(Bytes::from_static(b"\xC1LD\x01short"))
        ]
    );
    assert_eq!(
        backend.ttl(&[key("text")], SOON).await.unwrap(),
        [Some(Expiry::Never)]
    );
}

#[tokio::test]
async fn a_server_that_forgot_the_script_learns_it_again() {
    let server = server(&[]);
    let backend = backend(&server).await;
    backend
        .set(&[stored("a"), stored("b")], SOON)
        .await
        .unwrap();
    let both = keys(["a", "b"]);
    for _ in 0..2 {
        let moved = backend
            .expire(&both, Lifetime::default(), SOON)
            .await
            .unwrap();
        assert_eq!(moved, [true, true]);
        ask::<()>(&mut raw(&server), "SCRIPT FLUSH SYNC");
    }
    let steps = [
        Operation::Expire(key("a"), Lifetime::default()),
        Operation::Delete(key("a")),
        Operation::Expire(key("a"), Lifetime::default()),
        Operation::Expire(key("b"), Lifetime::default()),
    ];
    let results = backend.pipeline(&steps, SOON).await.unwrap();
    let done: Vec<bool> = results
        .into_iter()
        .map(|result| matches!(result.unwrap(), Reply::Done(true)))
        .collect();
    assert_eq!(done, [true, true, false, true]);
}

#[tokio::test]
async fn lifetimes_without_end_in_sight_are_exact() {
    let server = server(&[]);
    let backend = backend(&server).await;
    backend.set(&[stored("a")], SOON).await.unwrap();
    let century = Duration::from_secs(100 * 365 * 86_400);
    for (soft, hard) in [
        (century, century),
        (Duration::MAX, Duration::MAX),
        (HOUR, Duration::ZERO),
    ] {
        let lifetime = Lifetime {
            soft: Some(soft),
            hard: Some(hard),
        };
        assert_eq!(
            backend.expire(&[key("a")], lifetime, SOON).await.unwrap(),
            [true],
            "{hard:?}"
        );
        if hard == century {
            let freshness = read(&backend, "a").await.header.freshness;
            assert_eq!(freshness.soft, freshness.hard);
            assert_eq!(
                ask::<u64>(&mut raw(&server), "PEXPIRETIME t:n:a"),
                freshness.hard.unwrap().as_millis()
            );
        }
    }
    super::eventually("the end of zero", async || {
        (backend.get(&[key("a")], SOON).await.unwrap() == [None]).then_some(())
    })
    .await;
}
