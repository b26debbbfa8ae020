//! Leases, fills and epochs under the bound, and by the clock.

use std::time::Duration;

use fastrand::Rng;
use larder_cache_core::{
    Backend, Claim, Entry, EpochChange, ErrorKind, Fill, FillOutcome, Grant, Header, Invalidation,
    Kind, LeaseRequest, Leased, Result, Tag, Timestamp,
};
use larder_testkit::{ClockReadings, ManualClock};

use crate::bounds::recount;
use crate::{CALL, Memory, counted, key, zeroes};

const ROOM: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

#[tokio::test]
async fn the_bound_holds_under_leases_and_fills() {
    let memory = Memory::of(ROOM);
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    for step in 0..20_000 {
        let name = rng.u32(0..5000).to_string();
        if let Leased::Granted(grant) = memory.lease(&name, SECOND).await.unwrap() {
            let value = Entry {
                header: Header::new(Kind::Value, Timestamp::from_millis(1)),
                body: zeroes(rng.usize(0..2000)),
            };
            match rng.u8(0..4) {
                0 => {}
                1 => assert!(
                    memory
                        .fill(&name, grant, FillOutcome::Remove)
                        .await
                        .unwrap()
                ),
                _ => {
                    let outcome = FillOutcome::Store(value.encode(), None);
                    assert!(memory.fill(&name, grant, outcome).await.unwrap());
                }
            }
        }
        let epoch = rng.u32(0..5000).to_string();
        memory.renew(&epoch, &[], Invalidation::Hard).await;
        memory.renew(&epoch, &["other"], Invalidation::Soft).await;
        let used = memory.used_bytes().await;
        assert!(used <= ROOM, "{used} at step {step}, seed {seed}");
    }
    assert!(memory.evicted().await > 1000);
    assert_eq!(memory.used_bytes().await, recount(&memory).await);
}

#[tokio::test]
async fn what_has_no_room_is_refused() {
    let memory = Memory::of(ROOM);
    let granted = memory.lease("key", SECOND).await.unwrap();
    let Leased::Granted(grant) = granted else {
        panic!("{granted:?}");
    };
    for (value, ttl, expected) in [
        (zeroes(1 << 20), None, ErrorKind::TooLarge),
        (zeroes(1), Some(Duration::ZERO), ErrorKind::InvalidTtl),
    ] {
        let outcome = FillOutcome::Store(value, ttl);
        let error = memory.fill("key", grant, outcome).await.unwrap_err();
        assert_eq!(error.kind(), expected);
    }
    assert!(
        memory
            .fill("key", grant, FillOutcome::Release)
            .await
            .unwrap()
    );
    let error = memory.lease("key", Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTtl);
    let tiny = Memory::of(counted("key", 100));
    let error = tiny.lease("key", SECOND).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_record_that_has_no_room_goes() {
    let memory = Memory::of(counted("key", 100));
    memory.renew("key", &[], Invalidation::Hard).await;
    memory.renew("key", &["other"], Invalidation::Hard).await;
    assert!(memory.has("key").await);
    let long = "x".repeat(100);
    memory.renew("key", &[&long], Invalidation::Soft).await;
    assert!(!memory.has("key").await);
    assert_eq!(memory.used_bytes().await, 0);
}

#[tokio::test]
async fn a_placeholder_is_there_as_long_as_its_lease() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), ROOM);
    assert!(is_granted(&memory.lease("key", SECOND).await));
    clock.advance(SECOND - NANOSECOND);
    let left = Leased::Held(Duration::from_millis(1));
    assert_eq!(memory.lease("key", SECOND).await.unwrap(), left);
    assert!(memory.has("key").await);
    clock.advance(NANOSECOND);
    assert!(!memory.has("key").await);
    assert!(is_granted(&memory.lease("key", SECOND).await));
}

#[tokio::test]
async fn a_call_of_many_reads_the_clock_once() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), ROOM);
    let before = clock.readings();
    let requests: Vec<_> = (0..100).map(|n| request(&n.to_string(), SECOND)).collect();
    memory.0.lease(&requests, CALL).await.unwrap();
    let keys: Vec<_> = (0..100).map(|n| key(&n.to_string())).collect();
    memory.0.mark_stale(&keys, CALL).await.unwrap();
    let expected = ClockReadings {
        now: before.now + 2,
        ..before
    };
    assert_eq!(clock.readings(), expected);
}

impl Memory {
    async fn lease(&self, name: &str, lasts: Duration) -> Result<Leased> {
        Ok(self.0.lease(&[request(name, lasts)], CALL).await?[0])
    }

    async fn fill(&self, name: &str, grant: Grant, outcome: FillOutcome) -> Result<bool> {
        let fill = Fill {
            key: key(name),
            grant,
            outcome,
        };
        Ok(self.0.fill(&[fill], CALL).await?[0])
    }

    async fn renew(&self, name: &str, others: &[&str], effect: Invalidation) {
        let change = EpochChange {
            key: key(name),
            others: Tag::list(others).unwrap(),
            effect,
            fresh: fastrand::u64(1..),
        };
        self.0.renew(&[change], CALL).await.unwrap();
    }
}

fn request(name: &str, lasts: Duration) -> LeaseRequest {
    LeaseRequest {
        key: key(name),
        token: fastrand::u64(1..),
        lasts,
        claim: Claim::Missing,
    }
}

const fn is_granted(leased: &Result<Leased>) -> bool {
    matches!(leased, Ok(Leased::Granted(_)))
}
