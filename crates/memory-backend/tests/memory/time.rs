//! Time: a test's clock turns all of it.

use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Clock, Entry, ErrorKind, Header, Kind, Lifetime, Timestamp,
};
use larder_testkit::{ClockReadings, ManualClock};

use crate::{CALL, Memory, key, write};

const ROOM: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

#[tokio::test]
async fn a_value_is_there_to_the_last_nanosecond_and_no_longer() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), ROOM);
    memory.put_for("key", "x", SECOND).await;
    clock.advance(SECOND - NANOSECOND);
    assert!(memory.get("key").await.is_some());
    clock.advance(NANOSECOND);
    assert!(memory.get("key").await.is_none());
}

#[tokio::test]
async fn a_wall_clock_that_is_set_moves_nothing() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), ROOM);
    let began = clock.wall();
    memory.put_for("key", "x", SECOND).await;
    for elsewhen in [1, 4_000_000_000_000] {
        clock.set_wall(Timestamp::from_millis(elsewhen));
        assert!(memory.get("key").await.is_some());
        let now = memory.0.now(&key("key"), CALL).await.unwrap();
        assert_eq!(now, began);
    }
    clock.advance(SECOND);
    assert!(memory.get("key").await.is_none());
}

#[tokio::test]
async fn an_entry_ends_at_the_same_time_in_its_header_and_in_the_store() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), ROOM);
    let entry = Entry {
        header: Header::new(Kind::Value, clock.wall()),
        body: Bytes::from_static(b"x"),
    };
    memory.put("key", entry.encode()).await;
    let lifetime = Lifetime {
        soft: Some(SECOND),
        hard: Some(2 * SECOND),
    };
    let moved = memory.0.expire(&[key("key")], lifetime, CALL).await;
    assert_eq!(moved.unwrap(), [true]);
    let stored = Entry::decode(&memory.get("key").await.unwrap()).unwrap();
    let freshness = stored.header.freshness;
    assert_eq!(freshness.soft, Some(clock.wall().after(SECOND)));
    clock.advance(2 * SECOND - NANOSECOND);
    let now = memory.0.now(&key("key"), CALL).await.unwrap();
    assert!(!freshness.is_gone(now) && memory.get("key").await.is_some());
    clock.advance(NANOSECOND);
    let now = memory.0.now(&key("key"), CALL).await.unwrap();
    assert!(freshness.is_gone(now) && memory.get("key").await.is_none());
}

#[tokio::test]
async fn a_call_reads_the_clock_once() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), ROOM);
    let before = clock.readings();
    memory.put_for("key", "x", SECOND).await;
    let keys: Vec<_> = (0..100).map(|n| key(&n.to_string())).collect();
    memory.0.get(&keys, CALL).await.unwrap();
    let expected = ClockReadings {
        now: before.now + 2,
        ..before
    };
    assert_eq!(clock.readings(), expected);
}

#[tokio::test]
async fn no_time_to_live_is_refused() {
    let memory = Memory::of(ROOM);
    let error = memory
        .try_set(write("key", "x", Some(Duration::ZERO)))
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidTtl);
}

#[tokio::test]
async fn it_knows_how_long_it_has_been_there() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), ROOM);
    clock.advance(90 * SECOND);
    let node = memory.node().await;
    assert_eq!(node.uptime, Some(90 * SECOND));
    assert_eq!(node.max_memory_bytes, Some(ROOM));
    assert_eq!(
        (node.address.as_str(), node.role.as_str()),
        ("in-process", "in-process")
    );
}
