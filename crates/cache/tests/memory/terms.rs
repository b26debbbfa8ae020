//! How long what was stored or loaded lives, and what else it is stored with.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_cache::{LoadError, Loaded, Remaining, SetOptions};
use larder_cache_core::{
    Bytes, Clock, Compression, Entry, ErrorKind, Freshness, Kind, Namespace, Random, Ttl,
};
use larder_compression::{Objective, Optimizer, OptimizerOptions};

use crate::world::{Database, DbError, GRACE, NEGATIVE_TTL, TTL, World};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn entry(world: &World, key: &str) -> Entry {
    Entry::decode(&world.stored(key).await.unwrap()).unwrap()
}

async fn check_ttl(world: &World, key: &str, expected: Option<u64>) {
    let ttl = world.users().ttl(key).await.unwrap().unwrap();
    assert_eq!(ttl.duration(), expected.map(seconds), "{key}");
}

#[tokio::test]
async fn the_loader_goes_before_the_call_and_the_call_before_the_namespace() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let long = Ttl::Exact(seconds(100));
    for (key, call, loaded, expected) in [
        ("namespace", Ttl::Default, Ttl::Default, Some(TTL.as_secs())),
        ("call", long, Ttl::Default, Some(100)),
        ("loader", Ttl::Default, long, Some(100)),
        ("both", Ttl::Short, long, Some(100)),
        ("short", Ttl::Short, Ttl::Default, Some(300)),
        ("medium", Ttl::Medium, Ttl::Default, Some(1800)),
        ("long", Ttl::Long, Ttl::Default, Some(7200)),
        ("endless call", Ttl::None, Ttl::Default, None),
        ("endless loader", Ttl::Short, Ttl::None, None),
    ] {
        let found = Loaded::value("Ada".to_owned()).ttl(loaded);
        let request = users.load(key).ttl(call);
        request.with(database.answers(Ok(found))).await.unwrap();
        check_ttl(&world, key, expected).await;
    }
}

#[tokio::test]
async fn set_takes_each_ttl() {
    let world = World::new();
    let users = world.users();
    for (key, ttl, expected) in [
        ("default", Ttl::Default, Some(TTL.as_secs())),
        ("short", Ttl::Short, Some(300)),
        ("medium", Ttl::Medium, Some(1800)),
        ("long", Ttl::Long, Some(7200)),
        ("exact", Ttl::Exact(seconds(7)), Some(7)),
        ("none", Ttl::None, None),
        ("longest", Ttl::Exact(Ttl::MAX), Some(Ttl::MAX.as_secs())),
    ] {
        let options = SetOptions::new().ttl(ttl);
        users
            .set_with(key, "Ada".to_owned(), options)
            .await
            .unwrap();
        check_ttl(&world, key, expected).await;
        let hard = entry(&world, key).await.header.freshness.hard;
        assert_eq!(hard.is_none(), expected.is_none(), "{key}");
    }
}

/// Both tiers end a value at the same time, to the millisecond.
#[tokio::test]
async fn values_end_on_time_in_both_tiers() {
    let world = World::new();
    let (users, elsewhere) = (world.users(), world.elsewhere());
    users.set("7", "Ada".to_owned()).await.unwrap();
    world.clock.advance(TTL - Duration::from_millis(1));
    assert!(users.get("7").await.unwrap().is_some());
    assert!(elsewhere.get("7").await.unwrap().is_some());
    assert_eq!(
        users.ttl("7").await.unwrap(),
        Some(Remaining::For(Duration::from_millis(1)))
    );
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(users.get("7").await.unwrap(), None);
    assert_eq!(elsewhere.get("7").await.unwrap(), None);
    assert_eq!(users.ttl("7").await.unwrap(), None);
    assert!(world.stored("7").await.is_some(), "kept for its grace");
    world.clock.advance(GRACE);
    assert_eq!(world.stored("7").await, None);
}

