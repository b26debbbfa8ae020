//! Stale values: served while, or because, no fresh one can be had.

use std::time::Duration;

use futures_util::TryStreamExt;
use larder_cache::{LoadError, Loaded, TypedCache};
use larder_cache_core::Entry;
use larder_testkit::Method;

use crate::world::{Database, DbError, GRACE, THROTTLE, TTL, World, eventually, settle};

/// A value that is just past its time to live.
async fn stale(world: &World) -> TypedCache<String> {
    let users = world.users();
    users.set("7", "old".to_owned()).await.unwrap();
    world.clock.advance(TTL);
    world.events.take();
    users
}

async fn check(users: &TypedCache<String>, database: &Database, expected: &str) {
    let served = users.get_or_load("7", database.finds("new")).await;
    assert_eq!(*served.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn one_refresh_runs_while_the_stale_value_is_served() {
    let (world, database) = (World::new(), Database::shut());
    let users = stale(&world).await;
    for _ in 0..100 {
        check(&users, &database, "old").await;
    }
    let optional = users.load("7").with(database.finds::<String>("new"));
    assert_eq!(*optional.await.unwrap().unwrap(), "old");
    database.asked(1).await;
    settle().await;
    assert_eq!((database.queries(), users.stats().stale_served), (1, 101));
    database.open();
    eventually("the refresh", || users.stats().stored == 2).await;
    check(&users, &database, "new").await;
    assert_eq!(*world.elsewhere().get("7").await.unwrap().unwrap(), "new");
    assert_eq!(database.queries(), 1);
}

/// What is past its time to live is served by loads alone.
#[tokio::test]
async fn reads_do_not_serve_stale_values() {
    let world = World::new();
    let users = stale(&world).await;
    for users in [users, world.elsewhere()] {
        assert_eq!(users.get("7").await.unwrap(), None);
        assert!(users.get_many(["7"]).await.unwrap().is_empty());
        assert!(!users.exists("7").await.unwrap());
        assert_eq!(users.ttl("7").await.unwrap(), None);
        assert!(!users.expire("7", TTL).await.unwrap());
        let keys: Vec<Vec<String>> = users.keys_by_pattern("*").try_collect().await.unwrap();
        assert_eq!(keys.concat(), [""; 0]);
        assert_eq!(users.stats().miss_reasons, [("expired", 2)]);
    }
    assert!(world.stored("7").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failing_refresh_leaves_the_stale_value_until_its_end() {
    let (world, database) = (World::new(), Database::new());
    let users = stale(&world).await;
    for failures in 1..=3 {
        let served = users.get_or_load("7", database.fails("down")).await;
        assert_eq!(*served.unwrap(), "old");
        eventually("the failure", || users.stats().failed_loads == failures).await;
        world.clock.advance(Duration::from_secs(9));
    }
    world.clock.advance(GRACE - Duration::from_secs(27));
    let failed = users.get_or_load("7", database.fails("down")).await;
    assert_eq!(failed.unwrap_err().loader(), Some(&DbError("down")));
    check(&users, &database, "new").await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_refresh_can_be_tried_again() {
    let (world, database) = (World::new(), Database::new());
    let users = stale(&world).await;
    for panics in 1..=2 {
        let bug = || async { panic!("the loader's bug") };
        let served = users.get_or_load("7", bug).await;
        assert_eq!(*served.map_err(|e: LoadError<DbError>| e).unwrap(), "old");
        eventually("the panic", || users.stats().failed_loads == panics).await;
        world.clock.advance(THROTTLE);
    }
    check(&users, &database, "old").await;
    eventually("the refresh", || users.stats().stored == 2).await;
    check(&users, &database, "new").await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_finds_nothing_ends_the_stale_value() {
    for negative_ttl in [Some(Duration::from_secs(10)), None] {
        let (world, database) = (World::new(), Database::new());
        let set = |users: larder_cache_core::Namespace| users.negative_ttl(negative_ttl);
        world.cache.update_namespace("users", set).unwrap();
        let users = stale(&world).await;
        let load = async || {
            let none = database.answers::<Loaded<String>>(Ok(Loaded::absent()));
            users.load("7").with(none).await.unwrap()
        };
        assert_eq!(load().await.as_deref(), Some(&"old".to_owned()));
        eventually("the refresh", || users.stats().loads == 1).await;
        eventually("its end", || world.cache.stats().background_tasks == 0).await;
        assert_eq!(load().await, None, "{negative_ttl:?}");
        assert_eq!(world.elsewhere().get("7").await.unwrap(), None);
    }
}

/// A refresh can wait: where all places are taken, the next reader tries again.
#[tokio::test(start_paused = true)]
async fn refreshes_do_not_queue_for_a_place() {
    let world = World::with(|builder| builder.max_concurrent_loads(1));
    let (slow, database) = (Database::shut(), Database::new());
    let users = stale(&world).await;
    let occupant = tokio::spawn({
        let (users, loader) = (users.clone(), slow.finds::<String>("slow"));
        async move { users.get_or_load("other", loader).await }
    });
    slow.asked(1).await;
    check(&users, &database, "old").await;
    settle().await;
    assert_eq!(database.queries(), 0);
    slow.open();
    occupant.await.unwrap().unwrap();
    check(&users, &database, "old").await;
    eventually("the refresh", || users.stats().stored == 3).await;
    check(&users, &database, "new").await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_survives_its_caller() {
    let (world, database) = (World::new(), Database::shut());
    let users = stale(&world).await;
    tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("new"));
        async move { users.get_or_load("7", loader).await }
    })
    .await
    .unwrap()
    .unwrap();
    database.open();
    eventually("the refresh", || users.stats().stored == 2).await;
    check(&users, &database, "new").await;
}

/// The end in the header counts, also where the backend keeps the entry for longer.
#[tokio::test]
async fn what_is_past_its_grace_is_gone() {
    let world = World::new();
    let users = world.elsewhere();
    users.set("7", "old".to_owned()).await.unwrap();
    let restored = world.stored("7").await.unwrap();
    world.plant("7", restored.clone()).await;
    world.clock.advance(TTL + GRACE);
    assert!(world.stored("7").await.is_some());
    let failed = users.get_or_load("7", Database::new().fails("down")).await;
    assert_eq!(failed.unwrap_err().loader(), Some(&DbError("down")));
    assert_eq!(users.get("7").await.unwrap(), None);
    assert!(!users.exists("7").await.unwrap());
    assert_eq!(
        users.stats().miss_reasons,
        [("not_found", 1), ("expired", 1)]
    );

    let mut never_stale = Entry::decode(&restored).unwrap();
    never_stale.header.freshness.soft = None;
    world.plant("7", never_stale.encode()).await;
    assert_eq!(users.get("7").await.unwrap(), None);
    assert!(!users.exists("7").await.unwrap());
}

/// With the backend down a stale value of L1 is no answer, but better than a failure.
#[tokio::test]
async fn with_the_backend_down_the_loader_goes_before_what_is_stale() {
    let (world, database) = (World::new(), Database::new());
    let users = stale(&world).await;
    assert_eq!(users.get("7").await.unwrap(), None, "L1 holds it stale");
    world.chaos.go_down();
    let served = users.get_or_load("7", database.fails("down as well")).await;
    assert_eq!(*served.unwrap(), "old");
    let many = |_: Vec<&str>| async { Err::<Vec<(&str, String)>, _>(DbError("down as well")) };
    let served = users.get_or_load_many(["7"], many).await.unwrap();
    assert_eq!(*served["7"], "old");
    let panicked = users.get_or_load("7", || async { panic!("down as well") });
    let panicked: Result<_, LoadError<DbError>> = panicked.await;
    assert_eq!(*panicked.unwrap(), "old");
    check(&users, &database, "new").await;
    world.clock.advance(GRACE);
    let failed = users.get_or_load("7", database.fails("down as well")).await;
    assert_eq!(failed.unwrap_err().loader(), Some(&DbError("down as well")));
}

#[tokio::test(start_paused = true)]
async fn a_batch_loads_what_is_stale_and_falls_back_on_it() {
    let (world, database) = (World::new(), Database::new());
    let users = stale(&world).await;
    let load = async |answer: Result<&str, DbError>| {
        let answer = answer.map(|value| vec![("7", value.to_owned())]);
        let database = database.clone();
        let loader = |_: Vec<&'static str>| async move { database.query(answer).await };
        users.get_or_load_many(["7"], loader).await.unwrap()["7"].to_string()
    };
    assert_eq!(load(Err(DbError("down"))).await, "old");
    assert_eq!(
        world.events.take(),
        ["miss expired 7", "load failed 1", "stale 7"]
    );
    assert_eq!(load(Ok("too early")).await, "old");
    world.clock.advance(THROTTLE);
    assert_eq!(load(Ok("new")).await, "new");
    assert_eq!(load(Err(DbError("a hit"))).await, "new");
    assert_eq!(database.queries(), 2);
    assert_eq!(world.chaos.calls(Method::Get), 3);
}
