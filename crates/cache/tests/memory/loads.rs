//! Loads of single keys: once, whatever happens to those who wait.

use std::sync::Arc;
use std::time::Duration;

use larder_cache::{LoadError, Loaded};
use larder_cache_core::ErrorKind;
use larder_testkit::Method;
use tokio::time::Instant;

use crate::world::{Database, DbError, World, eventually, settle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_share_one_load() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
            tokio::spawn(async move { users.get_or_load("7", loader).await })
        })
        .collect();
    eventually("all callers to wait", || users.stats().joined == 999).await;
    database.open();
    let mut first: Option<Arc<String>> = None;
    for caller in callers {
        let value = caller.await.unwrap().unwrap();
        assert!(Arc::ptr_eq(first.get_or_insert(value.clone()), &value));
    }
    assert_eq!(first.as_deref().map(String::as_str), Some("Ada"));
    assert_eq!(database.queries(), 1);
    assert_eq!(world.chaos.calls(Method::Get), 1);
    assert_eq!(world.chaos.calls(Method::Fill), 1);
}

#[tokio::test]
async fn hits_load_nothing() {
    let (world, database) = (World::new(), Database::new());
    let (users, elsewhere) = (world.users(), world.elsewhere());
    let from_loader = users.get_or_load("7", database.finds("Ada")).await.unwrap();
    let from_l1 = users.get_or_load("7", database.fails("L1 hit")).await;
    assert!(Arc::ptr_eq(&from_loader, &from_l1.unwrap()));
    let from_l2 = elsewhere.get_or_load("7", database.fails("L2 hit")).await;
    assert_eq!(*from_l2.unwrap(), "Ada");
    let from_l2 = elsewhere
        .load("7")
        .with(database.fails::<String>("L2 hit"))
        .await;
    assert_eq!(from_l2.unwrap().as_deref(), Some(&"Ada".to_owned()));
    assert_eq!(database.queries(), 1);
}

/// A leader that goes away while it reads the backend has loaded nothing yet: one of those
/// who wait takes over.
#[tokio::test(start_paused = true)]
async fn a_leader_cancelled_before_its_load_is_replaced() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let mut read = world.chaos.gate(Method::Get);
    let leader = tokio::spawn({
        let (users, loader) = (users.clone(), database.fails::<String>("leader"));
        async move { users.get_or_load("7", loader).await }
    });
    read.arrived().await;
    let followers: Vec<_> = (0..3)
        .map(|_| {
            let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
            tokio::spawn(async move { users.get_or_load("7", loader).await })
        })
        .collect();
    eventually("followers", || users.stats().joined == 3).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    for follower in followers {
        assert_eq!(*follower.await.unwrap().unwrap(), "Ada");
    }
    assert_eq!(database.queries(), 1);
    read.release();
}

/// A load that has begun belongs to the cache, not to its caller.
#[tokio::test(start_paused = true)]
async fn a_leader_cancelled_during_its_load_leaves_it_running() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let leader = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
        async move { users.get_or_load("7", loader).await }
    });
    database.asked(1).await;
    let follower = tokio::spawn({
        let (users, loader) = (users.clone(), database.fails::<String>("follower"));
        async move { users.get_or_load("7", loader).await }
    });
    eventually("the follower", || users.stats().joined == 1).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    database.open();
    assert_eq!(*follower.await.unwrap().unwrap(), "Ada");
    assert_eq!(*world.elsewhere().get("7").await.unwrap().unwrap(), "Ada");
    assert_eq!(database.queries(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_nobody_waits_for_still_fills() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let only = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
        async move { users.get_or_load("7", loader).await }
    });
    database.asked(1).await;
    only.abort();
    assert!(only.await.unwrap_err().is_cancelled());
    database.open();
    eventually("the fill", || users.stats().stored == 1).await;
    assert_eq!(*users.get("7").await.unwrap().unwrap(), "Ada");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_loader_is_contained() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let callers: Vec<_> = (0..5)
        .map(|_| {
            let (users, database) = (users.clone(), database.clone());
            tokio::spawn(async move { users.get_or_load("7", || buggy(database)).await })
        })
        .collect();
    eventually("all callers to wait", || users.stats().joined == 4).await;
    database.open();
    for caller in callers {
        let failed = caller.await.unwrap().unwrap_err();
        assert!(matches!(failed, LoadError::Panicked), "{failed:?}");
    }
    assert_eq!(database.queries(), 1);
    assert_eq!(users.stats().failed_loads, 1);
    let next = users.get_or_load("7", database.finds("Ada")).await;
    assert_eq!(*next.unwrap(), "Ada");
}

async fn buggy(database: Database) -> Result<String, DbError> {
    database.query(()).await;
    panic!("the loader's bug")
}