#[tokio::test]
async fn bad_terms_are_refused_before_anything_is_done() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let long_tag = "x".repeat(256);
    let many_tags = || (0..65).map(|n| n.to_string());
    for ttl in [Duration::ZERO, Duration::MAX, Ttl::MAX + seconds(1)] {
        let loaded = users.load("7").ttl(ttl);
        let loaded = loaded.with(database.finds::<String>("Ada")).await;
        check_kind(loaded.map(drop), ErrorKind::InvalidTtl);
        let set = users.set_with("7", "Ada".to_owned(), SetOptions::new().ttl(ttl));
        assert_eq!(set.await.unwrap_err().kind(), ErrorKind::InvalidTtl);
        let moved = users.expire("7", ttl).await;
        assert_eq!(moved.unwrap_err().kind(), ErrorKind::InvalidTtl);
    }
    for tags in [vec![""], vec!["a\tb"], vec![long_tag.as_str()]] {
        let loaded = users.load("7").tags(tags.clone());
        let loaded = loaded.with(database.finds::<String>("Ada")).await;
        check_kind(loaded.map(drop), ErrorKind::InvalidTag);
        let set = users.set_with("7", "Ada".to_owned(), SetOptions::new().tags(tags));
        assert_eq!(set.await.unwrap_err().kind(), ErrorKind::InvalidTag);
    }
    let loaded = users.load("7").tags(many_tags());
    let loaded = loaded.with(database.finds::<String>("Ada")).await;
    check_kind(loaded.map(drop), ErrorKind::InvalidTag);
    let compressed = SetOptions::new().compression(Compression::Auto);
    let set = users.set_with("7", "Ada".to_owned(), compressed).await;
    assert_eq!(set.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!((database.queries(), world.chaos.all_calls()), (0, 0));
}

fn check_kind(result: Result<(), LoadError<DbError>>, kind: ErrorKind) {
    match result {
        Err(LoadError::Cache(error)) => assert_eq!(error.kind(), kind, "{error}"),
        other => panic!("expected {kind:?}, found {other:?}"),
    }
}

/// What a loader asks for comes too late to be refused: the value goes to its callers.
#[tokio::test]
async fn bad_terms_of_a_loader_cost_the_fill_alone() {
    let world = World::new();
    let small = |users: Namespace| users.max_value_bytes(1024);
    world.cache.update_namespace("users", small).unwrap();
    let users = world.users();
    let ada = || Loaded::value("Ada".to_owned());
    for (found, bytes, reason) in [
        (ada().ttl(Duration::ZERO), 3, "InvalidTerms"),
        (ada().ttl(Duration::MAX), 3, "InvalidTerms"),
        (ada().tags([""]), 3, "InvalidTerms"),
        (
            ada().tags((0..65).map(|n| n.to_string())),
            3,
            "InvalidTerms",
        ),
        (Loaded::value("x".repeat(1025)), 1025, "TooLarge"),
    ] {
        let loaded = users.load("7").with(|| async { Ok::<_, DbError>(found) });
        assert_eq!(loaded.await.unwrap().unwrap().len(), bytes);
        let refused = format!("refused {reason} 7");
        assert!(world.events.take().contains(&refused), "{refused}");
        assert_eq!(users.get("7").await.unwrap(), None);
    }
    assert_eq!(users.stats().fills_refused, 5);
}

#[tokio::test]
async fn unserializable_values_are_loaded_and_not_stored() {
    let world = World::new();
    let maps = world.typed::<Vec<(f32, NoSerialization)>>("users");
    let found = || vec![(1.0, NoSerialization)];
    let loaded = maps.get_or_load("7", move || async move { Ok::<_, DbError>(found()) });
    assert_eq!(loaded.await.unwrap().len(), 1);
    assert!(
        world
            .events
            .take()
            .contains(&"refused Unserializable 7".to_owned())
    );
    let set = maps.set("7", found()).await.unwrap_err();
    assert_eq!(set.kind(), ErrorKind::Codec);
    assert_eq!(world.stored("7").await, None);
}

#[derive(Debug, serde::Deserialize)]
struct NoSerialization;

