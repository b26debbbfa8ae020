//! Cascades: what depends on what was changed is changed after it, and no load in between
//! keeps what was read before.

use larder_cache::{CacheBuilder, Loaded, SetOptions, Target, TypedCache};
use larder_cache_core::{ErrorKind, Invalidation, Namespace};
use larder_testkit::{Fault, Method};

use crate::fleet::{Fleet, LOADS, epoch_of};
use crate::watched::Telling;
use crate::world::{Database, World, eventually, process, settle};

/// `user` <- `feed` <- all of `remote` and the key "7" of `users` <- `page`.
fn depending(builder: CacheBuilder) -> CacheBuilder {
    builder
        .depends(Target::tag("feed"), Target::tag("user"))
        .depends(Target::namespace("remote"), Target::tag("feed"))
        .depends(Target::key("users", "7"), Target::tag("feed"))
        .depends(Target::tag("page"), Target::key("users", "7"))
}

fn world() -> World {
    World::with(depending)
}

async fn set(users: &TypedCache<String>, key: &str, tags: &[&str]) {
    let options = SetOptions::new().tags(tags.iter().copied());
    users.set_with(key, key.to_owned(), options).await.unwrap();
}

/// Sets one entry for each target, and one that nothing reaches.
async fn fill(users: &TypedCache<String>, remote: &TypedCache<String>) {
    for (key, tag) in [
        ("user", "user"),
        ("feed", "feed"),
        ("page", "page"),
        ("other", "other"),
    ] {
        set(users, key, &[tag]).await;
    }
    set(users, "7", &[]).await;
    set(remote, "any", &[]).await;
}

/// The keys that are found, of those that were set.
async fn found(users: &TypedCache<String>, remote: &TypedCache<String>) -> Vec<&'static str> {
    let mut found = Vec::new();
    for key in ["user", "feed", "7", "page", "other"] {
        found.extend(users.get(key).await.unwrap().map(|_| key));
    }
    found.extend(remote.get("any").await.unwrap().map(|_| "any"));
    found
}

/// A load of a dependent that began before the cascade, or between its levels, is not kept,
/// whoever loads it.
#[tokio::test(start_paused = true)]
async fn a_load_of_a_dependent_during_a_cascade_is_not_kept() {
    for load in LOADS {
        for elsewhere in [false, true] {
            let fleet = Fleet::new();
            let process = fleet.process(Telling::Nothing, |b| depending(b.l1_bytes(0)));
            let loads = if elsewhere { fleet.plain() } else { process };
            let process = fleet.process(Telling::Nothing, |b| depending(b.l1_bytes(0)));
            let case = format!("{load:?}, elsewhere: {elsewhere}");
            // From before the first level until after the last.
            let (before, between) = (Database::shut(), Database::shut());
            let first = load.spawn(&loads.users(), &before, Ok("old"));
            before.asked(1).await;
            let mut gate = process.chaos.gate(Method::Delete);
            let cascade = {
                let cache = process.cache.clone();
                tokio::spawn(async move { cache.invalidate_cascade([Target::tag("user")]).await })
            };
            gate.arrived().await;
            // From between the levels: the tags have changed, the key has not.
            let second = load.spawn(&loads.users(), &between, Ok("between"));
            settle().await;
            gate.release();
            assert_eq!(cascade.await.unwrap().unwrap().depth, 3, "{case}");
            before.open();
            between.open();
            first.await.unwrap().unwrap();
            second.await.unwrap().unwrap();
            loads.idle().await;
            for reader in [&loads, &process] {
                assert_eq!(reader.get("7").await, None, "{case}");
            }
        }
    }
}

/// Whoever loads a dependent anew while a cascade is under way finds its sources invalidated.
#[tokio::test(start_paused = true)]
async fn sources_go_first() {
    let world = world();
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    fill(&users, &remote).await;
    let mut gate = world.chaos.gate(Method::Delete);
    let cache = world.cache.clone();
    let cascade = async move { cache.invalidate_cascade([Target::tag("user")]).await };
    let cascade = tokio::spawn(cascade);
    gate.arrived().await;
    let other = world.elsewhere();
    for (key, is_there) in [
        ("user", false),
        ("feed", false),
        ("7", true),
        ("page", true),
    ] {
        assert_eq!(other.get(key).await.unwrap().is_some(), is_there, "{key}");
    }
    gate.release();
    assert_eq!(cascade.await.unwrap().unwrap().depth, 3);
    assert_eq!(found(&users, &remote).await, ["other"]);
}

