//! The faults that a test can plan, in paused time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Claim, Condition, Error, ErrorKind, Fill, FillOutcome, Grant, Key,
    KeyPrefix, LeaseRequest, Leased, Result, Write,
};
use larder_memory_backend::MemoryBackend;
use larder_testkit::{ChaosBackend, Fault, Method};
use tokio::time::Instant;

const BUDGET: Duration = Duration::from_secs(1);
const CALL: Call = Call::within(BUDGET);

fn chaos() -> Arc<ChaosBackend> {
    ChaosBackend::new(Arc::new(MemoryBackend::new(1 << 20)))
}

fn key() -> Key {
    KeyPrefix::new("t").unwrap().value("n", "key").unwrap()
}

fn server_error() -> Error {
    Error::new(ErrorKind::Server, "planned")
}

async fn get(chaos: &ChaosBackend) -> Result<Option<Bytes>> {
    Ok(chaos.get(&[key()], CALL).await?.remove(0))
}

async fn set(chaos: &ChaosBackend, value: &'static str) -> Result<bool> {
    let write = Write {
        key: key(),
        value: Bytes::from_static(value.as_bytes()),
        ttl: None,
        condition: Condition::Always,
    };
    Ok(chaos.set(&[write], CALL).await?[0])
}

fn kind<T: std::fmt::Debug>(answer: Result<T>) -> ErrorKind {
    answer.unwrap_err().kind()
}

#[tokio::test]
async fn without_faults_it_is_the_backend_behind_it() {
    let chaos = chaos();
    assert!(set(&chaos, "x").await.unwrap());
    assert_eq!(get(&chaos).await.unwrap(), Some(Bytes::from_static(b"x")));
    assert_eq!((chaos.calls(Method::Set), chaos.calls(Method::Get)), (1, 1));
    assert_eq!((chaos.calls(Method::Scan), chaos.all_calls()), (0, 2));
    assert_eq!(chaos.name(), "memory");
}

#[tokio::test]
async fn the_next_calls_fail_and_no_more() {
    let chaos = chaos();
    chaos.fail_next(2, server_error());
    assert_eq!(kind(get(&chaos).await), ErrorKind::Server);
    assert!(chaos.now(&key(), CALL).await.is_ok());
    assert_eq!(kind(set(&chaos, "x").await), ErrorKind::Server);
    assert_eq!(get(&chaos).await.unwrap(), None, "the set never arrived");
    assert_eq!(chaos.calls(Method::Get), 2, "failed calls count");
}

#[tokio::test]
async fn leases_and_epochs_meet_faults_too() {
    let chaos = chaos();
    let requests = [LeaseRequest {
        key: key(),
        token: 7,
        lasts: BUDGET,
        claim: Claim::Missing,
    }];
    let fills = [Fill {
        key: key(),
        grant: Grant {
            token: 7,
            connection: 0,
        },
        outcome: FillOutcome::Release,
    }];
    let keys = [key()];
    for method in [
        Method::Lease,
        Method::Fill,
        Method::MarkStale,
        Method::Renew,
    ] {
        chaos.on(method).next(1, Fault::Error(server_error()));
    }
    assert_eq!(kind(chaos.lease(&requests, CALL).await), ErrorKind::Server);
    let leased = chaos.lease(&requests, CALL).await.unwrap();
    assert!(matches!(leased[..], [Leased::Granted(_)]));
    assert_eq!(kind(chaos.fill(&fills, CALL).await), ErrorKind::Server);
    assert_eq!(chaos.fill(&fills, CALL).await.unwrap(), [true]);
    assert_eq!(kind(chaos.mark_stale(&keys, CALL).await), ErrorKind::Server);
    assert_eq!(chaos.mark_stale(&keys, CALL).await.unwrap(), [false]);
    assert_eq!(kind(chaos.renew(&[], CALL).await), ErrorKind::Server);
    assert!(chaos.renew(&[], CALL).await.is_ok());
    assert_eq!(chaos.all_calls(), 8);
}

