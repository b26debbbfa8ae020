//! The byte bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use larder_cache_core::{Backend, Bytes, Condition, ErrorKind};
use larder_testkit::ManualClock;

use crate::{CALL, Memory, counted, key, write, zeroes};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn the_bound_holds_under_churn_of_many_sizes() {
    let memory = Memory::of(10 * MIB);
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    for step in 0..20_000 {
        let name = rng.u32(0..5000).to_string();
        match rng.u8(0..10) {
            0 => drop(memory.delete(&name).await),
            1 => drop(memory.get(&name).await),
            2 if rng.u8(0..50) == 0 => memory.put(&name, zeroes(8 << 20)).await,
            _ => memory.put(&name, zeroes(rng.usize(0..20_000))).await,
        }
        let used = memory.used_bytes().await;
        assert!(used <= 10 * MIB, "{used} at step {step}, seed {seed}");
    }
    assert!(memory.evicted().await > 1000);
    assert_eq!(memory.used_bytes().await, recount(&memory).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_bound_holds_between_concurrent_writers() {
    const WRITERS: u64 = 8;
    const LARGEST: u64 = 100_000;
    let memory = Arc::new(Memory::of(4 * MIB));
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| {
            let memory = Arc::clone(&memory);
            tokio::spawn(async move {
                let mut rng = Rng::with_seed(seed);
                for _ in 0..2000 {
                    let name = rng.u32(0..500).to_string();
                    memory.put(&name, zeroes(rng.usize(0..90_000))).await;
                    let used = memory.used_bytes().await;
                    assert!(used <= 4 * MIB + WRITERS * LARGEST, "{used}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let used = memory.used_bytes().await;
    assert!(used <= 4 * MIB, "{used}");
    assert_eq!(used, recount(&memory).await);
}

#[tokio::test]
async fn whatever_ends_gives_its_bytes_back() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), 64 * MIB);
    for round in 0..50 {
        for n in 0..100 {
            let name = format!("{round}:{n}");
            match n % 3 {
                0 => memory.put_for(&name, "brief", Duration::from_secs(1)).await,
                _ => memory.put(&name, zeroes(n)).await,
            }
        }
        clock.advance(Duration::from_secs(1));
        for n in 0..100 {
            let name = format!("{round}:{n}");
            assert_eq!(memory.delete(&name).await, n % 3 != 0);
        }
    }
    assert_eq!(memory.used_bytes().await, 0);
    assert_eq!(memory.evicted().await, 0);
}

#[tokio::test]
async fn overwriting_counts_the_value_that_is_there() {
    let memory = Memory::of(MIB);
    for bytes in [10, 100_000, 1, 0, 500_000] {
        memory.put("key", zeroes(bytes)).await;
        assert_eq!(memory.used_bytes().await, counted("key", bytes));
    }
}

#[tokio::test]
async fn a_value_fits_wherever_the_budget_has_room() {
    let memory = Memory::of(9 * MIB);
    for n in 0..9000 {
        memory.put(&n.to_string(), zeroes(600)).await;
    }
    memory.put("large", zeroes(8 << 20)).await;
    assert_eq!(memory.get("large").await.map(|v| v.len()), Some(8 << 20));
    assert!(memory.used_bytes().await <= 9 * MIB);
    memory.put("as large", zeroes(8 << 20)).await;
    assert!(memory.has("as large").await && !memory.has("large").await);
}

#[tokio::test]
async fn values_over_the_whole_budget_are_refused() {
    let exact = counted("key", 1000);
    let memory = Memory::of(exact);
    memory.put("key", zeroes(1000)).await;
    let batch = [write("a", "small", None), write("key", zeroes(1001), None)];
    let error = memory.0.set(&batch, CALL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(!error.is_transient());
    let text = error.to_string();
    for part in ["larger than the whole", &format!("limit: {exact}")] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!memory.has("a").await, "a refused batch stores nothing");
    assert_eq!(memory.get("key").await.map(|v| v.len()), Some(1000));
}

#[tokio::test]
async fn a_refused_condition_evicts_nothing() {
    let memory = Memory::of(MIB);
    memory.put("there", zeroes(600_000)).await;
    let mut refused = write("there", zeroes(900_000), None);
    refused.condition = Condition::IfAbsent;
    assert!(!memory.try_set(refused).await.unwrap());
    let mut refused = write("other", zeroes(900_000), None);
    refused.condition = Condition::IfPresent;
    assert!(!memory.try_set(refused).await.unwrap());
    assert!(memory.has("there").await);
    let mut grown = write("there", zeroes(900_000), None);
    grown.condition = Condition::IfPresent;
    assert!(memory.try_set(grown).await.unwrap());
    assert_eq!(memory.get("there").await.map(|v| v.len()), Some(900_000));
}

/// A buffer that tells when it is freed.
struct Buffer(Arc<AtomicBool>, [u8; 1000]);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_slice_does_not_keep_its_buffer() {
    let freed = Arc::new(AtomicBool::new(false));
    let buffer = Bytes::from_owner(Buffer(Arc::clone(&freed), [7; 1000]));
    let memory = Memory::of(MIB);
    memory.put("small", buffer.slice(..1)).await;
    memory.put("large", buffer.slice(1..)).await;
    drop(buffer);
    assert!(freed.load(Ordering::SeqCst));
    assert_eq!(memory.get("large").await, Some(vec![7; 999].into()));
}

#[tokio::test]
async fn a_closed_backend_holds_nothing() {
    let memory = Memory::of(MIB);
    memory.put("key", "a secret value").await;
    let shown = format!("{:?}", memory.0);
    assert!(shown.contains("used_bytes") && !shown.contains("secret"));
    memory.0.close().await;
    assert!(format!("{:?}", memory.0).contains("used_bytes: 0"));
    let nodes = memory.0.inspect().unwrap().nodes(CALL).await;
    assert_eq!(nodes.unwrap_err().kind(), ErrorKind::Closed);
}

/// The bytes in use, counted from what can be read.
pub(crate) async fn recount(memory: &Memory) -> u64 {
    let mut sum = 0;
    for physical in memory.scan().await {
        let name = physical.strip_prefix("t:n:").unwrap();
        let heads = memory.0.head(&[key(name)], 0, CALL).await.unwrap();
        let head = heads[0].as_ref().unwrap();
        sum += counted(name, head.total_bytes);
    }
    sum
}
