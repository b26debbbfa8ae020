//! The quota of a namespace: what is too much goes, the oldest first, and one process at a time
//! sees to it.

use std::time::Duration;

use larder_cache::{Loaded, SetOptions, TypedCache};
use larder_cache_core::{L1, Namespace, Tags};
use larder_testkit::{Fault, Gate, ManualClock, Method};
use tokio::time::Instant;

use crate::fleet::{Fleet, Process};
use crate::world::{Database, World, eventually, physical, settle};

const QUOTA: u64 = 64 << 10;

/// What one entry takes: the header, the value and its length, the key.
const VALUE: usize = 1000;
const ENTRY: u64 = 104 + 3 + VALUE as u64 + "app:users:000".len() as u64;

/// For how long a process does not look twice.
const PAUSE: Duration = Duration::from_secs(1);

/// Until a measurement is too old where much is used, and where little is.
const SOON: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(60);

/// For how long a process that sweeps keeps others away.
const LEASE: Duration = Duration::from_secs(15);

fn limited(users: Namespace) -> Namespace {
    users.quota_bytes(QUOTA).ttl(Duration::from_secs(3600))
}

fn world() -> World {
    let world = World::with(|builder| builder.l1_bytes(0));
    world.cache.update_namespace("users", limited).unwrap();
    world
}

fn process(fleet: &Fleet) -> Process {
    let process = fleet.plain();
    process.update(limited);
    process
}

async fn set(users: &TypedCache<String>, n: usize, tags: &[&str]) {
    let options = SetOptions::new().tags(tags.iter().copied());
    let value = "x".repeat(VALUE);
    users
        .set_with(format!("{n:03}"), value, options)
        .await
        .unwrap();
}

async fn found(users: &TypedCache<String>, range: std::ops::Range<usize>) -> Vec<usize> {
    let mut found = Vec::new();
    for n in range {
        let there = users.get(format!("{n:03}")).await.unwrap();
        found.extend(there.map(|_| n));
    }
    found
}

async fn idle(world: &World) {
    let idle = || world.cache.stats().background_tasks == 0;
    eventually("the end of all tasks", idle).await;
}

/// Writes these, a second apart, and waits for what comes of each.
async fn write(world: &World, range: std::ops::Range<usize>, tags: &[&str]) {
    for n in range {
        set(&world.users(), n, tags).await;
        idle(world).await;
        world.clock.advance(PAUSE);
    }
}

/// Writes a hundred in one moment. After the first nothing is due for a second.
async fn burst(world: &World) {
    set(&world.users(), 0, &[]).await;
    idle(world).await;
    for n in 1..100 {
        set(&world.users(), n, &[]).await;
    }
}

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

#[tokio::test(start_paused = true)]
async fn usage_is_what_is_stored() {
    let world = World::new();
    let users = world.users();
    assert_eq!(users.usage().await.unwrap(), None);
    for (key, tags) in [("a", &[][..]), ("{b}", &["t", "u"]), ("c", &["t"])] {
        let options = SetOptions::new().tags(tags.iter().copied());
        users
            .set_with(key, "value".repeat(40), options)
            .await
            .unwrap();
    }
    world.plant("foreign", "bytes of another program").await;
    let mut bytes = 0;
    for key in ["a", "{b}", "c", "foreign"] {
        bytes += physical(key).as_bytes().len() + world.stored(key).await.unwrap().len();
    }
    users.invalidate_tags(Tags::any(["u"])).await.unwrap();
    let invalidated = physical("{b}").as_bytes().len() + world.stored("{b}").await.unwrap().len();
    let measured = users.measure_usage().await.unwrap();
    assert_eq!((measured.bytes, measured.entries), (bytes as u64, 4));
    assert_eq!(measured.invalidated_bytes, invalidated as u64);
    assert_eq!((measured.age, measured.quota_bytes), (Duration::ZERO, None));
    world.clock.advance(SOON);
    let elsewhere = world.elsewhere().usage().await.unwrap().unwrap();
    assert_eq!((elsewhere.bytes, elsewhere.age), (measured.bytes, SOON));
    let remote = world.typed::<String>("remote");
    assert_eq!(
        remote.usage().await.unwrap(),
        None,
        "each namespace has its own"
    );
}