impl serde::Serialize for NoSerialization {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a file handle, say"))
    }
}

#[tokio::test]
async fn absence_has_a_time_of_its_own() {
    let (world, database) = (World::new(), Database::new());
    let (users, elsewhere) = (world.users(), world.elsewhere());
    let finds_none = || database.answers::<Loaded<String>>(Ok(Loaded::absent()));
    let load = async || users.load("7").ttl(Ttl::Long).with(finds_none()).await;
    assert_eq!(load().await.unwrap(), None);
    assert_eq!(entry(&world, "7").await.header.kind, Kind::Absent);
    assert_eq!(load().await.unwrap(), None);
    let there = elsewhere.load("7").with(finds_none()).await;
    assert_eq!(there.unwrap(), None);
    assert_eq!(users.get("7").await.unwrap(), None);
    assert_eq!(
        (users.exists("7").await.unwrap(), database.queries()),
        (false, 1)
    );
    world.clock.advance(NEGATIVE_TTL - Duration::from_millis(1));
    assert_eq!(load().await.unwrap(), None);
    assert_eq!(database.queries(), 1);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(load().await.unwrap(), None);
    assert_eq!(database.queries(), 2);
    assert_eq!(users.stats().negative_hits, 3);
}

#[tokio::test]
async fn absence_lives_as_long_as_the_loader_says() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    for (ttl, hard) in [(Ttl::Short, Some(300)), (Ttl::None, None)] {
        let found = Loaded::<String>::absent().ttl(ttl);
        let key = format!("{ttl:?}");
        let none = users.load(&key).with(database.answers(Ok(found))).await;
        assert_eq!(none.unwrap(), None);
        let header = entry(&world, &key).await.header;
        let lives = header.freshness.hard.map(|end| end.since(header.created));
        assert_eq!(lives, hard.map(seconds), "{key}");
    }
}

/// Absence that is past its time is no answer, also where something keeps it longer.
#[tokio::test]
async fn stale_absence_is_no_answer() {
    let (world, database) = (World::new(), Database::new());
    let mut header = world.header(Kind::Absent).await;
    let times = (Some(seconds(5)), Some(seconds(500)));
    header.freshness = Freshness::from(world.clock.wall(), times.0, times.1);
    let body = Bytes::new();
    world.plant("7", Entry { header, body }.encode()).await;
    let users = world.users();
    let load = async || users.load("7").with(database.finds::<String>("Ada")).await;
    assert_eq!(load().await.unwrap(), None);
    assert_eq!(load().await.unwrap(), None);
    world.clock.advance(seconds(5));
    assert_eq!(users.get("7").await.unwrap(), None);
    assert_eq!(load().await.unwrap().as_deref(), Some(&"Ada".to_owned()));
    let stats = users.stats();
    assert_eq!(
        (stats.negative_hits, stats.miss_reasons),
        (2, vec![("expired", 2)])
    );
}

#[tokio::test]
async fn absence_need_not_be_remembered() {
    let (world, database) = (World::new(), Database::new());
    let forget = |users: Namespace| users.negative_ttl(None);
    world.cache.update_namespace("users", forget).unwrap();
    let users = world.users();
    for _ in 0..3 {
        let none = database.answers::<Loaded<String>>(Ok(Loaded::absent()));
        assert_eq!(users.load("7").with(none).await.unwrap(), None);
    }
    assert_eq!((database.queries(), world.stored("7").await), (3, None));
}

#[tokio::test]
async fn tags_and_load_cost_are_stored() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let found = Loaded::value("Ada".to_owned()).tags(["vip", "active"]);
    let loader = {
        let (clock, database) = (world.clock.clone(), database.clone());
        || async move {
            clock.advance(Duration::from_millis(250));
            database.query(Ok::<_, DbError>(found)).await
        }
    };
    let request = users.load("7").tags(["active", "profile"]);
    request.with(loader).await.unwrap();
    let header = entry(&world, "7").await.header;
    let tags: Vec<_> = header.tags.iter().map(|t| t.tag.as_str()).collect();
    assert_eq!(tags, ["active", "profile", "vip"]);
    assert_eq!(header.load_cost, Duration::from_millis(250));
    let options = SetOptions::new().tags(["b", "a", "b"]);
    users
        .set_with("8", "Bob".to_owned(), options)
        .await
        .unwrap();
    let tags = entry(&world, "8").await.header.tags;
    let tags: Vec<_> = tags.iter().map(|t| t.tag.as_str()).collect();
    assert_eq!(tags, ["a", "b"]);
}

