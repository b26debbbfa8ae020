//! What the cache tells of itself: events, counters, health, each against a script.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache::{Loaded, NamespaceStats, Status};
use larder_cache_core::{Event, Namespace, Observer};

use crate::world::{Database, DbError, TTL, World, eventually};

fn absent() -> Loaded<String> {
    Loaded::absent()
}

/// Every kind of event, in the order in which one expects them.
#[tokio::test(start_paused = true)]
async fn a_scripted_day_tells_these_events() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let told = |expected: &[&str]| assert_eq!(world.events.take_all(), expected);

    users.get("7").await.unwrap();
    told(&["call get", "miss not_found 7"]);
    users.get_or_load("7", database.finds("Ada")).await.unwrap();
    told(&[
        "call get",
        "miss not_found 7",
        "call epochs",
        "call lease",
        "load loaded 1",
        "call fill",
        "stored 7",
    ]);
    users.get("7").await.unwrap();
    users.get_or_load("7", database.finds("Ada")).await.unwrap();
    users
        .load("7")
        .with(database.finds::<String>("Ada"))
        .await
        .unwrap();
    told(&["hit l1 7", "hit l1 7", "hit l1 7"]);

    users
        .load("8")
        .with(database.answers(Ok(absent())))
        .await
        .unwrap();
    told(&[
        "call get",
        "miss not_found 8",
        "call lease",
        "load loaded 1",
        "call fill",
        "stored 8",
    ]);
    users.get("8").await.unwrap();
    told(&["absent l1 8"]);
    users.get_or_load("8", database.finds("Bob")).await.unwrap();
    told(&[
        "call get",
        "miss not_found 8",
        "call lease",
        "load loaded 1",
        "call fill",
        "stored 8",
    ]);

    world.elsewhere().set("9", "Eve".to_owned()).await.unwrap();
    users.get("9").await.unwrap();
    users.get_many(["7", "9", "10"]).await.unwrap();
    told(&[
        "call get",
        "hit l2 9",
        "hit l1 7",
        "hit l1 9",
        "call get",
        "miss not_found 10",
    ]);

    users.delete("9").await.unwrap();
    users.delete_many(["9", "10"]).await.unwrap();
    told(&["call delete", "deleted 1", "call delete", "deleted 2"]);
    users.delete_many([""; 0]).await.unwrap();
    users.delete_by_pattern("nothing*").await.unwrap();
    told(&["call scan"]);
    users.delete_by_pattern("8").await.unwrap();
    told(&["call scan", "call delete", "deleted 1"]);

    world.clock.advance(TTL);
    users.get("7").await.unwrap();
    told(&["call get", "miss expired 7"]);
    users.get_or_load("7", database.finds("new")).await.unwrap();
    eventually("the refresh", || users.stats().stored == 4).await;
    told(&[
        "call get",
        "miss expired 7",
        "stale 7",
        "call lease",
        "load loaded 1",
        "call fill",
        "stored 7",
    ]);

    let failed = users.get_or_load("11", database.fails("down")).await;
    failed.unwrap_err();
    told(&[
        "call get",
        "miss not_found 11",
        "call lease",
        "load failed 1",
        "call fill",
    ]);
    let many = |_: Vec<&str>| async {
        Ok::<_, DbError>([("7", "x".to_owned()), ("12", "Zoe".to_owned())])
    };
    users
        .get_or_load_many(["7", "12", "13"], many)
        .await
        .unwrap();
    told(&[
        "hit l1 7",
        "call get",
        "miss not_found 12",
        "miss not_found 13",
        "call lease",
        "load loaded 2",
        "call fill",
        "stored 12",
        "stored 13",
    ]);

    world.chaos.go_down();
    users.get("14").await.unwrap();
    users
        .get_or_load("14", database.finds("Kim"))
        .await
        .unwrap();
    users.set("14", "Kim".to_owned()).await.unwrap_err();
    users.delete("14").await.unwrap_err();
    told(&[
        "call get: connection",
        "miss backend 14",
        "call get: connection",
        "miss backend 14",
        "load loaded 1",
        "refused Backend 14",
        "call set: connection",
        "call delete: connection",
    ]);
}

