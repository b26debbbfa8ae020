//! Which keys a namespace lets in, and which it lists.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use larder_cache::{
    KeyOptions, LoadError, Loaded, NamespaceHandle, SetOptions, TypedCache, Validation,
};
use larder_cache_core::{Error, ErrorKind, Glob, L1, Namespace, Tags};

use crate::fleet::Fleet;
use crate::world::{TTL, World};

fn films() -> Namespace {
    Namespace::new("films")
        .key_pattern("film", "film:{id:int}")
        .key_pattern("still", "film:{id:int}:still:{name}")
}

async fn tagged(names: &NamespaceHandle, tag: &str) -> Vec<String> {
    let batches: Vec<Vec<String>> = names.keys_with_tag(tag).try_collect().await.unwrap();
    assert!(batches.iter().all(|batch| !batch.is_empty()));
    let mut keys = batches.concat();
    keys.sort();
    keys
}

async fn listed(names: &NamespaceHandle, pattern: &str) -> Vec<String> {
    let batches: Vec<Vec<String>> = names.keys_by_pattern(pattern).try_collect().await.unwrap();
    batches.concat()
}

async fn set(names: &TypedCache<String>, key: &str, tags: &[&str]) {
    let options = SetOptions::new().tags(tags.iter().copied());
    names.set_with(key, key.to_owned(), options).await.unwrap();
}

#[tokio::test]
async fn every_operation_refuses_a_key_of_no_pattern() {
    let world = World::with(|builder| builder.namespace(films()));
    let names = world.typed::<String>("films");
    for key in ["film:7", "film:7:still:ending"] {
        names.set(key, "Alien".to_owned()).await.unwrap();
        assert_eq!(*names.get(key).await.unwrap().unwrap(), "Alien");
    }
    let alien = || "Alien".to_owned();
    for key in ["film:x", "film:", "actor:7", "film:7:still:a:b"] {
        let load = move || async move { Ok::<_, std::fmt::Error>(Loaded::value(alien())) };
        let load_many =
            move |_: Vec<&str>| async move { Ok::<_, std::fmt::Error>(vec![("film:8", alien())]) };
        let errors = [
            names.get(key).await.map(drop).unwrap_err(),
            names.get_many(["film:7", key]).await.map(drop).unwrap_err(),
            names.set(key, alien()).await.unwrap_err(),
            names.delete(key).await.map(drop).unwrap_err(),
            names.exists(key).await.map(drop).unwrap_err(),
            names.ttl(key).await.map(drop).unwrap_err(),
            names.expire(key, TTL).await.map(drop).unwrap_err(),
            names.mark_stale(key).await.map(drop).unwrap_err(),
            names.pipeline().get(key).run().await.map(drop).unwrap_err(),
            names.check_set(key, &SetOptions::new()).unwrap_err(),
            world.cache.build_key(key, "films").map(drop).unwrap_err(),
            refused(names.load(key).with(load).await.map(drop)),
            refused(
                names
                    .get_or_load_many(["film:8", key], load_many)
                    .await
                    .map(drop),
            ),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::InvalidKey, "{error}");
            let text = error.to_string();
            assert!(text.contains("film: `film:{id:int}`, still: "), "{text}");
        }
    }
    let mut keys = listed(&names, "*").await;
    keys.sort();
    assert_eq!(
        keys,
        ["film:7", "film:7:still:ending"],
        "nothing was stored"
    );
}

