//! Reads that leave the refreshing to their caller, and the refreshes.

use std::collections::HashMap;
use std::time::Duration;

use larder_cache::{LoadError, Look, Refreshed, TypedCache};
use larder_cache_core::{EarlyRefresh, MissReason};
use larder_testkit::{Fault, Method};

use crate::fleet::{Fleet, Process};
use crate::watched::Telling;
use crate::world::{Database, DbError, GRACE, TTL, World, settle};

const SECOND: Duration = Duration::from_secs(1);

/// Due after 48 seconds of 60 at the earliest, and 54 at the latest.
const THRESHOLD: EarlyRefresh = EarlyRefresh::Threshold(0.8);

/// What a look finds, whose loader must not run.
async fn look(users: &TypedCache<String>, key: &str) -> String {
    let loader = |_| async { Err::<String, _>(DbError("it was not to be asked")) };
    said(users.look_or_load(key, loader).await.unwrap())
}

fn said(look: Look<String>) -> String {
    match look {
        Look::Fresh(value) => format!("fresh {value}"),
        Look::Due(value, cost) => format!("due {value} {:.1}", cost.as_secs_f64()),
        Look::Stale(value, cost) => format!("stale {value} {:.1}", cost.as_secs_f64()),
        Look::Refreshing(value) => format!("refreshing {value}"),
        other => format!("{other:?}"),
    }
}

type Rows = HashMap<String, Option<String>>;

fn rows(keys: Vec<String>) -> Result<Rows, DbError> {
    let row = |key: String| (key.clone(), (key != "none").then(|| format!("new {key}")));
    Ok(keys.into_iter().map(row).collect())
}

async fn refresh(process: &Process, keys: &[&str]) -> Refreshed<DbError> {
    let keys = keys.iter().map(|key| (*key).to_owned());
    let loader = |keys| async { rows(keys) };
    process.users().refresh_many(keys, SECOND, loader).await
}

fn lists<E>(refreshed: &Refreshed<E>) -> [String; 3] {
    [&refreshed.loaded, &refreshed.left, &refreshed.failed].map(|keys| keys.join(" "))
}

/// A process with an L1 and another one without, both with a threshold.
fn fleet() -> (Fleet, [Process; 2]) {
    let fleet = Fleet::new();
    let processes = [fleet.process(Telling::ByHand, |b| b), fleet.plain()];
    for process in &processes {
        process.update(|users| users.early_refresh(THRESHOLD));
    }
    (fleet, processes)
}

/// Fresh, due, stale and gone, in L1 and in the backend; and the processes agree on when.
#[tokio::test(start_paused = true)]
async fn a_look_says_how_a_value_stands() {
    for key in ["1", "2", "3", "4", "5"] {
        let (fleet, processes) = fleet();
        let [a, b] = processes.each_ref().map(Process::users);
        let slow = Database::shut();
        let loader = slow.finds::<String>("old");
        let loading = tokio::spawn({
            let a = a.clone();
            async move { said(a.look_or_load(key, |_| loader()).await.unwrap()) }
        });
        slow.asked(1).await;
        fleet.clock.advance(3 * SECOND);
        slow.open();
        assert_eq!(loading.await.unwrap(), "fresh old");
        processes[0].tell_until_now();
        let mut due_at = [None, None];
        for second in 0..60 {
            for (users, due_at) in [&a, &b].into_iter().zip(&mut due_at) {
                match look(users, key).await.as_str() {
                    "fresh old" => assert_eq!(*due_at, None),
                    "due old 3.0" => drop(due_at.get_or_insert(second)),
                    other => panic!("{other} after {second} s"),
                }
            }
            fleet.clock.advance(SECOND);
            processes[0].tell_until_now();
        }
        // L1 keeps the time to one part in 2048, and may find it due a moment later.
        let [in_l1, in_l2] = due_at.map(Option::unwrap);
        assert!((48..=54).contains(&in_l2), "{key}: {in_l2}");
        assert!((in_l2..=in_l2 + 1).contains(&in_l1), "{key}: {due_at:?}");
        for users in [&a, &b] {
            assert_eq!(look(users, key).await, "stale old 3.0");
        }
        fleet.clock.advance(GRACE);
        processes[0].tell_until_now();
        for users in [&a, &b] {
            let loader = |_: String| async { Ok::<_, DbError>(None::<String>) };
            let found = users.look_or_load(key, loader).await.unwrap();
            assert_eq!(said(found), "Absent");
            assert_eq!(look(users, key).await, "Absent");
        }
    }
}

