//! Policies: refreshes before their time, patience, and restraint after a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache::{CacheBuilder, LoadError, TypedCache};
use larder_cache_core::{Invalidation, Namespace, Random};
use larder_testkit::Method;
use tokio::time::Instant;

use crate::fleet::{Fleet, LOADS, Load, Process};
use crate::watched::Telling;
use crate::world::{Database, DbError, THROTTLE, TTL, World, eventually, settle};

const SECOND: Duration = Duration::from_secs(1);

/// Tokens like any, and always the same draw.
#[derive(Debug)]
struct Draw {
    unit: f64,
    tokens: AtomicU64,
}

impl Random for Draw {
    fn next_u64(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn next_unit(&self) -> f64 {
        self.unit
    }
}

/// A value that took ten seconds to load, under a draw.
async fn loaded_in_ten_seconds(unit: f64, beta: f64) -> (World, TypedCache<String>) {
    let random = Arc::new(Draw {
        unit,
        tokens: AtomicU64::new(0),
    });
    let world = World::with(|builder| builder.random(random).lease(TTL));
    let early = |users: Namespace| users.early_refresh(beta);
    world.cache.update_namespace("users", early).unwrap();
    let (users, slow) = (world.users(), Database::shut());
    let loading = Load::Single.spawn(&users, &slow, Ok("old"));
    slow.asked(1).await;
    world.clock.advance(10 * SECOND);
    slow.open();
    loading.await.unwrap().unwrap();
    (world, users)
}

/// The draw and the factor, and when the value is due. -ln(0.36) is 1.02, so that it is due
/// ten seconds early; and a draw of 0 is never early.
#[tokio::test(start_paused = true)]
async fn values_are_refreshed_before_their_time() {
    for (unit, beta, due) in [
        (0.64, 1.0, Some(50 * SECOND)),
        (0.64, 2.0, Some(40 * SECOND)),
        (0.64, 0.1, Some(59 * SECOND)),
        (0.64, 1000.0, Some(SECOND)),
        (0.0, 1.0, None),
        (0.64, 0.0, None),
    ] {
        let case = format!("draw {unit}, beta {beta}");
        let (world, users) = loaded_in_ten_seconds(unit, beta).await;
        let database = Database::new();
        let early = due.unwrap_or(TTL) - SECOND;
        if !early.is_zero() {
            world.clock.advance(early);
            assert_eq!(
                Load::Single.run(&users, &database, "new").await,
                "old",
                "{case}"
            );
            settle().await;
            assert_eq!(database.queries(), 0, "{case}: too early");
            world.clock.advance(SECOND - Duration::from_nanos(1));
        } else {
            world.clock.advance(SECOND);
        }
        world.events.take();
        assert_eq!(
            Load::Single.run(&users, &database, "new").await,
            "old",
            "{case}"
        );
        let tier = if due.is_none() {
            "hit l1 7"
        } else {
            "hit l2 7"
        };
        assert_eq!(world.events.take()[0], tier, "{case}");
        settle().await;
        let refreshed = database.queries() == 1;
        assert_eq!(refreshed, due.is_some(), "{case}: when it is due");
        let expected = if refreshed { "new" } else { "old" };
        let found = users.get("7").await.unwrap().unwrap();
        assert_eq!(*found, expected, "{case}");
    }
}

/// Many readers find it due, here and elsewhere; one refreshes, and nobody waits.
#[tokio::test(start_paused = true)]
async fn what_is_due_is_refreshed_once() {
    let (world, users) = loaded_in_ten_seconds(0.64, 1.0).await;
    let (slow, database) = (Database::shut(), Database::new());
    world.clock.advance(51 * SECOND);
    for _ in 0..10 {
        assert_eq!(Load::Single.run(&users, &slow, "new").await, "old");
    }
    slow.asked(1).await;
    let elsewhere = world.elsewhere();
    for load in LOADS {
        for users in [&users, &elsewhere] {
            assert_eq!(load.run(users, &database, "twice").await, "old", "{load:?}");
        }
    }
    settle().await;
    assert_eq!((slow.queries(), database.queries()), (1, 0));
    slow.open();
    eventually("the refresh", || users.stats().stored == 2).await;
    assert_eq!(*users.get("7").await.unwrap().unwrap(), "new");
}

/// Reads don't wait for it, and don't count it as a miss; a refresh that fails leaves the
/// value until its time, and is not tried again at once.
#[tokio::test(start_paused = true)]
async fn an_early_refresh_that_fails_costs_nothing() {
    let (world, users) = loaded_in_ten_seconds(0.64, 1.0).await;
    let database = Database::new();
    world.clock.advance(51 * SECOND);
    let misses = users.stats().misses;
    for _ in 0..3 {
        let failing = Load::Single.spawn(&users, &database, Err(DbError("down")));
        assert_eq!(failing.await.unwrap().unwrap(), "old");
        assert_eq!(*users.get("7").await.unwrap().unwrap(), "old");
        eventually("its end", || world.cache.stats().background_tasks == 0).await;
    }
    assert_eq!(database.queries(), 1, "the others are throttled");
    world.clock.advance(THROTTLE);
    assert_eq!(Load::Single.run(&users, &database, "new").await, "old");
    eventually("the refresh", || users.stats().stored == 2).await;
    assert_eq!(users.stats().misses, misses);
}

/// Two processes, and a stale value.
async fn stale(fleet: &Fleet, soft_timeout: Duration) -> [Process; 2] {
    let processes = [fleet.plain(), fleet.plain()];
    for process in &processes {
        process.update(|users| users.soft_timeout(soft_timeout));
    }
    processes[0]
        .users()
        .set("7", "old".to_owned())
        .await
        .unwrap();
    fleet.clock.advance(TTL);
    processes
}

/// After a load that failed nobody asks the loader for a while, in no process, where there is
/// a stale value.
#[tokio::test(start_paused = true)]
async fn a_failed_load_is_not_repeated_at_once() {
    for soft_timeout in [Duration::ZERO, SECOND] {
        for load in LOADS {
            let case = format!("{load:?}, soft timeout {soft_timeout:?}");
            let (fleet, database) = (Fleet::new(), Database::new());
            let processes = stale(&fleet, soft_timeout).await;
            let failing = Database::new();
            let failed = load.spawn(&processes[0].users(), &failing, Err(DbError("down")));
            assert_eq!(failed.await.unwrap().unwrap(), "old", "{case}");
            processes[0].idle().await;
            fleet.clock.advance(THROTTLE - Duration::from_millis(1));
            for load in LOADS {
                for process in &processes {
                    let served = load.run(&process.users(), &database, "new").await;
                    assert_eq!(served, "old", "{case}");
                }
            }
            settle().await;
            assert_eq!((failing.queries(), database.queries()), (1, 0), "{case}");
            fleet.clock.advance(Duration::from_millis(1));
            load.run(&processes[1].users(), &database, "new").await;
            processes[1].idle().await;
            assert_eq!(
                processes[0].get("7").await.as_deref(),
                Some("new"),
                "{case}"
            );
        }
    }
}

/// Those who waited for a load that fails are served the stale value as well.
#[tokio::test(start_paused = true)]
async fn those_who_waited_for_a_failure_do_not_repeat_it() {
    for load in LOADS {
        let (fleet, failing, database) = (Fleet::new(), Database::shut(), Database::new());
        let [a, b] = stale(&fleet, TTL).await;
        let mut gate = b.chaos.gate(Method::Lease);
        let waiting = load.spawn(&b.users(), &database, Ok("new"));
        gate.arrived().await;
        let failed = Load::Single.spawn(&a.users(), &failing, Err(DbError("down")));
        failing.asked(1).await;
        gate.release();
        b.waits().await;
        failing.open();
        assert_eq!(failed.await.unwrap().unwrap(), "old", "{load:?}");
        assert_eq!(waiting.await.unwrap().unwrap(), "old", "{load:?}");
        b.idle().await;
        assert_eq!(database.queries(), 0, "{load:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_ends_the_throttle() {
    for change in ["delete", "mark_stale", "set", "clear", "soft clear"] {
        let (fleet, database) = (Fleet::new(), Database::new());
        let [a, b] = stale(&fleet, SECOND).await;
        let failed = Load::Single.spawn(&a.users(), &database, Err(DbError("down")));
        failed.await.unwrap().unwrap();
        let users = b.users();
        match change {
            "delete" => assert!(users.delete("7").await.unwrap()),
            "mark_stale" => assert!(users.mark_stale("7").await.unwrap()),
            "set" => users.set("7", "new".to_owned()).await.unwrap(),
            "clear" => drop(users.clear().await.unwrap()),
            _ => drop(users.clear_with(Invalidation::Soft).await.unwrap()),
        }
        let loaded = Load::Single.run(&a.users(), &database, "new").await;
        // What is stale already is made no staler.
        let expected = if change == "soft clear" { "old" } else { "new" };
        assert_eq!(loaded, expected, "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_throttle_every_caller_asks() {
    let (fleet, database) = (Fleet::new(), Database::new());
    let [a, b] = stale(&fleet, SECOND).await;
    for process in [&a, &b] {
        process.update(|users| users.throttle(Duration::ZERO));
    }
    for asked in 1..=4 {
        let process = if asked % 2 == 0 { &a } else { &b };
        let failed = Load::Single.spawn(&process.users(), &database, Err(DbError("down")));
        assert_eq!(failed.await.unwrap().unwrap(), "old");
        assert_eq!(database.queries(), asked);
    }
}

/// With a stale value in hand, a caller waits for its soft timeout and no longer; the load
/// goes on and is stored.
#[tokio::test(start_paused = true)]
async fn callers_with_a_stale_value_wait_less() {
    let (fleet, slow) = (Fleet::new(), Database::shut());
    let [a, _] = stale(&fleet, 2 * SECOND).await;
    let users = a.users();
    let began = Instant::now();
    let timed = |soft: Option<Duration>| {
        let (users, loader) = (users.clone(), slow.finds::<String>("new"));
        tokio::spawn(async move {
            let request = match soft {
                Some(soft) => users.load("7").soft_timeout(soft),
                None => users.load("7"),
            };
            let served = request.with(loader).await.unwrap().unwrap();
            (served.to_string(), began.elapsed())
        })
    };
    let lead = timed(None);
    slow.asked(1).await;
    let follower = timed(None);
    let hasty = timed(Some(Duration::ZERO));
    let hurried = timed(Some(SECOND));
    let patient = timed(Some(TTL));
    for (caller, waited) in [
        (hasty, Duration::ZERO),
        (hurried, SECOND),
        (lead, 2 * SECOND),
        (follower, 2 * SECOND),
    ] {
        let (served, took) = caller.await.unwrap();
        assert_eq!(served, "old");
        let late = took.checked_sub(waited);
        assert!(
            late.is_some_and(|late| late < SECOND / 10),
            "{took:?}, not {waited:?}"
        );
    }
    assert_eq!(users.stats().stale_served, 4);
    slow.open();
    assert_eq!(patient.await.unwrap().0, "new", "it came in time");
    a.idle().await;
    assert_eq!(a.get("7").await.as_deref(), Some("new"));
    assert_eq!(slow.queries(), 1);
}

/// The timeout counts with and without a stale value.
#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_timeout() {
    let (fleet, slow) = (Fleet::new(), Database::shut());
    let [a, _] = stale(&fleet, TTL).await;
    let users = a.users();
    let began = Instant::now();
    let loader = slow.finds::<String>("new");
    let served = users.load("7").timeout(SECOND).with(loader).await;
    assert_eq!(*served.unwrap().unwrap(), "old", "it is in hand");
    let loader = slow.finds::<String>("new");
    let failed = users.load("8").timeout(SECOND).with(loader).await;
    assert!(matches!(failed, Err(LoadError::Deadline)), "{failed:?}");
    let took = began.elapsed();
    assert!(took >= 2 * SECOND && took < 3 * SECOND, "{took:?}");
    slow.open();
    a.idle().await;
    for key in ["7", "8"] {
        assert_eq!(a.get(key).await.as_deref(), Some("new"), "{key}");
    }
}

/// Only so many refreshes run at once; what is stale meanwhile is served, and refreshed by a
/// later reader.
#[tokio::test(start_paused = true)]
async fn refreshes_are_bounded() {
    for most in [0, 1, 3] {
        let fleet = Fleet::new();
        let configure = |b: CacheBuilder| b.max_concurrent_refreshes(most);
        let process = fleet.process(Telling::Nothing, |b| configure(b).l1_bytes(0));
        let (users, slow) = (process.users(), Database::shut());
        let keys: Vec<String> = (0..5).map(|key| key.to_string()).collect();
        for key in &keys {
            users.set(key, "old".to_owned()).await.unwrap();
        }
        fleet.clock.advance(TTL);
        let read = async || {
            for key in &keys {
                let served = users.get_or_load(key, slow.finds::<String>("new")).await;
                drop(served.unwrap());
            }
            settle().await;
        };
        read().await;
        assert_eq!(slow.most_at_once(), most);
        slow.open();
        process.idle().await;
        read().await;
        process.idle().await;
        assert!(slow.most_at_once() <= most, "{most}");
        assert_eq!(slow.queries() > most, most > 0, "others came to their turn");
    }
}

/// Marking stale is the soft change of one key: it is served while a load runs.
#[tokio::test(start_paused = true)]
async fn what_is_marked_stale_is_served_by_loads_alone() {
    let (world, database) = (World::new(), Database::new());
    let users = world.users();
    assert!(!users.mark_stale("7").await.unwrap(), "there is none");
    users.set("7", "old".to_owned()).await.unwrap();
    world.clock.advance(TTL / 2);
    assert!(users.mark_stale("7").await.unwrap());
    assert_eq!(users.get("7").await.unwrap(), None);
    let failing = Load::Batch.spawn(&users, &database, Err(DbError("down")));
    assert_eq!(failing.await.unwrap().unwrap(), "old");
    assert!(
        users.mark_stale("7").await.unwrap(),
        "which ends the throttle"
    );
    assert_eq!(Load::Batch.run(&users, &database, "new").await, "new");
    assert_eq!(*users.get("7").await.unwrap().unwrap(), "new");
}