/// A loader may panic before it returns a future.
#[tokio::test]
async fn a_loader_that_panics_at_once_is_contained() {
    let world = World::new();
    let loader = || -> std::future::Ready<Result<String, DbError>> { panic!("at once") };
    let failed = world.users().get_or_load("7", loader).await.unwrap_err();
    assert!(matches!(failed, LoadError::Panicked), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_loader_is_shared_and_keeps_its_type() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let callers: Vec<_> = (0..5)
        .map(|_| {
            let (users, loader) = (users.clone(), database.fails::<String>("table is gone"));
            tokio::spawn(async move { users.get_or_load("7", loader).await })
        })
        .collect();
    eventually("all callers to wait", || users.stats().joined == 4).await;
    database.open();
    let mut first: Option<Arc<DbError>> = None;
    for caller in callers {
        let LoadError::Loader(error) = caller.await.unwrap().unwrap_err() else {
            panic!("not the loader's error");
        };
        assert!(Arc::ptr_eq(first.get_or_insert(error.clone()), &error));
    }
    assert_eq!(first.as_deref(), Some(&DbError("table is gone")));
    let failed = users.get_or_load("7", database.fails("again")).await;
    assert_eq!(failed.unwrap_err().loader(), Some(&DbError("again")));
    assert_eq!(database.queries(), 2, "a failure is not remembered");
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_the_deadline_and_the_load_does_not() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let second = Duration::from_secs(1);
    let follower = {
        let (users, loader) = (users.clone(), database.fails::<String>("follower"));
        async move { users.load("7").timeout(2 * second).with(loader).await }
    };
    let began = Instant::now();
    let leader = users.load("7").timeout(second);
    let (led, followed) = tokio::join!(leader.with(database.finds::<String>("Ada")), follower);
    assert!(matches!(led, Err(LoadError::Deadline)), "{led:?}");
    assert!(matches!(followed, Err(LoadError::Deadline)), "{followed:?}");
    assert_eq!(began.elapsed(), 2 * second);
    database.open();
    eventually("the fill", || users.stats().stored == 1).await;
    let late = users.get_or_load("7", database.fails("loaded twice")).await;
    assert_eq!(*late.unwrap(), "Ada");
}

#[tokio::test(start_paused = true)]
async fn any_timeout_will_do() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    for (key, timeout) in [("a", Duration::MAX), ("b", Duration::from_secs(1))] {
        let loaded = users.load(key).timeout(timeout);
        let loaded = loaded.with(database.finds::<String>("Ada")).await;
        assert_eq!(loaded.unwrap().as_deref(), Some(&"Ada".to_owned()));
    }
    let at_once = users.load("c").timeout(Duration::ZERO);
    let at_once = at_once.with(database.finds::<String>("Ada")).await;
    assert!(matches!(at_once, Err(LoadError::Deadline)), "{at_once:?}");
    let world = World::with(|builder| builder.load_timeout(Duration::MAX));
    let loaded = world.users().get_or_load("7", database.finds("Ada")).await;
    assert_eq!(*loaded.unwrap(), "Ada");
    let loader = |_: Vec<&'static str>| async { Ok::<_, DbError>([("8", "Bob".to_owned())]) };
    let many = world.users().get_or_load_many(["8"], loader).await;
    assert_eq!(*many.unwrap()["8"], "Bob");
}

#[tokio::test(start_paused = true)]
async fn loads_at_once_are_bounded() {
    let world = World::with(|builder| builder.max_concurrent_loads(3));
    let (users, database) = (world.users(), Database::shut());
    let callers: Vec<_> = (0..10)
        .map(|n: u32| {
            let (users, loader) = (users.clone(), database.finds::<String>(n.to_string()));
            tokio::spawn(async move { users.get_or_load(n.to_string(), loader).await })
        })
        .collect();
    database.asked(3).await;
    settle().await;
    assert_eq!(database.queries(), 3);
    database.open();
    for (n, caller) in callers.into_iter().enumerate() {
        assert_eq!(*caller.await.unwrap().unwrap(), n.to_string());
    }
    assert_eq!((database.queries(), database.most_at_once()), (10, 3));
}

/// A loader that loads holds a place and must not wait for another one: with one place in
/// all, it would wait for itself.
#[tokio::test(start_paused = true)]
async fn loads_within_loads_never_wait_for_a_place() {
    let world = World::with(|builder| builder.max_concurrent_loads(1));
    let (users, database) = (world.users(), Database::new());
    let began = Instant::now();
    let outer = {
        let (users, database) = (users.clone(), database.clone());
        move || async move {
            let middle = {
                let (users, database) = (users.clone(), database.clone());
                move || async move {
                    let inner = users.get_or_load("inner", database.finds("Ada")).await;
                    let many = users.get_or_load_many(["many"], |_| async {
                        Ok::<_, DbError>([("many", "Eve".to_owned())])
                    });
                    Ok::<_, DbError>(format!(
                        "{} {}",
                        inner.unwrap(),
                        many.await.unwrap()["many"]
                    ))
                }
            };
            let middle = users.load("middle").with(middle).await.unwrap();
            Ok::<_, DbError>(format!("outer {}", middle.unwrap()))
        }
    };
    let loaded = users.get_or_load("outer", outer).await.unwrap();
    assert_eq!(*loaded, "outer Ada Eve");
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(users.stats().loads, 4);
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_wants_its_own_key_waits_until_its_deadline() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let own = {
        let (users, loader) = (users.clone(), database.finds::<String>("never asked"));
        move || async move {
            let nested = users.load("7").timeout(Duration::from_secs(1));
            let nested = nested.with(loader).await;
            assert!(matches!(nested, Err(LoadError::Deadline)), "{nested:?}");
            Ok::<_, DbError>("Ada".to_owned())
        }
    };
    assert_eq!(*users.get_or_load("7", own).await.unwrap(), "Ada");
    assert_eq!(database.queries(), 0);
}

