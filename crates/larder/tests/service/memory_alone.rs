//! What holds for the embedded backend alone.

use std::time::Duration;

use larder::ErrorKind;
use larder_testkit::ManualClock;

/// The values of a namespace that is to be encrypted stay in the process.
#[tokio::test]
async fn sessions_stay_in_the_process() {
    let cache = larder::builder().memory().build().await.unwrap();
    let sessions = cache.namespace("sessions").unwrap().typed::<String>();
    sessions.set("7", "token".to_owned()).await.unwrap();
    assert_eq!(*sessions.get("7").await.unwrap().unwrap(), "token");
}

#[tokio::test]
async fn the_embedded_backend_is_the_default_and_bounded() {
    let cache = larder::builder().build().await.unwrap();
    let nodes = cache.health().await.backend.nodes;
    assert_eq!(nodes[0].max_memory_bytes, Some(256 << 20));
    let small = larder::builder().memory_bytes(10_000);
    let small = small
        .compression(larder::Compression::Off)
        .build()
        .await
        .unwrap();
    let names = small.namespace("default").unwrap().typed::<String>();
    let large = names.set("7", "x".repeat(20_000)).await.unwrap_err();
    assert_eq!(large.kind(), ErrorKind::TooLarge);
    for n in 0..100 {
        names.set(n.to_string(), "x".repeat(1000)).await.unwrap();
    }
    let nodes = small.health().await.backend.nodes;
    assert!(nodes[0].used_memory_bytes.unwrap() <= 10_000);
    assert!(nodes[0].evicted_keys.unwrap() > 80);
}

/// One clock for L1 and for the embedded backend.
#[tokio::test]
async fn the_clock_is_the_backends_as_well() {
    let clock = ManualClock::new();
    let builder = larder::builder().clock(clock.clone()).memory().l1_bytes(0);
    let cache = builder.build().await.unwrap();
    let names = cache.namespace("default").unwrap().typed::<String>();
    names.set("7", "Ada".to_owned()).await.unwrap();
    clock.advance(Duration::from_secs(3599 * 9 / 10));
    assert!(names.get("7").await.unwrap().is_some());
    clock.advance(Duration::from_secs(3600));
    assert_eq!(names.get("7").await.unwrap(), None);
}
