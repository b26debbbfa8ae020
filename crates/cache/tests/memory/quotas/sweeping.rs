//! What goes where there is too much, and what stays.

use std::time::Duration;

use larder_cache::Loaded;
use larder_cache_core::{L1, Namespace, Tags};
use larder_testkit::{Fault, Gate, ManualClock, Method};
use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_oldest_go_when_there_is_too_much() {
    let world = world();
    let users = world.users();
    write(&world, 0..100, &[]).await;
    let usage = users.usage().await.unwrap().unwrap();
    assert!(usage.bytes <= QUOTA, "{usage:?}");
    let left = found(&users, 0..100).await;
    let first = left[0];
    assert_eq!(
        left,
        (first..100).collect::<Vec<_>>(),
        "the newest, without a gap"
    );
    let bytes = left.len() as u64 * ENTRY;
    assert!(
        (QUOTA * 8 / 10..=QUOTA + 2 * ENTRY).contains(&bytes),
        "{bytes}"
    );
    assert!(world.events.count("QuotaEnforced") >= 3);
    assert_eq!(usage.quota_bytes, Some(QUOTA));
}

/// How far is said, and told.
#[tokio::test(start_paused = true)]
async fn a_sweep_goes_down_to_nine_tenths() {
    let world = world();
    let users = world.users();
    burst(&world).await;
    world.events.take();
    assert_eq!(
        found(&users, 0..100).await.len(),
        100,
        "until the next look"
    );
    world.clock.advance(PAUSE);
    set(&users, 100, &[]).await;
    idle(&world).await;
    let kept = (QUOTA * 9 / 10) / ENTRY;
    let told = world.events.take();
    let told = told.iter().find(|event| event.contains("QuotaEnforced"));
    let (deleted, used) = (101 - kept, 101 * ENTRY);
    let expected = format!(
        "quota_bytes: {QUOTA}, used_bytes: {used}, entries: {deleted}, deleted_bytes: {}",
        deleted * ENTRY
    );
    assert!(told.unwrap().contains(&expected), "{told:?} {expected}");
    let usage = users.usage().await.unwrap().unwrap();
    assert_eq!((usage.entries, usage.bytes), (kept, kept * ENTRY));
    assert_eq!(found(&users, 0..101).await.len() as u64, kept);
    assert!(!found(&users, 100..101).await.is_empty(), "not the newest");
}

#[tokio::test(start_paused = true)]
async fn what_was_invalidated_goes_before_all_else() {
    let world = world();
    let users = world.users();
    write(&world, 0..20, &["old"]).await;
    write(&world, 20..50, &["dropped"]).await;
    users.invalidate_tags(Tags::any(["dropped"])).await.unwrap();
    let usage = users.measure_usage().await.unwrap();
    assert!(usage.invalidated_bytes > 30 * ENTRY, "{usage:?}");
    write(&world, 50..65, &[]).await;
    assert_eq!(world.events.count("QuotaEnforced"), 1);
    let expected: Vec<_> = (0..20).chain(50..65).collect();
    assert_eq!(found(&users, 0..65).await, expected);
    let usage = users.measure_usage().await.unwrap();
    assert_eq!((usage.entries, usage.invalidated_bytes), (35, 0));
}

/// What is being loaded while a sweep goes on is stored, and read.
#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_loads_alone() {
    let world = world();
    let (users, database) = (world.users(), Database::shut());
    // One that is loaded for the first time, and one that is refreshed.
    set(&users, 1, &[]).await;
    users.mark_stale("001").await.unwrap();
    let loads: Vec<_> = ["new", "001"]
        .into_iter()
        .map(|key| {
            let loaded = Loaded::value("loaded".to_owned());
            let (users, loader) = (
                users.clone(),
                database.answers::<Loaded<String>>(Ok(loaded)),
            );
            tokio::spawn(async move { users.load(key).with(loader).await.unwrap() })
        })
        .collect();
    database.asked(2).await;
    world.clock.advance(PAUSE);
    for n in 2..100 {
        set(&users, n, &[]).await;
    }
    eventually("the sweep", || world.events.count("QuotaEnforced") > 0).await;
    assert!(found(&users, 2..100).await.len() < 60);
    database.open();
    for load in loads {
        load.await.unwrap();
    }
    idle(&world).await;
    for key in ["new", "001"] {
        assert_eq!(*users.get(key).await.unwrap().unwrap(), "loaded", "{key}");
    }
}

/// A deletion that fails leaves everything readable, and is made up for later.
#[tokio::test(start_paused = true)]
async fn a_sweep_that_fails_does_no_harm() {
    let world = world();
    let users = world.users();
    let began = Instant::now();
    burst(&world).await;
    world.chaos.on(Method::Delete).next(1, Fault::refused());
    let failed = || world.events.count("call delete: ") > 0;
    eventually("the deletion", failed).await;
    settle().await;
    assert_eq!(world.events.count("QuotaEnforced"), 0);
    assert_eq!(found(&users, 0..100).await.len(), 100, "nothing is pending");
    let enforced = || world.events.count("QuotaEnforced") > 0;
    tokio::time::sleep(SOON).await;
    eventually("another attempt", enforced).await;
    assert!(began.elapsed() >= PAUSE + SOON, "{:?}", began.elapsed());
    assert_eq!(world.events.count("QuotaEnforced"), 1);
    assert!(found(&users, 0..100).await.len() < 60);
}

