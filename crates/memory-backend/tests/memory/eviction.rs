//! What goes when the bytes run out.

use std::time::Duration;

use larder_cache_core::{Backend, Cursor, Glob};
use larder_testkit::ManualClock;

use crate::{CALL, Memory, counted, zeroes};

const VALUE_BYTES: usize = 1000;

/// Room for this many values under keys of five characters.
fn room_for(values: u64) -> u64 {
    values * counted("12345", VALUE_BYTES)
}

fn name(number: usize) -> String {
    format!("{number:05}")
}

async fn flood(memory: &Memory, numbers: std::ops::Range<usize>) {
    for number in numbers {
        memory.put(&name(number), zeroes(VALUE_BYTES)).await;
    }
}

async fn count(memory: &Memory, numbers: std::ops::Range<usize>) -> usize {
    let mut found = 0;
    for number in numbers {
        found += usize::from(memory.has(&name(number)).await);
    }
    found
}

#[tokio::test]
async fn what_is_read_stays() {
    let memory = Memory::of(room_for(1000));
    flood(&memory, 0..1000).await;
    for step in (1000..6000).step_by(10) {
        for hot in 0..100 {
            assert!(memory.get(&name(hot)).await.is_some(), "{hot} at {step}");
        }
        flood(&memory, step..step + 10).await;
    }
    assert_eq!(count(&memory, 0..100).await, 100);
    assert_eq!(memory.evicted().await, 5000);
    assert_eq!(memory.scan().await.len(), 1000, "the room is used");
}

#[tokio::test]
async fn looking_and_writing_is_not_reading() {
    let memory = Memory::of(room_for(1000));
    flood(&memory, 0..1000).await;
    flood(&memory, 0..100).await;
    let keys: Vec<_> = (0..100).map(|number| crate::key(&name(number))).collect();
    memory.0.head(&keys, 10, CALL).await.unwrap();
    memory.0.ttl(&keys, CALL).await.unwrap();
    memory.0.exists(&keys, CALL).await.unwrap();
    flood(&memory, 1000..1990).await;
    let left = count(&memory, 0..100).await;
    assert!(left < 10, "{left} of 100 stayed");
}

#[tokio::test]
async fn what_was_just_stored_stays_though_all_else_is_hot() {
    let memory = Memory::of(room_for(50));
    flood(&memory, 0..50).await;
    for number in 50..200 {
        for other in 0..number {
            memory.get(&name(other)).await;
        }
        flood(&memory, number..number + 1).await;
        assert!(memory.has(&name(number)).await, "{number}");
        assert!(memory.used_bytes().await <= room_for(50));
    }
}

#[tokio::test]
async fn the_expired_go_before_the_living() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), room_for(1000));
    flood(&memory, 0..500).await;
    for number in 500..1000 {
        let second = Duration::from_secs(1);
        memory
            .put_for(&name(number), zeroes(VALUE_BYTES), second)
            .await;
    }
    clock.advance(Duration::from_secs(1));
    // Each shard frees as it is written to, so that the last few may go unevenly.
    flood(&memory, 1000..1400).await;
    assert_eq!(memory.evicted().await, 0);
    assert_eq!(count(&memory, 0..500).await, 500);
}

#[tokio::test]
async fn eviction_takes_the_expired_it_meets() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), room_for(1000));
    flood(&memory, 0..500).await;
    for number in 500..1000 {
        let second = Duration::from_secs(1);
        memory
            .put_for(&name(number), zeroes(VALUE_BYTES), second)
            .await;
    }
    clock.advance(Duration::from_secs(1));
    memory.put("large", zeroes(300 * VALUE_BYTES)).await;
    let living = memory.evicted().await;
    assert!(living < 60, "{living} of about 210 that went");
}

#[tokio::test]
async fn the_bound_holds_though_everything_is_hot() {
    const MANY: usize = 40_000;
    let memory = Memory::of(MANY as u64 * counted("12345", 1));
    for number in 0..MANY {
        memory.put(&name(number), "x").await;
        memory.get(&name(number)).await;
    }
    assert_eq!(memory.evicted().await, 0);
    memory.put(&name(MANY), "x").await;
    assert_eq!(memory.evicted().await, 1);
    assert!(memory.has(&name(MANY)).await);
}

#[tokio::test]
async fn later_writes_free_what_expired() {
    let clock = ManualClock::new();
    let memory = Memory::by(clock.clone(), room_for(100_000));
    for number in 0..10_000 {
        let second = Duration::from_secs(1);
        memory.put_for(&name(number), "x", second).await;
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(memory.scan().await.len(), 0);
    let before = memory.used_bytes().await;
    for number in 10_000..20_000 {
        memory.put(&name(number), "x").await;
    }
    let after = memory.used_bytes().await;
    assert_eq!(
        (before, after),
        (before, before),
        "as many, not twice as many"
    );
}

#[tokio::test]
async fn a_scan_for_a_namespace_looks_at_no_other_keys() {
    let memory = Memory::of(room_for(100_000));
    for number in 0..20_000 {
        memory.put(&name(number), "x").await;
    }
    for one in ["-before all", "~behind all"] {
        memory.put(one, "x").await;
        let pattern = Glob::new("*").behind(&format!("t:n:{}", &one[..4]));
        let page = memory.0.scan(Cursor::start(), &pattern, 10, CALL).await;
        let page = page.unwrap();
        assert_eq!(page.keys, [format!("t:n:{one}")]);
        assert_eq!(page.next, None, "one page went through all shards");
    }
}

#[tokio::test]
async fn a_page_looks_at_a_bounded_number_of_keys() {
    let memory = Memory::of(room_for(100_000));
    for number in 0..20_000 {
        memory.put(&name(number), "x").await;
    }
    let pattern = Glob::new("*no such key");
    let (mut cursor, mut pages) = (Some(Cursor::start()), 0);
    while let Some(from) = cursor {
        let page = memory.0.scan(from, &pattern, usize::MAX, CALL).await;
        cursor = page.unwrap().next;
        pages += 1;
    }
    assert!((15..30).contains(&pages), "{pages} pages");
}

#[tokio::test]
async fn a_scan_meets_what_stays_exactly_once_during_eviction() {
    let memory = Memory::of(room_for(1000));
    flood(&memory, 0..1000).await;
    let (mut cursor, mut found, mut next) = (Cursor::start(), Vec::new(), 1000);
    loop {
        for hot in 0..100 {
            assert!(memory.get(&name(hot)).await.is_some());
        }
        let page = memory.0.scan(cursor, &Glob::new("*"), 10, CALL).await;
        let page = page.unwrap();
        found.extend(page.keys);
        flood(&memory, next..next + 20).await;
        next += 20;
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert!(memory.evicted().await > 1000);
    for hot in 0..100 {
        let key = format!("t:n:{}", name(hot));
        let times = found.iter().filter(|found| **found == key).count();
        assert_eq!(times, 1, "{key}");
    }
}