#[tokio::test]
async fn the_loader_runs_in_its_callers_span() {
    let _spans = tracing::subscriber::set_default(tracing_subscriber::registry());
    let world = World::new();
    let users = world.users();
    let span_of_loader = || async {
        let span = tracing::Span::current();
        Ok::<_, DbError>(span.metadata().map_or("none", |m| m.name()).to_owned())
    };
    let request = tracing::Instrument::instrument(
        users.get_or_load("7", span_of_loader),
        tracing::info_span!("request"),
    );
    assert_eq!(*request.await.unwrap(), "request");
    let request = tracing::Instrument::instrument(
        users.get_or_load_many(["8"], |_| async {
            let span = tracing::Span::current();
            let name = span.metadata().map_or("none", |m| m.name());
            Ok::<_, DbError>([("8", name.to_owned())])
        }),
        tracing::info_span!("batch"),
    );
    assert_eq!(*request.await.unwrap()["8"], "batch");
}

/// `get_or_load` and `load` share a flight, also where one of them takes "there is none" for
/// an answer and the other does not.
#[tokio::test(start_paused = true)]
async fn absence_answers_those_who_asked_for_it() {
    let (world, finds_none, finds) = (World::new(), Database::shut(), Database::new());
    let users = world.users();
    let optional = tokio::spawn({
        let (users, loader) = (users.clone(), finds_none.answers(Ok(Loaded::absent())));
        async move { users.load("7").with(loader).await }
    });
    finds_none.asked(1).await;
    let required = tokio::spawn({
        let (users, loader) = (users.clone(), finds.finds::<String>("Ada"));
        async move { users.get_or_load("7", loader).await }
    });
    eventually("the second caller", || users.stats().joined == 1).await;
    assert_eq!(finds.queries(), 0, "one load at a time");
    finds_none.open();
    assert_eq!(optional.await.unwrap().unwrap(), None);
    assert_eq!(*required.await.unwrap().unwrap(), "Ada");
    let known = users
        .load("7")
        .with(finds.fails::<String>("loaded twice"))
        .await;
    assert_eq!(known.unwrap().as_deref(), Some(&"Ada".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_required_value_answers_optional_callers() {
    let (world, database) = (World::new(), Database::shut());
    let users = world.users();
    let required = tokio::spawn({
        let (users, loader) = (users.clone(), database.finds::<String>("Ada"));
        async move { users.get_or_load("7", loader).await }
    });
    database.asked(1).await;
    let optional = tokio::spawn({
        let (users, loader) = (users.clone(), database.fails::<String>("loaded twice"));
        async move { users.load("7").with(loader).await }
    });
    eventually("the second caller", || users.stats().joined == 1).await;
    database.open();
    assert_eq!(*required.await.unwrap().unwrap(), "Ada");
    assert_eq!(*optional.await.unwrap().unwrap().unwrap(), "Ada");
}

/// Code of the value's own may panic as well, after the loader.
#[tokio::test]
async fn a_value_whose_serialization_panics_is_contained() {
    #[derive(Debug, serde::Deserialize)]
    struct Grenade;
    impl serde::Serialize for Grenade {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("the value's bug")
        }
    }
    let world = World::new();
    let grenades = world.typed::<Grenade>("users");
    for _ in 0..2 {
        let loaded = grenades.get_or_load("7", || async { Ok::<_, DbError>(Grenade) });
        loaded
            .await
            .expect("what was loaded, though it can't be stored");
    }
    assert_eq!(world.cache.stats().background_tasks, 0);
    assert_eq!(world.users().get("7").await.unwrap(), None);
}

#[tokio::test]
async fn bad_keys_load_nothing() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    let long = "x".repeat(1025);
    for key in ["", "a\nb", "\0", long.as_str()] {
        let failed = users.get_or_load(key, database.finds("Ada")).await;
        check_refused(failed, ErrorKind::InvalidKey);
        let failed = users.load(key).with(database.finds::<String>("Ada")).await;
        check_refused(failed, ErrorKind::InvalidKey);
    }
    assert_eq!((database.queries(), world.chaos.all_calls()), (0, 0));
}

fn check_refused<T: std::fmt::Debug>(result: Result<T, LoadError<DbError>>, kind: ErrorKind) {
    match result {
        Err(LoadError::Cache(error)) => assert_eq!(error.kind(), kind, "{error}"),
        other => panic!("expected {kind:?}, found {other:?}"),
    }
}