/// A quota can be set, changed and taken away while the cache is in use.
#[tokio::test(start_paused = true)]
async fn a_quota_can_change() {
    let world = World::with(|builder| builder.l1_bytes(0));
    let users = world.users();
    for n in 0..100 {
        set(&users, n, &[]).await;
    }
    users.update(limited).unwrap();
    set(&users, 100, &[]).await;
    idle(&world).await;
    assert!(users.usage().await.unwrap().unwrap().bytes <= QUOTA);
    users.update(|users| users.quota_bytes(None)).unwrap();
    world.clock.advance(LATE);
    for n in 0..200 {
        set(&users, n, &[]).await;
    }
    idle(&world).await;
    assert_eq!(found(&users, 0..200).await.len(), 200);
}

/// A hundred and one entries in a quota of fifty-eight, and a sweep that has measured them and
/// asks for those to delete.
async fn about_to_delete(world: &World) -> Gate {
    burst(world).await;
    world.clock.advance(2 * PAUSE);
    let mut measures = world.chaos.gate(Method::Scan);
    let mut deletes = world.chaos.gate(Method::Scan);
    set(&world.users(), 100, &[]).await;
    measures.arrived().await;
    measures.release();
    deletes.arrived().await;
    deletes
}

/// One of somebody who deletes nothing, between the look at the last and the lease.
#[tokio::test(start_paused = true)]
async fn a_measurement_of_too_much_keeps_no_sweep_back() {
    let world = world();
    burst(&world).await;
    let mut lease = world.chaos.gate(Method::Set);
    lease.arrived().await;
    let usage = world.users().measure_usage().await.unwrap();
    assert_eq!(usage.entries, 100);
    let began = Instant::now();
    lease.release();
    idle(&world).await;
    assert_eq!(world.events.count("QuotaEnforced"), 1);
    assert!(began.elapsed() < PAUSE, "{:?}", began.elapsed());
}

/// A page is rested from when what is in it has been deleted, not between the look at it and that.
#[tokio::test(start_paused = true)]
async fn what_is_stored_while_a_sweep_rests_stays() {
    let world = world();
    let users = world.users();
    let gate = about_to_delete(&world).await;
    // So long does the page take, and nine times as long is rested, or 5 seconds.
    world.clock.advance(PAUSE);
    gate.release();
    settle().await;
    for n in 0..101 {
        users
            .set(format!("{n:03}"), "new".to_owned())
            .await
            .unwrap();
    }
    assert_eq!(world.cache.stats().background_tasks, 1, "it rests");
    idle(&world).await;
    assert_eq!(found(&users, 0..101).await.len(), 101);
}

/// One that has not been told of an epoch that another process has changed.
#[tokio::test(start_paused = true)]
async fn what_stands_on_an_epoch_not_told_of_yet_stays() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.watching(), fleet.plain());
    let l1 = L1::Coherent {
        max_staleness: 2 * LATE,
        outage_ttl: Duration::ZERO,
    };
    one.update(|users| limited(users).l1(l1));
    other.update(|users| users.ttl(2 * LATE));
    one.tell_until_now();
    set(&one.users(), 100, &[]).await;
    one.idle().await;
    assert!(one.get("100").await.is_some());
    fleet.clock.advance(LATE);
    other.users().clear().await.unwrap();
    for n in 0..70 {
        set(&other.users(), n, &[]).await;
    }
    set(&one.users(), 101, &[]).await;
    one.idle().await;
    assert_eq!(one.events.count("QuotaEnforced"), 1);
    let left = found(&other.users(), 0..70).await.len();
    assert!(left >= 50, "{left}");
}

/// Ages that are not those that were measured.
#[tokio::test(start_paused = true)]
async fn a_jump_of_the_servers_clock_costs_no_more() {
    let ours = ManualClock::new();
    let world = World::with(|builder| builder.l1_bytes(0).clock(ours.clone()));
    world.cache.update_namespace("users", limited).unwrap();
    burst(&world).await;
    ours.advance(2 * PAUSE);
    let mut measures = world.chaos.gate(Method::Scan);
    let mut deletes = world.chaos.gate(Method::Scan);
    set(&world.users(), 100, &[]).await;
    measures.arrived().await;
    measures.release();
    deletes.arrived().await;
    world.clock.advance(LATE);
    deletes.release();
    idle(&world).await;
    let left = found(&world.users(), 0..101).await.len() as u64;
    assert_eq!(left, QUOTA * 9 / 10 / ENTRY);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_where_the_settings_change() {
    let raised: fn(Namespace) -> Namespace = |users| users.quota_bytes(1 << 30);
    for change in [raised, |users| users.prefix("other")] {
        let world = world();
        let users = world.users();
        let gate = about_to_delete(&world).await;
        users.update(change).unwrap();
        gate.release();
        idle(&world).await;
        assert_eq!(world.events.count("QuotaEnforced"), 0);
        users.update(|users| users.prefix("users")).unwrap();
        assert_eq!(found(&users, 0..101).await.len(), 101);
        let usage = users.usage().await.unwrap().unwrap();
        assert!(usage.entries < 101, "not what the sweep found: {usage:?}");
    }
}

/// Bytes that can't be deleted do not cost those that can.
#[tokio::test(start_paused = true)]
async fn bytes_of_other_programs_cost_no_values() {
    let world = world();
    let foreign = usize::try_from(QUOTA).unwrap();
    world.plant("foreign", vec![7; foreign]).await;
    for n in 0..5 {
        set(&world.users(), n, &[]).await;
        idle(&world).await;
        world.clock.advance(SOON);
    }
    assert_eq!(found(&world.users(), 0..5).await.len(), 5);
    let usage = world.users().usage().await.unwrap().unwrap();
    assert!(usage.bytes > QUOTA, "they count: {usage:?}");
    for n in 5..100 {
        set(&world.users(), n, &[]).await;
    }
    world.clock.advance(SOON);
    set(&world.users(), 100, &[]).await;
    idle(&world).await;
    let left = found(&world.users(), 0..101).await.len() as u64;
    assert_eq!(left, QUOTA * 9 / 10 / ENTRY);
}
