//! Process memory: its byte budget, its ends, and what a hit costs.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_cache::{CacheBuilder, SetOptions, TypedCache};
use larder_cache_core::{Clock, L1, Namespace, Ttl};
use larder_memory_backend::MemoryBackend;
use larder_testkit::{ClockReadings, ManualClock, Method};

use crate::world::{Database, TTL, World};

const OVERHEAD: u64 = 160;

/// Asserts where a read is answered.
async fn check_tier(world: &World, users: &TypedCache<String>, key: &str, tier: &str) {
    world.events.take();
    users.get(key).await.unwrap();
    let events = world.events.take();
    assert!(
        events[0].starts_with(tier),
        "{key}: {events:?} is no {tier}"
    );
}

#[tokio::test]
async fn entries_weigh_what_is_documented() {
    let world = World::new();
    let users = world.users();
    let set = |key: &'static str, value: String| {
        let users = users.clone();
        async move { users.set(key, value).await.unwrap() }
    };
    let weighs = |entries: usize, bytes: u64| {
        let l1 = world.cache.stats().l1;
        assert_eq!((l1.entries, l1.bytes), (entries, bytes));
    };
    weighs(0, 0);
    // MessagePack puts one byte before a text of up to 31.
    set("key", "Ada".to_owned()).await;
    weighs(1, OVERHEAD + 3 + 4);
    set("key", "Grace".to_owned()).await;
    weighs(1, OVERHEAD + 3 + 6);
    set("longer key", String::new()).await;
    weighs(2, 2 * OVERHEAD + 3 + 6 + 10 + 1);
    users.delete("key").await.unwrap();
    weighs(1, OVERHEAD + 10 + 1);
    let none = Database::new().answers::<larder_cache::Loaded<String>>(Ok(absent()));
    users.load("none").with(none).await.unwrap();
    weighs(2, 2 * OVERHEAD + 10 + 1 + 4);
    users.delete_by_pattern("*").await.unwrap();
    weighs(0, 0);
    assert_eq!(world.cache.stats().l1.max_bytes, 64 << 20);
}

fn absent() -> larder_cache::Loaded<String> {
    larder_cache::Loaded::absent()
}

#[tokio::test]
async fn the_byte_budget_holds_for_all_sizes() {
    for (seed, max_bytes) in [(1, 10_000), (2, 100_003), (3, 1_000_001), (4, 8_388_611)] {
        let world = World::with(|builder| builder.l1_bytes(max_bytes));
        let users = world.users();
        let mut rng = Rng::with_seed(seed);
        let (mut held, largest) = (0, max_bytes / 20);
        for n in 0..600 {
            let value = "x".repeat(rng.u64(..largest) as usize);
            users.set(format!("{}", n % 200), value).await.unwrap();
            let l1 = world.cache.stats().l1;
            assert!(
                l1.max_bytes <= max_bytes && l1.bytes <= max_bytes,
                "seed {seed}: {l1:?}"
            );
            held = held.max(l1.bytes);
        }
        assert!(
            held > max_bytes / 2,
            "seed {seed}: {held} of {max_bytes} used"
        );
    }
}

#[tokio::test]
async fn evictions_are_told_with_their_bytes() {
    let world = World::with(|builder| builder.l1_bytes(50_000));
    let users = world.users();
    let mut inserted = 0;
    for n in 0..500 {
        let key = format!("{n:03}");
        users.set(&key, "x".repeat(400)).await.unwrap();
        inserted += OVERHEAD + 3 + 403;
    }
    let events = world.events.take();
    let evicted = events.iter().filter_map(|e| e.strip_prefix("evicted "));
    let evicted: Vec<u64> = evicted.map(|bytes| bytes.parse().unwrap()).collect();
    let l1 = world.cache.stats().l1;
    assert_eq!(evicted.len() + l1.entries, 500);
    assert_eq!(evicted.iter().sum::<u64>() + l1.bytes, inserted);
    assert!(!evicted.is_empty() && l1.entries > 10);
}

/// A value that L1 has no room for must not leave the one before in its place.
#[tokio::test]
async fn a_value_too_large_for_l1_replaces_the_one_before() {
    let world = World::with(|builder| builder.l1_bytes(10_000));
    let users = world.users();
    users.set("7", "small".to_owned()).await.unwrap();
    check_tier(&world, &users, "7", "hit l1").await;
    let large = "x".repeat(20_000);
    users.set("7", large.clone()).await.unwrap();
    assert_eq!(*users.get("7").await.unwrap().unwrap(), large);
    check_tier(&world, &users, "7", "hit l2").await;
    assert_eq!(world.cache.stats().l1.entries, 0);
}

/// With the backend down only L1 can answer, so it alone decides about the end.
#[tokio::test]
async fn l1_ends_values_itself() {
    let world = World::new();
    let (users, grace) = (world.users(), Duration::from_secs(30));
    users.set("7", "Ada".to_owned()).await.unwrap();
    let endless = SetOptions::new().ttl(Ttl::None);
    users
        .set_with("8", "Bob".to_owned(), endless)
        .await
        .unwrap();
    world.chaos.go_down();
    world.clock.advance(TTL - Duration::from_nanos(1));
    assert!(users.get("7").await.unwrap().is_some());
    world.clock.advance(Duration::from_nanos(1));
    assert_eq!(users.get("7").await.unwrap(), None);
    let stale = users.get_or_load("7", Database::new().fails("down")).await;
    assert_eq!(*stale.unwrap(), "Ada", "usable in its grace");
    world.clock.advance(grace);
    let gone = users.get_or_load("7", Database::new().fails("down")).await;
    assert!(gone.is_err(), "its grace is over");
    world.clock.advance(Duration::from_secs(100 * 365 * 86_400));
    assert!(users.get("8").await.unwrap().is_some());
}

