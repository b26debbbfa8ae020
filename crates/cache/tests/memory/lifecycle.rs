//! The end of a cache: in order by `shutdown`, at once when its last handle goes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_cache::{Cache, LoadError, ShutdownReport, Status};
use larder_cache_core::{Backend, ErrorKind};
use larder_testkit::{ChaosBackend, Method};
use tokio::time::Instant;

use crate::world::{Database, DbError, TTL, World, eventually, settle};

const DEADLINE: Duration = Duration::from_secs(10);

fn check_closed<T: std::fmt::Debug>(result: Result<T, LoadError<DbError>>) {
    match result {
        Err(LoadError::Cache(error)) => assert_eq!(error.kind(), ErrorKind::Closed, "{error}"),
        other => panic!("expected a closed cache, found {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_what_runs() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    users.set("stale", "old".to_owned()).await.unwrap();
    world.clock.advance(TTL);
    users
        .get_or_load("stale", database.finds("new"))
        .await
        .unwrap();
    let load = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
        async move { users.get_or_load("7", loader).await }
    });
    let batch = tokio::spawn({
        let (users, database) = (users.clone(), database.clone());
        let loader = move |_: Vec<&str>| async move {
            database
                .query(Ok::<_, DbError>([("8", "Bob".to_owned())]))
                .await
        };
        async move { users.get_or_load_many(["8"], loader).await }
    });
    database.asked(3).await;
    let shutdown = tokio::spawn({
        let cache = world.cache.clone();
        async move { cache.shutdown(DEADLINE).await }
    });
    settle().await;
    assert!(!shutdown.is_finished());
    check_closed(users.get_or_load("9", database.finds("late")).await);
    database.open();
    let report = shutdown.await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(*load.await.unwrap().unwrap(), "Ada");
    assert_eq!(*batch.await.unwrap().unwrap()["8"], "Bob");
    assert_eq!(
        (database.queries(), users.stats().stored),
        (3, 4),
        "all were filled"
    );
}