/// What a namespace without a quota costs, and one that is far from it.
#[tokio::test(start_paused = true)]
async fn nobody_measures_without_need() {
    let world = World::new();
    write(&world, 0..100, &[]).await;
    assert_eq!(world.chaos.calls(Method::Scan), 0, "no quota");
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    for (round, pause) in [(1, LATE / 2), (1, LATE / 2), (2, LATE)] {
        for process in [&one, &other] {
            set(&process.users(), 0, &[]).await;
            process.idle().await;
        }
        let scans = one.chaos.calls(Method::Scan) + other.chaos.calls(Method::Scan);
        let before = if round == 1 { 1 } else { 2 };
        assert_eq!(scans, before, "one measures for all");
        fleet.clock.advance(pause);
    }
}

#[tokio::test(start_paused = true)]
async fn much_is_measured_more_often() {
    let world = world();
    for n in 0..40 {
        set(&world.users(), n, &[]).await;
    }
    idle(&world).await;
    world.users().measure_usage().await.unwrap();
    // Learns of it.
    world.clock.advance(LATE);
    set(&world.users(), 0, &[]).await;
    idle(&world).await;
    for (after, scans) in [(SOON - PAUSE, 0), (PAUSE, 1), (SOON - PAUSE, 0), (PAUSE, 1)] {
        let before = world.chaos.calls(Method::Scan);
        world.clock.advance(after);
        set(&world.users(), 0, &[]).await;
        idle(&world).await;
        let now = world.chaos.calls(Method::Scan) - before;
        assert_eq!(now > 0, scans > 0, "{after:?}: {now}");
    }
}

/// Two processes, of which the first stands in the middle of a sweep.
async fn sweeping(fleet: &Fleet) -> (Process, Process, Gate) {
    let (one, other) = (process(fleet), process(fleet));
    for n in 0..50 {
        set(&other.users(), n, &[]).await;
        other.idle().await;
    }
    let mut gate = one.chaos.gate(Method::Scan);
    fleet.clock.advance(LATE);
    for n in 50..101 {
        set(&one.users(), n, &[]).await;
    }
    gate.arrived().await;
    (one, other, gate)
}

/// The scans of a process that has just written beyond the quota.
async fn scans_of(process: &Process, fleet: &Fleet) -> u64 {
    let before = process.chaos.calls(Method::Scan);
    fleet.clock.advance(PAUSE);
    for n in 101..110 {
        set(&process.users(), n, &[]).await;
    }
    // Looks again and again where another process is about it.
    tokio::time::sleep(3 * PAUSE).await;
    process.chaos.calls(Method::Scan) - before
}