/// A plain `get` does not leave L1 for what is due, nor does any read while others refresh it.
#[tokio::test(start_paused = true)]
async fn what_is_due_stays_in_l1() {
    let (fleet, [a, b]) = fleet();
    let users = a.users();
    users.set("7", "old".to_owned()).await.unwrap();
    a.tell_until_now();
    users.get("7").await.unwrap();
    fleet.clock.advance(55 * SECOND);
    a.tell_until_now();
    a.events.take();
    assert_eq!(a.get("7").await.as_deref(), Some("old"));
    assert_eq!(a.events.take(), ["hit l1 7"]);
    let slow = Database::shut();
    let refreshing = tokio::spawn({
        let (users, slow) = (b.users(), slow.clone());
        async move {
            let loader = |keys: Vec<String>| async move { slow.query(rows(keys)).await };
            lists(&users.refresh_many(["7".to_owned()], SECOND, loader).await)
        }
    });
    slow.asked(1).await;
    // It asks once, finds that another one loads, and leaves it to that one.
    let database = Database::new();
    for _ in 0..3 {
        let loaded = users.get_or_load("7", database.finds::<String>("twice"));
        assert_eq!(*loaded.await.unwrap(), "old");
        settle().await;
    }
    assert_eq!(a.events.take(), ["hit l2 7", "hit l1 7", "hit l1 7"]);
    assert_eq!(look(&users, "7").await, "fresh old");
    assert_eq!(lists(&refresh(&a, &["7"]).await), ["", "7", ""]);
    slow.open();
    assert_eq!(refreshing.await.unwrap(), ["7", "", ""]);
    a.tell("7");
    assert_eq!(a.get("7").await.as_deref(), Some("new 7"));
    assert_eq!(database.queries(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_loads_what_is_due_alone() {
    let (fleet, [a, b]) = fleet();
    for key in ["stale", "none"] {
        b.users().set(key, "old".to_owned()).await.unwrap();
    }
    fleet.clock.advance(5 * SECOND);
    b.users().set("due", "old".to_owned()).await.unwrap();
    fleet.clock.advance(55 * SECOND);
    b.users().set("fresh", "old".to_owned()).await.unwrap();
    let absent = || async { Ok::<_, DbError>(None::<String>) };
    b.users().load("absent").with(absent).await.unwrap();
    let keys = ["stale", "none", "due", "fresh", "absent", "missing"];
    for process in [&a, &b] {
        let before = process.chaos.calls(Method::Lease);
        let refreshed = refresh(process, &keys).await;
        assert!(refreshed.failure.is_none());
        let expected = match process.chaos.calls(Method::Lease) - before {
            0 => ["", "stale none due fresh absent missing", ""],
            _ => ["stale none due missing", "fresh absent", ""],
        };
        assert_eq!(lists(&refreshed), expected);
    }
    assert_eq!(b.chaos.calls(Method::Fill), 1, "of the load before");
    let misses = [&a, &b].map(|process| process.events.count(MissReason::Expired.name()));
    assert_eq!(misses, [0, 0], "it is nobody's read");
    for key in ["stale", "due", "missing"] {
        assert_eq!(a.get(key).await.unwrap(), format!("new {key}"));
    }
    assert_eq!(look(&a.users(), "none").await, "Absent");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_leaves_what_was() {
    let (fleet, [a, b]) = fleet();
    let stale = async |key: &str| {
        b.users().set(key, "old".to_owned()).await.unwrap();
        fleet.clock.advance(TTL);
    };
    stale("7").await;
    let failing = |_| async { Err::<Rows, _>(DbError("down")) };
    let users = a.users();
    let failed = users.refresh_many(["7".to_owned()], SECOND, failing).await;
    assert_eq!(lists(&failed), ["", "", "7"]);
    assert!(matches!(failed.failure, Some(LoadError::Loader(_))));
    assert_eq!(look(&b.users(), "7").await, "refreshing old");
    assert_eq!(lists(&refresh(&b, &["7"]).await), ["", "7", ""]);
    fleet.clock.advance(SECOND);
    assert_eq!(lists(&refresh(&b, &["7"]).await), ["7", "", ""]);
    let panicking = |_: Vec<String>| async { panic!("on purpose") };
    stale("8").await;
    let failed: Refreshed<DbError> = users
        .refresh_many::<Option<String>, _, Rows, _, _>(["8".to_owned()], SECOND, panicking)
        .await;
    assert!(matches!(failed.failure, Some(LoadError::Panicked)));
    for (method, has_reason) in [
        (Method::Get, true),
        (Method::Lease, false),
        (Method::Fill, false),
    ] {
        stale("9").await;
        a.chaos.on(method).next(1, Fault::refused());
        let failed = refresh(&a, &["9"]).await;
        assert_eq!(lists(&failed), ["", "", "9"], "{method:?}");
        assert_eq!(failed.failure.is_some(), has_reason, "{method:?}");
    }
    assert_eq!(lists(&refresh(&a, &[""]).await), ["", "", ""]);
}

/// A loader that never ends is left behind; and a cache that was shut down refreshes nothing.
#[tokio::test(start_paused = true)]
async fn a_refresh_ends() {
    let world = World::with(|builder| builder.load_timeout(SECOND));
    let users = world.users();
    let endless = |_: Vec<String>| std::future::pending::<Result<Rows, DbError>>();
    let failed = users.refresh_many(["7".to_owned()], SECOND, endless).await;
    assert!(matches!(failed.failure, Some(LoadError::Deadline)));
    drop(world.cache.shutdown(SECOND).await);
    let loader = |keys| async { rows(keys) };
    let failed = users.refresh_many(["8".to_owned()], SECOND, loader).await;
    assert!(matches!(failed.failure, Some(LoadError::Cache(_))));
}