#[tokio::test]
async fn what_is_planned_for_a_method_goes_first() {
    let chaos = chaos();
    chaos.go_down();
    chaos.on(Method::Get).script([Fault::None, Fault::None]);
    assert_eq!(kind(set(&chaos, "x").await), ErrorKind::Connection);
    assert!(get(&chaos).await.is_ok());
    assert!(get(&chaos).await.is_ok());
    assert_eq!(kind(get(&chaos).await), ErrorKind::Connection);
    assert!(chaos.now(&key(), CALL).await.is_ok());
    chaos.on(Method::Now).always(Fault::refused());
    assert!(chaos.now(&key(), CALL).await.is_err());
    chaos.heal();
    assert!(get(&chaos).await.is_ok() && chaos.now(&key(), CALL).await.is_ok());
}

#[tokio::test]
async fn a_lost_reply_hides_what_was_done() {
    let chaos = chaos();
    let lost = Error::new(ErrorKind::Timeout, "planned");
    chaos.on(Method::Set).next(1, Fault::LostReply(lost));
    assert_eq!(kind(set(&chaos, "done").await), ErrorKind::Timeout);
    assert_eq!(get(&chaos).await.unwrap(), Some("done".into()));
}

#[tokio::test(start_paused = true)]
async fn delays_and_hangs_keep_to_the_budget() {
    let chaos = chaos();
    let cases = [
        (Fault::Delay(BUDGET / 2), None, BUDGET / 2),
        (Fault::Delay(2 * BUDGET), Some(ErrorKind::Timeout), BUDGET),
        (Fault::Hang, Some(ErrorKind::Timeout), BUDGET),
    ];
    for (fault, expected, takes) in cases {
        chaos.on(Method::Get).next(1, fault);
        let began = Instant::now();
        let answer = get(&chaos).await;
        assert_eq!(answer.map_err(|error| error.kind()).err(), expected);
        let took = began.elapsed();
        let tick = Duration::from_millis(1);
        assert!(took >= takes && took <= takes + tick, "{took:?}");
    }
}

#[tokio::test]
async fn with_a_seed_the_same_calls_fail() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let chaos = chaos();
        chaos.every().sometimes(seed, 0.3, Fault::refused());
        let mut failed = Vec::new();
        for _ in 0..200 {
            failed.push(get(&chaos).await.is_err());
        }
        runs.push(failed);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let failures = runs[0].iter().filter(|failed| **failed).count();
    assert!((30..90).contains(&failures), "{failures} of 200");
}

#[tokio::test]
async fn a_gate_holds_one_call_before_it_arrives() {
    let chaos = chaos();
    let mut gate = chaos.gate(Method::Get);
    let held = tokio::spawn({
        let chaos = Arc::clone(&chaos);
        async move { get(&chaos).await }
    });
    gate.arrived().await;
    assert_eq!(get(&chaos).await.unwrap(), None, "others pass");
    set(&chaos, "later").await.unwrap();
    assert!(!held.is_finished());
    gate.release();
    assert_eq!(held.await.unwrap().unwrap(), Some("later".into()));
}

#[tokio::test]
async fn a_gate_for_the_reply_holds_what_was_read_before() {
    let chaos = chaos();
    set(&chaos, "before").await.unwrap();
    let mut gate = chaos.gate_reply(Method::Get);
    let held = tokio::spawn({
        let chaos = Arc::clone(&chaos);
        async move { get(&chaos).await }
    });
    gate.arrived().await;
    set(&chaos, "after").await.unwrap();
    gate.release();
    assert_eq!(held.await.unwrap().unwrap(), Some("before".into()));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_stays_shut_ends_in_a_timeout_and_a_dropped_one_is_open() {
    let chaos = chaos();
    let gate = chaos.gate(Method::Get);
    assert_eq!(kind(get(&chaos).await), ErrorKind::Timeout);
    gate.release();
    drop(chaos.gate(Method::Get));
    assert!(get(&chaos).await.is_ok());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "no `scan` came to its gate")]
async fn a_gate_that_nobody_comes_to_fails_the_test() {
    chaos().gate(Method::Scan).arrived().await;
}

#[tokio::test]
#[should_panic(expected = "a `get` failed before it came to its gate")]
async fn a_reply_that_never_comes_fails_the_test() {
    let chaos = chaos();
    let mut gate = chaos.gate_reply(Method::Get);
    chaos.fail_next(1, server_error());
    get(&chaos).await.unwrap_err();
    gate.arrived().await;
}