fn refused<E: std::fmt::Debug>(result: Result<(), LoadError<E>>) -> Error {
    match result {
        Err(LoadError::Cache(error)) => error,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// What was stored before the patterns were declared is not found, is in nobody's way, and can
/// be deleted by a glob.
#[tokio::test]
async fn patterns_can_come_later() {
    let world = World::new();
    let users = world.users();
    for key in ["old", "profile:7"] {
        set(&users, key, &["vip"]).await;
    }
    users
        .update(|users| users.key_pattern("profile", "profile:{id}"))
        .unwrap();
    let old = users.get("old").await.unwrap_err();
    assert_eq!(old.kind(), ErrorKind::InvalidKey);
    assert_eq!(listed(&users, "*").await, ["profile:7"]);
    assert_eq!(tagged(&users, "vip").await, ["profile:7"]);
    assert_eq!(users.delete_by_pattern("*").await.unwrap(), 2);
    assert!(world.stored("old").await.is_none());
    users
        .update(|mut users| {
            users.key_patterns.clear();
            users
        })
        .unwrap();
    assert_eq!(users.get("old").await.unwrap(), None);
}

#[tokio::test]
async fn bad_patterns_are_refused_and_change_nothing() {
    let world = World::new();
    let users = world.users();
    let refused = users.update(|users| users.key_pattern("p", "{a}{b}"));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config);
    assert!(users.settings().key_patterns.is_empty());
    let refused = world
        .cache
        .register(Namespace::new("x").key_pattern("p", ""));
    assert!(refused.is_err());
    assert!(world.cache.namespace("x").is_err());
}

#[tokio::test]
async fn a_tag_lists_what_get_would_find() {
    let world = World::new();
    let users = world.users();
    set(&users, "1", &["vip"]).await;
    set(&users, "2", &["vip", "active"]).await;
    set(&users, "3", &["active"]).await;
    set(&users, "4", &[]).await;
    set(&world.typed("remote"), "5", &["vip"]).await;
    assert_eq!(tagged(&users, "vip").await, ["1", "2"]);
    assert_eq!(tagged(&users, "vi").await, [""; 0]);
    assert_eq!(tagged(&users, "*").await, [""; 0], "a tag is no pattern");
    users.delete("1").await.unwrap();
    assert_eq!(tagged(&users, "vip").await, ["2"]);
    users.invalidate_tags(Tags::any(["active"])).await.unwrap();
    assert_eq!(tagged(&users, "vip").await, [""; 0], "by its other tag");
    assert_eq!(tagged(&users, "active").await, [""; 0]);
    set(&users, "1", &["vip"]).await;
    let absent = users.load("6").tags(["vip"]);
    let absent = absent.with(|| async { Ok::<_, std::fmt::Error>(Loaded::absent()) });
    assert_eq!(absent.await.unwrap(), None);
    assert_eq!(tagged(&users, "vip").await, ["1"], "there is no value");
    world.clock.advance(TTL);
    assert_eq!(tagged(&users, "vip").await, [""; 0], "it is stale");
    assert!(world.stored("1").await.is_some());
    set(&users, "1", &["vip"]).await;
    users.clear().await.unwrap();
    assert_eq!(tagged(&users, "vip").await, [""; 0]);
}

#[tokio::test]
async fn a_tag_lists_by_the_namespaces_own_tags_too() {
    let people = Namespace::new("people").tags(["person"]);
    let world = World::with(|builder| builder.namespace(people));
    let people = world.typed::<String>("people");
    set(&people, "1", &["vip"]).await;
    assert_eq!(tagged(&people, "person").await, ["1"]);
}

/// The header of each key is read once, and no value.
#[tokio::test]
async fn a_tag_costs_a_scan_and_the_headers() {
    let world = World::new();
    let users = world.users();
    for number in 0..100 {
        set(&users, &number.to_string(), &["vip"]).await;
    }
    world.events.take_all();
    assert_eq!(tagged(&users, "vip").await.len(), 100);
    let calls = world.events.take_all();
    let count = |call: &str| calls.iter().filter(|event| *event == call).count();
    let pages = count("call scan");
    assert!(pages >= 1, "{calls:?}");
    assert!((1..=pages).contains(&count("call head")), "{calls:?}");
    assert_eq!(count("call get"), 0, "{calls:?}");
}

/// A process that has not been told of an epoch that another has changed lists what `get` finds.
#[tokio::test]
async fn keys_under_an_epoch_not_told_of_yet_are_listed() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.watching(), fleet.plain());
    let l1 = L1::Coherent {
        max_staleness: 2 * TTL,
        outage_ttl: Duration::ZERO,
    };
    one.update(|users| users.l1(l1));
    one.tell_until_now();
    let (users, names) = (one.users(), one.cache.namespace("users").unwrap());
    for key in ["by pattern", "by tag"] {
        set(&users, "known", &["t"]).await;
        other.users().clear().await.unwrap();
        other
            .users()
            .invalidate_tags(Tags::any(["t"]))
            .await
            .unwrap();
        set(&other.users(), key, &["t"]).await;
        let keys = match key {
            "by tag" => tagged(&names, "t").await,
            _ => listed(&names, "*").await,
        };
        assert!(keys.contains(&key.to_owned()), "{key}: {keys:?}");
        assert!(one.get(key).await.is_some());
    }
}