#[tokio::test(start_paused = true)]
async fn statistics_count_the_script() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let slow = {
        let clock = world.clock.clone();
        move || async move {
            clock.advance(Duration::from_millis(30));
            Ok::<_, DbError>("Ada".to_owned())
        }
    };
    users.get("7").await.unwrap();
    users.get_or_load("7", slow).await.unwrap();
    for _ in 0..3 {
        users.get("7").await.unwrap();
    }
    world.elsewhere().set("8", "Bob".to_owned()).await.unwrap();
    users.get("8").await.unwrap();
    users
        .load("9")
        .with(database.answers(Ok(absent())))
        .await
        .unwrap();
    users.get("9").await.unwrap();
    users
        .get_or_load("10", database.fails("down"))
        .await
        .unwrap_err();
    users
        .set_many([("11", "a".to_owned()), ("12", "b".to_owned())])
        .await
        .unwrap();
    users.delete_many(["11", "12", "13"]).await.unwrap();
    world.plant("14", &b"foreign"[..]).await;
    users.get("14").await.unwrap();

    let stats = users.stats();
    let mut expected = NamespaceStats::default();
    expected.name = "users".to_owned();
    expected.l1_hits = 3;
    expected.l2_hits = 1;
    expected.negative_hits = 1;
    expected.misses = 5;
    expected.miss_reasons = vec![("not_found", 4), ("foreign", 1)];
    expected.loads = 3;
    expected.failed_loads = 1;
    expected.load_time = Duration::from_millis(30);
    expected.stored = 4;
    expected.deleted = 3;
    assert_eq!(stats, expected);
    assert_eq!((stats.hits(), stats.reads()), (5, 10));
    assert_eq!(stats.hit_rate(), Some(0.5));
    assert_eq!(NamespaceStats::default().hit_rate(), None);
}

#[tokio::test]
async fn the_total_is_the_sum() {
    let world = World::new();
    let (users, remote) = (world.users(), world.typed::<String>("remote"));
    users.get("7").await.unwrap();
    remote.get("7").await.unwrap();
    remote.set("7", "Ada".to_owned()).await.unwrap();
    remote.get("7").await.unwrap();
    world.plant("8", &b"foreign"[..]).await;
    users.get("8").await.unwrap();
    let stats = world.cache.stats();
    let names: Vec<_> = stats.namespaces.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(
        names,
        ["users", "remote"],
        "in the order of their first use"
    );
    let total = stats.total();
    assert_eq!((total.misses, total.l2_hits, total.stored), (3, 1, 1));
    assert_eq!(total.miss_reasons, [("not_found", 2), ("foreign", 1)]);
    assert_eq!(stats.namespaces[0].misses, 2);
    assert_eq!(remote.stats(), stats.namespaces[1]);
}

#[tokio::test]
async fn health_and_stats_show_what_is_there() {
    let world = World::new();
    world.users().set("7", "Ada".to_owned()).await.unwrap();
    let (health, stats) = (world.cache.health().await, world.cache.stats());
    assert_eq!(health.status, Status::Healthy);
    assert_eq!(health.status.to_string(), "healthy");
    assert_eq!(health.backend.name, "memory");
    assert_eq!(
        health.backend.latency,
        Some(Duration::ZERO),
        "the clock stands"
    );
    assert!(health.backend.error.is_none());
    assert_eq!(health.backend.nodes.len(), 1);
    assert_eq!(health.l1, stats.l1);
    assert_eq!(health.l1.entries, 1);
    assert_eq!((health.background_tasks, stats.background_tasks), (0, 0));
    assert_eq!(stats.connections.active, 0);
}

#[tokio::test(start_paused = true)]
async fn background_tasks_are_counted_while_they_run() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    users.set("7", "Ada".to_owned()).await.unwrap();
    world.clock.advance(TTL);
    users.get_or_load("7", database.finds("new")).await.unwrap();
    let waiting = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("Bob"));
        async move { users.get_or_load("8", loader).await }
    });
    database.asked(2).await;
    assert_eq!(world.cache.stats().background_tasks, 2);
    assert_eq!(world.cache.health().await.background_tasks, 2);
    database.open();
    waiting.await.unwrap().unwrap();
    eventually("the end", || world.cache.stats().background_tasks == 0).await;
}

/// An observer with a bug.
#[derive(Debug, Default)]
struct Panicking(AtomicU64);

impl Observer for Panicking {
    fn observe(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("an observer's bug");
    }
}

#[tokio::test]
async fn a_panicking_observer_is_called_once_and_harms_nobody() {
    let panicking = Arc::new(Panicking::default());
    let world = World::with(|builder| {
        let builder = builder.observer(panicking.clone());
        let backends = builder.observers();
        backends.emit(&Event::Connected { node: "a:1" });
        builder
    });
    let users = world.users();
    users
        .get_or_load("7", Database::new().finds("Ada"))
        .await
        .unwrap();
    assert_eq!(*users.get("7").await.unwrap().unwrap(), "Ada");
    assert_eq!(
        panicking.0.load(Ordering::Relaxed),
        1,
        "the backend's bug report is enough"
    );
    assert!(world.events.take().contains(&"hit l1 7".to_owned()));
}

#[tokio::test]
async fn refusals_are_told_with_the_namespace_at_fault() {
    let world = World::new();
    let unknown = world.cache.namespace("nobody").unwrap_err().to_string();
    assert!(
        unknown.contains("nobody") && unknown.contains("users"),
        "{unknown}"
    );
    let wrong = world.cache.register(Namespace::new("a:b")).unwrap_err();
    assert!(wrong.to_string().contains("a:b"), "{wrong}");
}