/// What tags, namespaces and keys a load stands on does not matter.
#[tokio::test(start_paused = true)]
async fn no_dependent_of_any_kind_is_kept() {
    for (namespace, tags) in [
        ("users", &["feed"][..]),
        ("remote", &[]),
        ("users", &["page"]),
    ] {
        let (world, database) = (world(), Database::shut());
        let typed = world.typed::<String>(namespace);
        let answer = Loaded::value("old".to_owned());
        let loader = database.answers::<Loaded<String>>(Ok(answer));
        let request = typed.clone();
        let loading = tokio::spawn(async move {
            let request = request.load("x").tags(tags.iter().copied());
            request.with(loader).await
        });
        database.asked(1).await;
        let cascade = world.cache.invalidate_cascade([Target::tag("user")]);
        cascade.await.unwrap();
        database.open();
        assert_eq!(*loading.await.unwrap().unwrap().unwrap(), "old");
        world_idle(&world).await;
        assert_eq!(typed.get("x").await.unwrap(), None, "{namespace} {tags:?}");
    }
}

async fn world_idle(world: &World) {
    let idle = || world.cache.stats().background_tasks == 0;
    eventually("the end of all tasks", idle).await;
}

#[tokio::test]
async fn all_that_depends_goes_and_nothing_else() {
    for (from, left, depth) in [
        (Target::tag("user"), &["other"][..], 3),
        (Target::tag("feed"), &["user", "other"], 2),
        (
            Target::key("users", "7"),
            &["user", "feed", "other", "any"],
            1,
        ),
        (
            Target::tag("page"),
            &["user", "feed", "7", "other", "any"],
            0,
        ),
        (Target::namespace("users"), &["any"], 2),
        (
            Target::namespace("remote"),
            &["user", "feed", "7", "page", "other"],
            0,
        ),
        (
            Target::tag("unknown"),
            &["user", "feed", "7", "page", "other", "any"],
            0,
        ),
    ] {
        let world = world();
        let (users, remote) = (world.users(), world.typed::<String>("remote"));
        fill(&users, &remote).await;
        let planned = world
            .cache
            .dependencies()
            .cascade(std::slice::from_ref(&from));
        assert_eq!(
            found(&users, &remote).await.len(),
            6,
            "a look changes nothing"
        );
        let done = world
            .cache
            .invalidate_cascade([from.clone()])
            .await
            .unwrap();
        assert_eq!(found(&users, &remote).await, left, "{from}");
        assert_eq!(
            (done.depth, &done.levels),
            (depth, &planned.unwrap().levels)
        );
        assert_eq!(done.levels[0], [from]);
    }
}

#[tokio::test]
async fn the_result_says_what_was_reached() {
    let world = world();
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    fill(&users, &remote).await;
    world.events.take();
    let done = world
        .cache
        .invalidate_cascade([Target::tag("user")])
        .await
        .unwrap();
    let key = Target::key("users", "7");
    let expected = [
        vec![Target::tag("user")],
        vec![Target::tag("feed")],
        vec![Target::namespace("remote"), key],
        vec![Target::tag("page")],
    ];
    assert_eq!(done.levels, expected);
    assert_eq!((done.depth, done.entries), (3, 1));
    assert_eq!(done.namespaces, ["remote", "users"]);
    assert_eq!(world.events.count("Invalidated"), 4);
    assert_eq!(world.events.count("deleted 1"), 1);
    let none = world.cache.invalidate_cascade([]).await.unwrap();
    assert_eq!((none.depth, none.levels.len()), (0, 0));
}

/// One call for all tags and namespaces of a level, and one for its keys.
#[tokio::test]
async fn a_level_costs_a_call() {
    let world = world();
    let dependencies = world.cache.dependencies();
    for n in 0..500 {
        let wide = Target::tag(&format!("wide {n}"));
        dependencies.add(wide, Target::tag("user")).unwrap();
        let key = Target::key("users", &n.to_string());
        dependencies.add(key, Target::tag("user")).unwrap();
    }
    let done = world
        .cache
        .invalidate_cascade([Target::tag("user")])
        .await
        .unwrap();
    assert_eq!(done.depth, 3);
    assert_eq!(world.chaos.calls(Method::Renew), 4);
    assert_eq!(
        world.chaos.calls(Method::Delete),
        2,
        "of level 1, and the key 7 behind it"
    );
}

#[tokio::test]
async fn softly_all_stays_usable() {
    let world = world();
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    fill(&users, &remote).await;
    let soft = Invalidation::Soft;
    let done = world
        .cache
        .invalidate_cascade_with([Target::tag("user")], soft);
    assert_eq!(done.await.unwrap().entries, 1);
    assert_eq!(found(&users, &remote).await, ["other"]);
    for key in ["user", "feed", "7", "page"] {
        let fails = Database::new().fails("down");
        assert_eq!(*users.get_or_load(key, fails).await.unwrap(), key);
    }
}

/// The patterns of a namespace may be others than when a key was set or declared.
#[tokio::test]
async fn a_key_of_no_pattern_is_invalidated_like_any() {
    for effect in [Invalidation::Hard, Invalidation::Soft] {
        let world = world();
        let (users, remote) = (world.users(), world.typed::<String>("remote"));
        fill(&users, &remote).await;
        let pattern = |of: Namespace| of.key_pattern("page", "page:{id}");
        world.cache.update_namespace("users", pattern).unwrap();
        let from = [Target::tag("user")];
        let done = world.cache.invalidate_cascade_with(from, effect).await;
        assert_eq!(done.unwrap().entries, 1, "{effect:?}");
    }
}