#[tokio::test]
async fn a_bad_tag_is_the_streams_first_item() {
    let world = World::new();
    for tag in ["", "a\n", &"x".repeat(256)] {
        let keys = world.users().keys_with_tag(tag);
        let error = keys.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTag);
        assert!(error.to_string().contains("1 to 255 bytes"), "{error}");
    }
    assert_eq!(world.events.count("call scan"), 0);
}

#[tokio::test]
async fn a_built_key_is_what_a_write_takes() {
    let world = World::with(|builder| builder.namespace(films().tags(["media"])));
    let films = world.typed::<String>("films");
    let options = KeyOptions::new().tags(["classic"]).pattern("film");
    let key = world.cache.build_key_with("film:7", "films", &options);
    let key = key.unwrap();
    assert_eq!(key.physical.as_str(), "app:films:film:7");
    let tags = SetOptions::new().tags(key.tags.clone());
    films
        .set_with(&key, "Alien".to_owned(), tags)
        .await
        .unwrap();
    for tag in ["classic", "media"] {
        assert_eq!(tagged(&films, tag).await, ["film:7"]);
    }
    let filled = films
        .settings()
        .pattern("film")
        .unwrap()
        .fill([("id", "7")]);
    assert!(films.exists(filled.unwrap()).await.unwrap());
    let sanitize = KeyOptions::new().validation(Validation::Sanitize);
    let key = world.cache.build_key_with(b"\xFF*", "users", &sanitize);
    let key = key.unwrap();
    set(&world.users(), &key.user, &[]).await;
    let literal = Glob::escape(&key.user);
    assert_eq!(listed(&world.users(), literal.as_str()).await, ["%FF*"]);
    let verdict = world.cache.validate_key("film:x", "films", None).unwrap();
    assert!(!verdict.is_valid());
    assert!(world.cache.validate_key("7", "films", Some("x")).is_err());
}

/// How long it takes to bring so many namespaces into use, and to find each again.
fn time_of(count: u32) -> Duration {
    let world = World::new();
    let began = Instant::now();
    for _ in 0..2 {
        for number in 0..count {
            let tenant = Namespace::new(format!("tenant-{number}"));
            world.cache.register(tenant).unwrap();
        }
    }
    assert_eq!(world.cache.stats().namespaces.len(), count as usize);
    began.elapsed()
}

#[test]
fn ten_thousand_namespaces_cost_no_more_each_than_a_hundred() {
    let few = (0..5).map(|_| time_of(100)).max().unwrap();
    let many = time_of(10_000);
    // A hundred times as many: ten times that is generous, quadratic would be a hundred times.
    let bound = 1000 * few.max(Duration::from_micros(500));
    assert!(many < bound, "{many:?} for 10,000 and {few:?} for 100");
}

#[tokio::test]
async fn one_of_ten_thousand_namespaces_is_told_of_changes_and_read() {
    let world = World::new();
    for number in 0..10_000 {
        let tenant = Namespace::new(format!("tenant-{number}"));
        world.cache.register(tenant).unwrap();
    }
    let (first, last) = (world.typed("tenant-1"), world.typed("tenant-9999"));
    set(&first, "7", &["vip"]).await;
    set(&last, "7", &["vip"]).await;
    first.delete("7").await.unwrap();
    assert!(last.exists("7").await.unwrap());
    assert_eq!(tagged(&last, "vip").await, ["7"]);
    let unknown = world
        .cache
        .namespace("tenant-99999")
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("closest: tenant-9999, "), "{unknown}");
}