#[tokio::test(start_paused = true)]
async fn there_is_one_sweeper_at_a_time() {
    let fleet = Fleet::new();
    let (one, other, gate) = sweeping(&fleet).await;
    for _ in 0..3 {
        assert_eq!(scans_of(&other, &fleet).await, 0);
    }
    assert_eq!(other.events.count("QuotaEnforced"), 0);
    gate.release();
    one.idle().await;
    assert_eq!(one.events.count("QuotaEnforced"), 1);
    let usage = other.users().usage().await.unwrap().unwrap();
    assert!(usage.bytes <= QUOTA, "{usage:?}");
    fleet.clock.advance(SOON);
    assert!(
        scans_of(&other, &fleet).await > 0,
        "its lease was given back"
    );
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_sweeper_that_crashed_runs_out() {
    let fleet = Fleet::new();
    let (one, other, gate) = sweeping(&fleet).await;
    drop(one.cache);
    drop(gate);
    settle().await;
    assert_eq!(
        scans_of(&other, &fleet).await,
        0,
        "it stands until its time"
    );
    fleet.clock.advance(LEASE);
    assert!(scans_of(&other, &fleet).await > 0);
    assert_eq!(other.events.count("QuotaEnforced"), 1);
}

/// One that was held up for longer than its lease finds it taken, and deletes nothing.
#[tokio::test(start_paused = true)]
async fn a_sweeper_whose_lease_was_taken_ends() {
    let fleet = Fleet::new();
    let (one, other, gate) = sweeping(&fleet).await;
    fleet.clock.advance(LEASE);
    let mut held = other.chaos.gate(Method::Scan);
    for n in 101..110 {
        set(&other.users(), n, &[]).await;
    }
    held.arrived().await;
    gate.release();
    one.idle().await;
    assert_eq!(
        one.chaos.calls(Method::Delete),
        0,
        "nor is the other's lease taken away"
    );
    assert_eq!(one.events.count("QuotaEnforced"), 0);
    held.release();
    other.idle().await;
    assert_eq!(other.events.count("QuotaEnforced"), 1);
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

/// A page that does not come is asked for again; a scan of a backend that is away ends.
#[tokio::test(start_paused = true)]
async fn a_page_is_asked_for_three_times() {
    let world = world();
    let users = world.users();
    for n in 0..3 {
        set(&users, n, &[]).await;
    }
    idle(&world).await;
    world.chaos.on(Method::Scan).next(2, Fault::refused());
    assert_eq!(users.measure_usage().await.unwrap().entries, 3);
    world.chaos.on(Method::Scan).next(3, Fault::refused());
    assert!(users.measure_usage().await.is_err());
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

/// A task that waits for its time keeps no shutdown waiting.
#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_look() {
    let world = world();
    burst(&world).await;
    assert_eq!(world.cache.stats().background_tasks, 1, "it waits");
    let report = world.cache.shutdown(PAUSE / 2).await;
    assert!(report.is_clean(), "{report:?}");
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

/// What a process wrote is not forgotten for a measurement from before.
#[tokio::test(start_paused = true)]
async fn what_was_written_since_the_measurement_counts() {
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    for n in 0..25 {
        set(&one.users(), n, &[]).await;
    }
    one.idle().await;
    one.users().measure_usage().await.unwrap();
    for writes in [100..130, 130..160, 160..161] {
        for n in writes {
            set(&other.users(), n, &[]).await;
        }
        other.idle().await;
        fleet.clock.advance(2 * PAUSE);
    }
    let usage = one.users().measure_usage().await.unwrap();
    assert!(usage.bytes <= QUOTA, "{usage:?}");
}

/// What came before the measurement of another process is among what that found.
#[tokio::test(start_paused = true)]
async fn what_was_written_before_the_measurement_counts_once() {
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    for round in 0..8 {
        // The same 10 of 58 again and again.
        for n in 0..10 {
            set(&other.users(), n, &[]).await;
        }
        other.idle().await;
        fleet.clock.advance(LATE / 2);
        one.users().measure_usage().await.unwrap();
        fleet.clock.advance(LATE / 2);
        let scans = other.chaos.calls(Method::Scan);
        assert_eq!(scans, 1, "round {round}: others have measured");
    }
}

/// A measurement gets too old at the same time for all processes.
#[tokio::test(start_paused = true)]
async fn a_known_measurement_is_as_old_as_it_is() {
    let fleet = Fleet::new();
    let (one, other) = (process(&fleet), process(&fleet));
    set(&one.users(), 0, &[]).await;
    one.idle().await;
    for (after, scans) in [(LATE - PAUSE, 0), (PAUSE, 1)] {
        fleet.clock.advance(after);
        set(&other.users(), 1, &[]).await;
        other.idle().await;
        assert_eq!(other.chaos.calls(Method::Scan), scans, "{after:?}");
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
