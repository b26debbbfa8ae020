//! A backend that is down, slow or hanging: reads stay answers, writes say so, and nobody
//! waits longer than his budget.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use larder_cache::{
    Cache, CacheBuilder, GetOptions, LoadError, OnError, SetOptions, Status, TypedCache,
};
use larder_cache_core::{Clock, Error, ErrorKind, Moment, Timestamp};
use larder_memory_backend::MemoryBackend;
use larder_testkit::{ChaosBackend, Fault, Method};
use tokio::time::Instant;

use crate::world::{Database, DbError, World, eventually};

const BUDGET: Duration = Duration::from_millis(250);

/// The virtual time of the runtime.
#[derive(Debug)]
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Moment {
        Moment::from_origin(self.0.elapsed())
    }

    fn coarse(&self) -> Moment {
        self.now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(self.0.elapsed())
    }
}

fn cache() -> (Cache, Arc<ChaosBackend>, TypedCache<String>) {
    let clock = Arc::new(RuntimeClock(Instant::now()));
    let memory = MemoryBackend::builder(1 << 20).clock(clock.clone()).build();
    let chaos = ChaosBackend::new(Arc::new(memory));
    let builder = CacheBuilder::new().clock(clock).budget(BUDGET);
    let cache = builder.build(chaos.clone()).unwrap();
    let names = cache.namespace("default").unwrap().typed();
    (cache, chaos, names)
}

/// Ways for a backend to fail, and how long a call takes to notice.
fn faults() -> [(Fault, ErrorKind, Duration); 5] {
    let error = |kind| Error::new(kind, "as the test wants");
    let short = Duration::from_millis(10);
    [
        (Fault::refused(), ErrorKind::Connection, Duration::ZERO),
        (
            Fault::Error(error(ErrorKind::Server)),
            ErrorKind::Server,
            Duration::ZERO,
        ),
        (
            Fault::LostReply(error(ErrorKind::Auth)),
            ErrorKind::Auth,
            Duration::ZERO,
        ),
        (Fault::Hang, ErrorKind::Timeout, BUDGET),
        (Fault::Delay(BUDGET + short), ErrorKind::Timeout, BUDGET),
    ]
}