#[tokio::test]
async fn namespaces_say_how_long_l1_may_keep() {
    let second = Duration::from_secs(1);
    for (l1, at_once, after_a_second) in [
        (L1::Default, "hit l1", "hit l1"),
        (L1::Off, "hit l2", "hit l2"),
        (L1::Ttl(second), "hit l1", "hit l2"),
        (L1::Ttl(2 * second), "hit l1", "hit l1"),
        (L1::Ttl(1000 * second), "hit l1", "hit l1"),
    ] {
        let world = World::new();
        world.cache.update_namespace("users", |n| n.l1(l1)).unwrap();
        let users = world.users();
        users.set("set", "Ada".to_owned()).await.unwrap();
        world
            .elsewhere()
            .set("read", "Bob".to_owned())
            .await
            .unwrap();
        users.get("read").await.unwrap();
        for key in ["set", "read"] {
            check_tier(&world, &users, key, at_once).await;
        }
        world.clock.advance(second);
        for key in ["set", "read"] {
            check_tier(&world, &users, key, after_a_second).await;
        }
        world.clock.advance(TTL - second);
        assert_eq!(
            users.get("set").await.unwrap(),
            None,
            "{l1:?} extends nothing"
        );
    }
}

#[tokio::test]
async fn l1_can_be_left_out() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let users = world.users();
    users.set("7", "Ada".to_owned()).await.unwrap();
    let loaded = users.get_or_load("8", Database::new().finds("Bob")).await;
    assert_eq!(*loaded.unwrap(), "Bob");
    for key in ["7", "8", "7"] {
        check_tier(&world, &users, key, "hit l2").await;
    }
    assert_eq!(world.cache.stats().l1, larder_cache::L1Stats::default());
}

#[tokio::test]
async fn a_hit_reads_the_coarse_clock_once_and_asks_nobody() {
    let world = World::new();
    let (users, database) = (world.users(), Database::new());
    users.set("7", "Ada".to_owned()).await.unwrap();
    let none = database.answers::<larder_cache::Loaded<String>>(Ok(absent()));
    users.load("none").with(none).await.unwrap();
    let calls = world.chaos.all_calls() + world.chaos.calls(Method::Now);
    let before = world.clock.readings();
    let hits = 5;
    users.get("7").await.unwrap();
    users.get("none").await.unwrap();
    users.get_many(["7"]).await.unwrap();
    users
        .get_or_load("7", database.fails("a hit"))
        .await
        .unwrap();
    users
        .load("7")
        .with(database.fails::<String>("a hit"))
        .await
        .unwrap();
    let expected = ClockReadings {
        coarse: before.coarse + hits,
        ..before
    };
    assert_eq!(world.clock.readings(), expected);
    let calls_after = world.chaos.all_calls() + world.chaos.calls(Method::Now);
    assert_eq!(calls_after, calls);
    assert_eq!(users.stats().l1_hits, 4);
    assert_eq!(users.stats().negative_hits, 1);
}

/// The wall clock of the host is no part of it.
#[tokio::test]
async fn a_wall_clock_that_is_set_ends_nothing() {
    let world = World::new();
    let users = world.users();
    users.set("7", "Ada".to_owned()).await.unwrap();
    let year = Duration::from_secs(365 * 86_400);
    world.clock.set_wall(world.clock.wall().after(year));
    check_tier(&world, &users, "7", "hit l1").await;
    assert!(world.elsewhere().get("7").await.unwrap().is_some());
}

/// What a negative answer hides is told apart from what nobody knows.
#[tokio::test]
async fn exists_and_ttl_know_what_l1_knows_to_be_absent() {
    let world = World::new();
    let users = world.users();
    let none = Database::new().answers::<larder_cache::Loaded<String>>(Ok(absent()));
    users.load("7").with(none).await.unwrap();
    world.elsewhere().set("7", "Ada".to_owned()).await.unwrap();
    assert_eq!(users.get("7").await.unwrap(), None, "L1 does not know yet");
    assert!(!users.exists("7").await.unwrap());
    assert_eq!(users.ttl("7").await.unwrap(), None);
}

/// ... and the other way round: what L1 still answers is there.
#[tokio::test]
async fn exists_and_ttl_know_what_l1_still_answers() {
    let world = World::new();
    let users = world.users();
    users.set("7", "Ada".to_owned()).await.unwrap();
    world.elsewhere().delete("7").await.unwrap();
    assert!(users.get("7").await.unwrap().is_some());
    assert!(users.exists("7").await.unwrap());
    assert_eq!(users.ttl("7").await.unwrap().unwrap().duration(), Some(TTL));
    world.chaos.go_down();
    assert!(users.exists("7").await.unwrap());
    assert_eq!(users.ttl("7").await.unwrap().unwrap().duration(), Some(TTL));
}

#[test]
fn budgets_that_cannot_be_had_are_refused_or_held() {
    for bytes in [0, 1, 159, 1 << 20, (1 << 20) - 1, u64::MAX] {
        let built = CacheBuilder::new()
            .namespace(Namespace::new("users"))
            .clock(ManualClock::new())
            .l1_bytes(bytes)
            .build(Arc::new(MemoryBackend::new(1 << 20)));
        let max_bytes = built.unwrap().stats().l1.max_bytes;
        assert!(max_bytes <= bytes, "{max_bytes} of {bytes}");
    }
}
