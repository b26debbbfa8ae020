//! Bad values that come again and again: each is a miss, and a load a second answers them.

use std::time::Duration;

use larder_cache::TypedCache;
use larder_cache_core::{Bytes, Cacheable, Namespace};

use crate::world::{Database, World};

/// Another program writes what is no entry, after each load.
#[tokio::test(start_paused = true)]
async fn a_flood_of_bad_values_is_no_flood_of_loads() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let (users, database) = (world.users(), Database::new());
    for _ in 0..1000 {
        world.plant("7", Bytes::from_static(b"\"Ada\"")).await;
        let loaded = users.get_or_load("7", database.finds("Ada")).await;
        assert_eq!(*loaded.unwrap(), "Ada");
    }
    assert_eq!(database.queries(), 1);
    tokio::time::advance(Duration::from_millis(1001)).await;
    world.plant("7", Bytes::from_static(b"\"Ada\"")).await;
    let loaded = users.get_or_load("7", database.finds("Eve")).await;
    assert_eq!(
        *loaded.unwrap(),
        "Eve",
        "a second later the loader is asked"
    );
}

#[tokio::test(start_paused = true)]
async fn batches_load_bad_values_once_a_second_too() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let (users, database) = (world.users(), Database::new());
    for round in 0..100 {
        for key in ["1", "2"] {
            world.plant(key, Bytes::from_static(b"?")).await;
        }
        let database = database.clone();
        let load = move |missing: Vec<&'static str>| async move {
            let found = missing
                .into_iter()
                .map(|key| (key, format!("{key} in round {round}")));
            Ok::<_, crate::world::DbError>(database.query(found.collect::<Vec<_>>()).await)
        };
        let found = users.get_or_load_many(["1", "2"], load).await.unwrap();
        assert_eq!(*found["1"], "1 in round 0");
        assert_eq!(*found["2"], "2 in round 0");
    }
    assert_eq!(database.queries(), 1);
}

/// What this process changes is never answered by an earlier load.
#[tokio::test(start_paused = true)]
async fn own_changes_end_a_repair() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let users = world.users();
    for change in ["set", "delete", "clear"] {
        let database = Database::new();
        for (expected, queries) in [("old", 1), ("new", 2)] {
            world.plant("7", Bytes::from_static(b"?")).await;
            let loaded = users.get_or_load("7", database.finds(expected)).await;
            assert_eq!(*loaded.unwrap(), expected, "{change}");
            assert_eq!(database.queries(), queries, "{change}");
            match change {
                "set" => users.set("7", "set".to_owned()).await.unwrap(),
                "delete" => drop(users.delete("7").await.unwrap()),
                _ => drop(users.clear().await.unwrap()),
            }
        }
    }
}

struct Shape<const N: u64>;

impl<const N: u64> Cacheable for Shape<N> {
    const FINGERPRINT: u64 = N;
}

/// Two versions of a program, each of which makes the other's values misses.
#[tokio::test(start_paused = true)]
async fn two_versions_do_not_keep_each_other_loading() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let other = crate::world::process(&world.clock).l1_bytes(0);
    let other = other.build(world.backend.clone()).unwrap();
    let pin = |users: Namespace| users.schema::<Shape<7>>();
    world.cache.update_namespace("users", pin).unwrap();
    let pin = |users: Namespace| users.schema::<Shape<8>>();
    other.update_namespace("users", pin).unwrap();
    let others: TypedCache<String> = other.namespace("users").unwrap().typed();
    let (one, two) = (Database::new(), Database::new());
    for _ in 0..100 {
        let loaded = world.users().get_or_load("7", one.finds("one")).await;
        assert_eq!(*loaded.unwrap(), "one");
        let loaded = others.get_or_load("7", two.finds("two")).await;
        assert_eq!(*loaded.unwrap(), "two");
    }
    assert!(
        one.queries() + two.queries() <= 4,
        "{} and {}",
        one.queries(),
        two.queries()
    );
}

/// Nothing is kept for values that were merely not there.
#[tokio::test(start_paused = true)]
async fn ordinary_misses_always_load() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let (users, database) = (world.users(), Database::new());
    for round in 1..10 {
        let loaded = users.get_or_load("7", database.finds("Ada")).await;
        assert_eq!(*loaded.unwrap(), "Ada");
        assert_eq!(database.queries(), round);
        let elsewhere = world.elsewhere();
        elsewhere.delete("7").await.unwrap();
    }
}

/// What was not to be kept answers nobody else.
#[tokio::test(start_paused = true)]
async fn what_was_not_to_be_stored_repairs_nothing() {
    use larder_cache::Loaded;

    let world = World::with(|builder| builder.l1_bytes(0));
    let forget = |users: Namespace| users.negative_ttl(None);
    world.cache.update_namespace("users", forget).unwrap();
    let users = world.users();
    let loads: [fn() -> Loaded<String>; 3] = [
        || Loaded::value("Ada".to_owned()).uncached(),
        || Loaded::value("Ada".to_owned()).ttl(Duration::from_millis(100)),
        Loaded::absent,
    ];
    for (number, load) in loads.into_iter().enumerate() {
        let database = Database::new();
        for _ in 0..5 {
            world.plant("7", Bytes::from_static(b"?")).await;
            let database = database.clone();
            let loaded = users.load("7").with(move || async move {
                Ok::<_, crate::world::DbError>(database.query(load()).await)
            });
            loaded.await.unwrap();
        }
        assert_eq!(database.queries(), 5, "{number}");
    }
}

/// A repair is never older than what was read since.
#[tokio::test(start_paused = true)]
async fn reads_do_not_go_back_to_a_repair() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let (users, elsewhere) = (world.users(), world.elsewhere());
    let load = async |text: &str| {
        let loaded = users.get_or_load("7", Database::new().finds(text)).await;
        (*loaded.unwrap()).clone()
    };
    world.plant("7", Bytes::from_static(b"?")).await;
    assert_eq!(load("old").await, "old");
    elsewhere.delete("7").await.unwrap();
    assert_eq!(load("new").await, "new");
    world.plant("7", Bytes::from_static(b"?")).await;
    assert_eq!(load("other").await, "new");
    elsewhere.set("7", "newer".to_owned()).await.unwrap();
    assert_eq!(*users.get("7").await.unwrap().unwrap(), "newer");
    world.plant("7", Bytes::from_static(b"?")).await;
    assert_eq!(load("other").await, "newer");
}

/// What answers nobody any more is not kept in memory.
#[tokio::test(start_paused = true)]
async fn repairs_are_dropped_as_they_grow_old() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let users = world.users();
    let mut kept = Vec::new();
    for number in 0..50 {
        let key = number.to_string();
        world.plant(&key, Bytes::from_static(b"?")).await;
        let loaded = users.get_or_load(&key, Database::new().finds("Ada")).await;
        kept.push(std::sync::Arc::downgrade(&loaded.unwrap()));
    }
    assert!(kept.iter().all(|value| value.upgrade().is_some()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(kept.iter().all(|value| value.upgrade().is_none()));
}