/// Takes the middle of every range.
#[derive(Debug)]
struct Middle;

impl Random for Middle {
    fn next_u64(&self) -> u64 {
        1 << 63
    }
}

#[tokio::test]
async fn jitter_shortens_and_spares_exact_times() {
    let world = World::with(|builder| builder.random(Arc::new(Middle)));
    let jitter = |users: Namespace| users.jitter(0.2);
    world.cache.update_namespace("users", jitter).unwrap();
    let users = world.users();
    users.set("namespace", "Ada".to_owned()).await.unwrap();
    check_ttl(&world, "namespace", Some(54)).await;
    let options = SetOptions::new().ttl(Ttl::Short);
    users
        .set_with("class", "Ada".to_owned(), options)
        .await
        .unwrap();
    check_ttl(&world, "class", Some(270)).await;
    let options = SetOptions::new().ttl(seconds(100));
    users
        .set_with("exact", "Ada".to_owned(), options)
        .await
        .unwrap();
    check_ttl(&world, "exact", Some(100)).await;
}

#[tokio::test]
async fn compression_follows_call_then_namespace_then_cache() {
    use Compression::{Auto, Default, Off};
    for (call, namespace, cache, compressed) in [
        (Default, Default, Auto, true),
        (Default, Default, Off, false),
        (Default, Auto, Off, true),
        (Default, Off, Auto, false),
        (Auto, Off, Off, true),
        (Off, Auto, Auto, false),
    ] {
        let world = World::with(|b| b.codec(codec(1024)).compression(cache));
        let set = |users: Namespace| users.compression(namespace);
        world.cache.update_namespace("users", set).unwrap();
        let (users, options) = (world.users(), SetOptions::new().compression(call));
        let text = "the same words, ".repeat(100);
        users.set_with("set", text.clone(), options).await.unwrap();
        let (database, request) = (Database::new(), users.load("load").compression(call));
        let loaded = request.with(database.finds::<String>(text.clone())).await;
        assert_eq!(*loaded.unwrap().unwrap(), text);
        for key in ["set", "load"] {
            let entry = entry(&world, key).await;
            assert_eq!(
                entry.header.compression != 0,
                compressed,
                "{call:?} {namespace:?} {cache:?}"
            );
            assert_eq!(entry.body.len() < text.len(), compressed);
        }
    }
}

#[tokio::test]
async fn what_does_not_shrink_is_stored_plain() {
    let world = World::with(|b| b.codec(codec(100)));
    let users = world.users();
    let mut rng = Rng::with_seed(7);
    let noise: String = (0..400).map(|_| rng.char('!'..='~')).collect();
    for (key, value, compressed) in [
        ("at the threshold", "x".repeat(98), false),
        ("above the threshold", "x".repeat(99), true),
        ("noise", noise, false),
    ] {
        users.set(key, value.clone()).await.unwrap();
        let header = entry(&world, key).await.header;
        assert_eq!(header.compression != 0, compressed, "{key}");
        // Settings that are set again empty L1.
        world
            .cache
            .update_namespace("users", |users| users)
            .unwrap();
        assert_eq!(*users.get(key).await.unwrap().unwrap(), value, "{key}");
    }
}

/// Bytes decide, so that no test depends on how fast the machine is.
fn codec(threshold_bytes: usize) -> Arc<Optimizer> {
    let options = OptimizerOptions::new().objective(Objective::Smallest);
    Arc::new(Optimizer::new(options.threshold_bytes(threshold_bytes)).unwrap())
}