/// What fails half-way says so; what was not confirmed is not served, and is made up for; and it
/// can be called again.
#[tokio::test(start_paused = true)]
async fn a_cascade_that_fails_leaves_nothing_forgotten() {
    let world = world();
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    fill(&users, &remote).await;
    world.chaos.on(Method::Delete).next(1, Fault::refused());
    let failed = world.cache.invalidate_cascade([Target::tag("user")]).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Connection);
    let text = failed.to_string();
    assert!(text.contains("levels done: 2 of 4"), "{text}");
    assert!(text.contains("targets pending: 3"), "{text}");
    assert_eq!(
        found(&users, &remote).await,
        ["other"],
        "before it is made up for"
    );
    world_idle(&world).await;
    assert_eq!(found(&users, &remote).await, ["other"]);
    let elsewhere = world.elsewhere();
    assert_eq!(
        elsewhere.get("page").await.unwrap(),
        None,
        "for all processes"
    );
    let again = world.cache.invalidate_cascade([Target::tag("user")]);
    assert_eq!(again.await.unwrap().depth, 3);
}

#[tokio::test(start_paused = true)]
async fn a_cascade_that_is_dropped_leaves_nothing_forgotten() {
    let world = world();
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    fill(&users, &remote).await;
    let mut gate = world.chaos.gate(Method::Renew);
    let cache = world.cache.clone();
    let cascade =
        tokio::spawn(async move { cache.invalidate_cascade([Target::tag("user")]).await });
    gate.arrived().await;
    cascade.abort();
    assert!(cascade.await.unwrap_err().is_cancelled());
    gate.release();
    world_idle(&world).await;
    assert_eq!(found(&users, &remote).await, ["other"]);
}

#[tokio::test]
async fn what_is_declared_is_checked() {
    let world = world();
    let dependencies = world.cache.dependencies();
    let count = dependencies.list().len();
    let (tag, nobody) = (Target::tag("x"), Target::namespace("nobody"));
    let error = dependencies.add(nobody.clone(), tag.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownNamespace);
    assert!(error.to_string().contains("users, remote"), "{error}");
    let key = Target::key("nobody", "7");
    let error = dependencies.add(tag.clone(), key.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownNamespace);
    let error = world.cache.invalidate_cascade([tag.clone(), key]).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::UnknownNamespace);
    let cycle = dependencies.add(Target::tag("user"), Target::tag("page"));
    let cycle = cycle.unwrap_err().to_string();
    let named =
        r#"tag "user" -> tag "page" -> key "7" of namespace "users" -> tag "feed" -> tag "user""#;
    assert!(cycle.contains(named), "{cycle}");
    assert_eq!(dependencies.list().len(), count);
    assert_eq!(world.chaos.all_calls(), 0);
    assert!(dependencies.remove(&Target::tag("feed"), &Target::tag("user")));
    let done = world.cache.invalidate_cascade([Target::tag("user")]).await;
    assert_eq!(done.unwrap().depth, 0);
    let unknown = process(&world.clock).depends(nobody, tag).validate();
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::UnknownNamespace);
    let twice = process(&world.clock);
    let twice = twice.depends(Target::tag("a"), Target::tag("b"));
    let twice = twice.depends(Target::tag("a"), Target::tag("b"));
    twice.clone().validate().unwrap();
    let cycle = twice.depends(Target::tag("b"), Target::tag("a")).validate();
    assert!(
        cycle
            .unwrap_err()
            .to_string()
            .contains(r#"tag "b" -> tag "a" -> tag "b""#)
    );
}

/// A tag that all values of a namespace carry reaches it, also what was stored before it did.
#[tokio::test]
async fn a_namespaces_own_tags_reach_it() {
    let world = world();
    let users = world.users();
    set(&users, "7", &[]).await;
    let tagged = |users: Namespace| users.tags(["team"]);
    world.cache.update_namespace("users", tagged).unwrap();
    let done = world
        .cache
        .invalidate_cascade([Target::tag("team")])
        .await
        .unwrap();
    assert_eq!(done.levels[1], [Target::namespace("users")]);
    assert_eq!(done.namespaces, ["users"]);
    assert_eq!(users.get("7").await.unwrap(), None);
}

/// Those who are told of changes hear of each level.
#[tokio::test]
async fn other_processes_hear_of_it() {
    let fleet = Fleet::new();
    let one = fleet.process(Telling::Nothing, |b| depending(b.l1_bytes(0)));
    let other = fleet.watching();
    other.tell_until_now();
    set(&other.users(), "page", &["page"]).await;
    set(&other.users(), "7", &[]).await;
    assert_eq!(other.get("7").await.as_deref(), Some("7"));
    one.cache
        .invalidate_cascade([Target::tag("user")])
        .await
        .unwrap();
    other.tell("7");
    other.server.watcher().changed(epoch_of("page").as_bytes());
    assert_eq!(other.get("7").await, None);
    assert_eq!(other.get("page").await, None);
}
