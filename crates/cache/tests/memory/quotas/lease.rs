//! One process at a time sweeps.

use larder_testkit::{Gate, Method};

use super::*;

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