#[tokio::test(start_paused = true)]
async fn shutdown_aborts_at_its_deadline_and_names_what_was_left() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    users.set("stale", "old".to_owned()).await.unwrap();
    world.clock.advance(TTL);
    users
        .get_or_load("stale", database.finds("new"))
        .await
        .unwrap();
    database.asked(1).await;
    let load = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
        async move { users.get_or_load("7", loader).await }
    });
    database.asked(2).await;
    let batch = tokio::spawn({
        let (users, database) = (users.clone(), database.clone());
        let loader = move |_: Vec<&str>| async move {
            database
                .query(Ok::<_, DbError>([("8", "Bob".to_owned())]))
                .await
        };
        async move { users.get_or_load_many(["8", "9"], loader).await }
    });
    database.asked(3).await;
    let began = Instant::now();
    let report = world.cache.shutdown(DEADLINE).await;
    assert_eq!(began.elapsed(), DEADLINE);
    assert!(!report.is_clean());
    let left = [
        "refresh users/stale",
        "load users/7",
        "load 2 keys of users",
    ];
    assert_eq!(report.aborted, left);
    check_closed(load.await.unwrap());
    check_closed(batch.await.unwrap());
    assert_eq!(world.cache.stats().background_tasks, 0);
    assert_eq!(users.stats().failed_loads, 3, "aborted loads are told of");
    let aborted = world.events.take();
    assert_eq!(
        aborted
            .iter()
            .filter(|e| e.starts_with("load aborted"))
            .count(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_closed_cache_says_so() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    users.set("7", "Ada".to_owned()).await.unwrap();
    let report = world.cache.shutdown(DEADLINE).await;
    assert_eq!(report, ShutdownReport::default());
    assert_eq!(
        *users.get("7").await.unwrap().unwrap(),
        "Ada",
        "L1 still knows"
    );
    assert_eq!(users.get("8").await.unwrap(), None);
    check_closed(users.get_or_load("8", database.finds("late")).await);
    check_closed(users.load("8").with(database.finds::<String>("late")).await);
    let many = |_: Vec<&str>| async { Ok::<_, DbError>([("8", "late".to_owned())]) };
    check_closed(users.get_or_load_many(["8"], many).await);
    let set = users.set("8", "late".to_owned()).await;
    assert_eq!(set.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        users.delete("8").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    let health = world.cache.health().await;
    assert_eq!(
        (health.status, health.status.to_string().as_str()),
        (Status::Closed, "closed")
    );
    assert_eq!(database.queries(), 0);
    let again = world.cache.shutdown(DEADLINE).await;
    assert!(again.is_clean());
}

#[tokio::test(start_paused = true)]
async fn any_deadline_will_do() {
    for (deadline, clean) in [(Duration::ZERO, false), (Duration::MAX, true)] {
        let (world, database) = (World::new(), Database::shut());
        let users = world.users();
        let load = tokio::spawn({
            let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
            async move { users.get_or_load("7", loader).await }
        });
        database.asked(1).await;
        if clean {
            database.open();
        }
        let report = world.cache.shutdown(deadline).await;
        assert_eq!(report.is_clean(), clean, "{deadline:?}");
        assert_eq!(load.await.unwrap().is_ok(), clean);
    }
}

/// What refuses to be aborted is named, and nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loader_that_blocks_its_thread_is_left_behind() {
    let world = World::new();
    let users = world.users();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (began, begin) = tokio::sync::oneshot::channel();
    let loader = move || async move {
        began.send(()).unwrap();
        held.recv().unwrap();
        Ok::<_, DbError>("late".to_owned())
    };
    let load = tokio::spawn({
        let users = users.clone();
        async move { users.get_or_load("7", loader).await }
    });
    begin.await.unwrap();
    let report = world.cache.shutdown(Duration::from_millis(10)).await;
    assert_eq!(report.aborted, ["load users/7"]);
    release.send(()).unwrap();
    assert_eq!(
        *load.await.unwrap().unwrap(),
        "late",
        "its callers still wait"
    );
}

/// A cache whose backend tells when it is dropped.
fn watched() -> (World, Weak<ChaosBackend>) {
    let world = World::new();
    let backend = Arc::downgrade(&world.chaos);
    (world, backend)
}

async fn check_dropped(backend: &Weak<ChaosBackend>) {
    eventually("the backend to go", || backend.strong_count() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_drops_all() {
    let (world, backend) = watched();
    let World { cache, chaos, .. } = world;
    drop(chaos);
    let (clone, users) = (cache.clone(), cache.namespace("users").unwrap());
    let typed = users.typed::<String>();
    typed.set("7", "Ada".to_owned()).await.unwrap();
    drop((cache, clone, users));
    assert_eq!(backend.strong_count(), 1, "a handle is left");
    assert_eq!(*typed.get("7").await.unwrap().unwrap(), "Ada");
    drop(typed);
    assert_eq!(backend.strong_count(), 0);
}

/// Where a task of a dropped cache stands: in its loader, in the backend, or in the queue.
#[derive(Clone, Copy, Debug)]
enum Held {
    Loader,
    Refresh,
    Batch,
    BatchRead,
    Fill,
    Queue,
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_aborts_what_runs() {
    for held in [
        Held::Loader,
        Held::Refresh,
        Held::Batch,
        Held::BatchRead,
        Held::Fill,
        Held::Queue,
    ] {
        let world = World::with(|builder| builder.max_concurrent_loads(1));
        let backend = Arc::downgrade(&world.chaos);
        let database = Database::shut();
        let queries = stand(held, &world, &database).await;
        let World { cache, chaos, .. } = world;
        drop(chaos);
        let began = Instant::now();
        drop(cache);
        check_dropped(&backend).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{held:?}");
        database.open();
        settle().await;
        assert_eq!(database.queries(), queries, "{held:?}: nothing went on");
    }
}

/// Brings a task to its place, without anybody who waits for it; says how many queries ran.
async fn stand(held: Held, world: &World, database: &Database) -> usize {
    let users = world.users();
    let batch = |database: &Database| {
        let (users, database) = (users.clone(), database.clone());
        let loader = move |_: Vec<&str>| async move {
            database
                .query(Ok::<_, DbError>([("7", "Bob".to_owned())]))
                .await
        };
        tokio::spawn(async move { users.get_or_load_many(["7"], loader).await })
    };
    let single = |key: &'static str, database: &Database| {
        let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
        tokio::spawn(async move { users.get_or_load(key, loader).await })
    };
    let (callers, queries) = match held {
        Held::Loader => {
            let caller = single("7", database);
            database.asked(1).await;
            (vec![caller.abort_handle()], 1)
        }
        Held::Refresh => {
            users.set("7", "old".to_owned()).await.unwrap();
            world.clock.advance(TTL);
            single("7", database).await.unwrap().unwrap();
            database.asked(1).await;
            (vec![], 1)
        }
        Held::Batch => {
            let caller = batch(database);
            database.asked(1).await;
            (vec![caller.abort_handle()], 1)
        }
        Held::BatchRead => {
            let mut read = world.chaos.gate(Method::Get);
            let caller = batch(database);
            read.arrived().await;
            std::mem::forget(read);
            (vec![caller.abort_handle()], 0)
        }
        Held::Fill => {
            let mut fill = world.chaos.gate(Method::Fill);
            database.open();
            let caller = single("7", database);
            fill.arrived().await;
            std::mem::forget(fill);
            (vec![caller.abort_handle()], 1)
        }
        Held::Queue => {
            let first = single("7", database);
            database.asked(1).await;
            let second = single("8", database);
            eventually("the queue", || world.cache.stats().background_tasks == 2).await;
            (vec![first.abort_handle(), second.abort_handle()], 1)
        }
    };
    for caller in &callers {
        caller.abort();
    }
    eventually("their end", || callers.iter().all(|c| c.is_finished())).await;
    queries
}

/// A loader that ends after its cache has nobody to fill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loader_that_outlives_its_cache_holds_nothing() {
    let World { cache, chaos, .. } = World::new();
    let backend = Arc::downgrade(&chaos);
    drop(chaos);
    let users = cache.namespace("users").unwrap().typed::<String>();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (began, begin) = tokio::sync::oneshot::channel();
    let (ended, end) = tokio::sync::oneshot::channel();
    let loader = move || async move {
        began.send(()).unwrap();
        held.recv().unwrap();
        ended.send(()).unwrap();
        Ok::<_, DbError>("late".to_owned())
    };
    let load = tokio::spawn(async move { users.get_or_load("7", loader).await });
    begin.await.unwrap();
    load.abort();
    assert!(load.await.unwrap_err().is_cancelled());
    drop(cache);
    check_dropped(&backend).await;
    release.send(()).unwrap();
    end.await.unwrap();
}

/// A stream is a handle as well.
#[tokio::test]
async fn a_scan_keeps_its_cache() {
    let World { cache, backend, .. } = World::new();
    let users = cache.namespace("users").unwrap().typed::<String>();
    users.set("7", "Ada".to_owned()).await.unwrap();
    let pages = users.keys_by_pattern("*");
    drop((cache, users));
    let keys: Vec<Vec<String>> = futures_util::TryStreamExt::try_collect(pages)
        .await
        .unwrap();
    assert_eq!(keys.concat(), ["7"]);
    assert_eq!(backend.name(), "memory");
}

/// On the embedded backend, plain reads and writes need no runtime.
#[test]
fn plain_operations_need_no_runtime() {
    let users = World::new().elsewhere();
    let done = futures_util::FutureExt::now_or_never(async {
        users.set("7", "Ada".to_owned()).await.unwrap();
        assert_eq!(*users.get("7").await.unwrap().unwrap(), "Ada");
        assert!(users.expire("7", TTL).await.unwrap());
        assert!(users.delete("7").await.unwrap());
        assert_eq!(users.delete_by_pattern("*").await.unwrap(), 0);
    });
    assert!(done.is_some(), "nothing was waited for");
}

#[tokio::test]
async fn a_cache_without_a_shutdown_can_be_dropped_outside_of_a_runtime() {
    let world = World::new();
    world.users().set("7", "Ada".to_owned()).await.unwrap();
    let cache: Cache = world.cache;
    let thread = std::thread::spawn(move || drop(cache));
    thread.join().unwrap();
}