#[tokio::test(start_paused = true)]
async fn reads_are_misses_within_the_budget() {
    for (fault, kind, takes) in faults() {
        let (_cache, chaos, names) = cache();
        names.set("known", "Ada".to_owned()).await.unwrap();
        chaos.every().always(fault);
        let began = Instant::now();
        assert_eq!(names.get("7").await.unwrap(), None);
        assert_eq!(began.elapsed(), takes, "{kind}");
        let many = names.get_many(["7", "known", "8"]).await.unwrap();
        assert_eq!(many.len(), 1, "what L1 knows");
        assert_eq!(began.elapsed(), 2 * takes, "{kind}");
        assert_eq!(names.stats().miss_reasons, [("backend", 3)]);

        let strict = GetOptions::new().on_error(OnError::Fail);
        let failed = names.get_with("7", strict).await.unwrap_err();
        assert_eq!(failed.kind(), kind);
        let failed = names.get_many_with(["7", "known"], strict).await;
        assert_eq!(failed.unwrap_err().kind(), kind);
        assert_eq!(
            names.stats().miss_reasons,
            [("backend", 5)],
            "counted as well"
        );
        assert!(names.get_with("known", strict).await.unwrap().is_some());
        assert_eq!(began.elapsed(), 4 * takes, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_has_the_budget_it_asks_for() {
    let (_cache, chaos, names) = cache();
    chaos.every().always(Fault::Hang);
    let budget = Duration::from_millis(40);
    let began = Instant::now();
    let read = names.get_with("7", GetOptions::new().budget(budget)).await;
    assert_eq!((read.unwrap(), began.elapsed()), (None, budget));
    let set = SetOptions::new().budget(budget);
    let set = names
        .set_with("7", "Ada".to_owned(), set)
        .await
        .unwrap_err();
    assert_eq!(
        (set.kind(), began.elapsed()),
        (ErrorKind::Timeout, 2 * budget)
    );
    let loaded = names.load("8").budget(budget);
    let loaded = loaded.with(Database::new().finds::<String>("Ada")).await;
    assert_eq!(*loaded.unwrap().unwrap(), "Ada");
    assert_eq!(
        began.elapsed(),
        3 * budget,
        "the read used it up, the fill had none"
    );
    let read = names.get_with("7", GetOptions::new().budget(Duration::ZERO));
    assert_eq!((read.await.unwrap(), began.elapsed()), (None, 3 * budget));
}

/// A clock of the server that has to be waited for is on the same budget.
#[tokio::test(start_paused = true)]
async fn the_servers_clock_is_on_the_budget_too() {
    let (_cache, chaos, names) = cache();
    names.set("7", "Ada".to_owned()).await.unwrap();
    let slow = Fault::Delay(Duration::from_millis(200));
    chaos.every().always(slow.clone());
    chaos.on(Method::Now).always(slow);
    let began = Instant::now();
    let loaded = names.get_or_load("8", Database::new().finds("Bob")).await;
    assert_eq!(*loaded.unwrap(), "Bob");
    assert_eq!(began.elapsed(), BUDGET);
    let set = names.set("9", "Eve".to_owned()).await.unwrap_err();
    assert_eq!(
        (set.kind(), began.elapsed()),
        (ErrorKind::Timeout, 2 * BUDGET)
    );
}

#[tokio::test(start_paused = true)]
async fn loads_are_answered_by_their_loader() {
    for (fault, kind, takes) in faults() {
        let (_cache, chaos, names) = cache();
        chaos.every().always(fault);
        let slow = Duration::from_secs(1);
        let loader = |answer: &'static str| {
            move || async move {
                tokio::time::sleep(slow).await;
                Ok::<_, DbError>(answer.to_owned())
            }
        };
        let began = Instant::now();
        let loaded = names.get_or_load("7", loader("Ada")).await.unwrap();
        assert_eq!(
            (loaded.as_str(), began.elapsed()),
            ("Ada", takes + slow),
            "{kind}"
        );
        let loaded = names.load("8").with(loader("Bob")).await.unwrap();
        assert_eq!(loaded.as_deref(), Some(&"Bob".to_owned()));
        let many =
            |_: Vec<&str>| async { Ok::<_, DbError>(HashMap::from([("9", "Eve".to_owned())])) };
        let loaded = names.get_or_load_many(["9"], many).await.unwrap();
        assert_eq!(*loaded["9"], "Eve");
        assert_eq!(began.elapsed(), 3 * takes + 2 * slow, "{kind}");
        let failed = names
            .get_or_load("7", Database::new().fails("down too"))
            .await;
        assert_eq!(failed.unwrap_err().loader(), Some(&DbError("down too")));
        assert_eq!(names.stats().fills_refused, 3, "{kind}");
    }
}

/// A load that could not be stored is not kept in L1 either: nothing would tell of changes.
#[tokio::test(start_paused = true)]
async fn what_was_not_stored_is_loaded_again() {
    let (_cache, chaos, names) = cache();
    let database = Database::new();
    chaos.go_down();
    for queries in 1..=3 {
        let loaded = names.get_or_load("7", database.finds("Ada")).await;
        assert_eq!(
            (loaded.unwrap().as_str(), database.queries()),
            ("Ada", queries)
        );
    }
    chaos.heal();
    for _ in 0..3 {
        names.get_or_load("7", database.finds("Ada")).await.unwrap();
    }
    assert_eq!(database.queries(), 4);
}

const CALLS: [&str; 10] = [
    "set",
    "set_many",
    "delete",
    "delete_many",
    "delete_by_pattern",
    "exists",
    "ttl",
    "expire",
    "pipeline",
    "scan",
];

async fn call(name: &str, names: &TypedCache<String>) -> Result<(), Error> {
    let ada = || "Ada".to_owned();
    match name {
        "set" => names.set("7", ada()).await,
        "set_many" => names.set_many([("7", ada()), ("8", ada())]).await,
        "delete" => names.delete("known").await.map(drop),
        "delete_many" => names.delete_many(["known", "7"]).await.map(drop),
        "delete_by_pattern" => names.delete_by_pattern("*").await.map(drop),
        "exists" => names.exists("7").await.map(drop),
        "ttl" => names.ttl("7").await.map(drop),
        "expire" => names.expire("7", BUDGET).await.map(drop),
        "pipeline" => names.pipeline().get("7").run().await.map(drop),
        _ => names
            .keys_by_pattern("*")
            .try_collect::<Vec<_>>()
            .await
            .map(drop),
    }
}

#[tokio::test(start_paused = true)]
async fn changes_and_questions_report_the_failure() {
    for (fault, kind, takes) in faults() {
        let (_cache, chaos, names) = cache();
        names.set("known", "Ada".to_owned()).await.unwrap();
        chaos.every().always(fault);
        for name in CALLS {
            let began = Instant::now();
            let failed = call(name, &names).await.expect_err(name);
            assert_eq!((failed.kind(), began.elapsed()), (kind, takes), "{name}");
        }
    }
}

/// A delete that is not confirmed still ends the value in this process.
#[tokio::test(start_paused = true)]
async fn unconfirmed_changes_drop_l1() {
    for (fault, ..) in faults() {
        let (cache, chaos, names) = cache();
        for (name, key) in [
            ("set", "1"),
            ("delete", "2"),
            ("pipeline", "3"),
            ("pattern", "4"),
        ] {
            names.set(key, "Ada".to_owned()).await.unwrap();
            let entries = cache.stats().l1.entries;
            chaos.every().always(fault.clone());
            match name {
                "set" => names.set(key, "new".to_owned()).await.unwrap_err(),
                "delete" => names.delete(key).await.unwrap_err(),
                "pipeline" => names.pipeline().delete(key).run().await.unwrap_err(),
                _ => names.delete_by_pattern(key).await.unwrap_err(),
            };
            assert_eq!(cache.stats().l1.entries, entries - 1, "{name}");
            assert_eq!(names.get(key).await.unwrap(), None, "{name}");
            chaos.heal();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn health_tells_and_recovers() {
    for (fault, kind, takes) in faults() {
        let (cache, chaos, _) = cache();
        assert_eq!(cache.health().await.status, Status::Healthy);
        chaos.every().always(fault);
        let began = Instant::now();
        let health = cache.health().await;
        assert_eq!(began.elapsed(), takes);
        assert_eq!(health.status, Status::Degraded);
        assert_eq!(health.backend.latency, None);
        assert_eq!(health.backend.error.unwrap().kind(), kind);
        assert!(health.backend.nodes.is_empty());
        chaos.heal();
        assert_eq!(cache.health().await.status, Status::Healthy);
    }
}

/// Losing the backend must not become losing the database.
#[tokio::test(start_paused = true)]
async fn the_database_is_protected_while_the_backend_is_down() {
    let world = World::with(|builder| builder.max_concurrent_loads(5));
    let (users, database) = (world.users(), Database::shut());
    world.chaos.go_down();
    let callers: Vec<_> = (0..500_u32)
        .map(|n| {
            let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
            let key = (n % 50).to_string();
            tokio::spawn(async move { users.get_or_load(key, loader).await })
        })
        .collect();
    eventually("all callers to wait", || users.stats().joined == 450).await;
    database.open();
    for caller in callers {
        assert_eq!(*caller.await.unwrap().unwrap(), "Ada");
    }
    assert_eq!((database.queries(), database.most_at_once()), (50, 5));
}

/// A page that fails ends a deletion by pattern; what was deleted before is gone.
#[tokio::test(start_paused = true)]
async fn a_deletion_by_pattern_can_fail_half_way() {
    let (cache, chaos, names) = cache();
    let keys = |n: u32| format!("{n:04}");
    let entries = (0..2000).map(|n| (keys(n), n.to_string()));
    names.set_many(entries).await.unwrap();
    chaos
        .on(Method::Delete)
        .script([Fault::None, Fault::refused()]);
    let failed = names.delete_by_pattern("*").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Connection);
    assert_eq!(cache.stats().l1.entries, 0);
    let left: Vec<Vec<String>> = names.keys_by_pattern("*").try_collect().await.unwrap();
    let left = left.concat().len();
    assert!((900..2000).contains(&left), "{left}");
    eventually("the failed page", || cache.stats().background_tasks == 0).await;
    assert_eq!(names.delete_by_pattern("*").await.unwrap(), left as u64);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_fails_says_so_and_ends() {
    let (_cache, chaos, names) = cache();
    let entries = (0..2000_u32).map(|n| (n.to_string(), n.to_string()));
    names.set_many(entries).await.unwrap();
    for method in [Method::Scan, Method::Head] {
        chaos.on(method).script([Fault::None, Fault::refused()]);
        let mut pages = std::pin::pin!(names.keys_by_pattern("*"));
        let first = pages.try_next().await.unwrap().unwrap();
        assert!(!first.is_empty());
        let failed = pages.try_next().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Connection, "{method}");
        assert_eq!(pages.try_next().await.unwrap(), None);
    }
}

#[tokio::test]
async fn load_errors_say_what_happened() {
    let down = LoadError::Loader(Arc::new(DbError("table is gone")));
    let source = std::error::Error::source(&down).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("table is gone"));
    let refused: LoadError<DbError> = Error::new(ErrorKind::InvalidKey, "a key must").into();
    for (error, says) in [
        (down, "table is gone"),
        (refused, "a key must"),
        (LoadError::Panicked, "panicked"),
        (LoadError::Deadline, "timeout"),
    ] {
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.to_string(), error.clone().to_string());
    }
}
