//! Several processes, through a backend.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Backend, Bytes, Call, Condition, Write};
use larder_keyspace::analytics::{Analytics, FleetReport, NamespaceReport};
use larder_memory_backend::MemoryBackend;

use crate::cold::prefix;
use crate::watched::Watched;

const CALL: Call = Call::within(Duration::from_secs(5));

async fn fleet(backend: &dyn Backend) -> FleetReport {
    Analytics::fleet_report(backend, &prefix()).await.unwrap()
}

async fn publish(backend: &dyn Backend, watched: &Watched) -> u32 {
    let published = watched.analytics.publish(backend, &prefix()).await.unwrap();
    assert!(published.bytes <= 256 << 10);
    published.place
}

/// Three processes that read some keys together and some alone.
fn processes() -> [Watched; 3] {
    [0, 1, 2].map(|process| {
        let watched = Watched::new();
        for number in 0..60 {
            watched.load(&format!("profile:{number}"), 1);
            (0..number).for_each(|_| watched.hit(&format!("profile:{number}")));
            watched.hit(&format!("own:{}", process * 1000 + number));
        }
        watched
    })
}

fn is_whole(report: &NamespaceReport) {
    assert_eq!((report.processes, report.totals.loaded), (3, 180));
    assert_eq!(report.totals.l1_hits, 3 * (59 * 60 / 2 + 60));
    let keys = report.keys.as_ref().unwrap();
    assert_eq!(keys.distinct.keys, 60.0 + 180.0, "what all read is one key");
    let top = &keys.hot_keys[0];
    assert_eq!(
        (&*top.key, top.count, top.at_least),
        ("profile:59", 180, 180)
    );
    let shape = |name: &str| {
        keys.shapes
            .iter()
            .find(|shape| shape.shape == name)
            .unwrap()
    };
    assert_eq!(
        (
            shape("own:{id}").counts.l1_hits,
            shape("own:{id}").distinct_keys
        ),
        (180, 180.0)
    );
    assert_eq!(shape("profile:{id}").sizes.as_ref().unwrap().sample, 180);
}

pub(crate) async fn check_merge(backend: &dyn Backend) {
    let processes = processes();
    let mut places = Vec::new();
    for process in &processes {
        places.push(publish(backend, process).await);
        assert_eq!(publish(backend, process).await, places[places.len() - 1]);
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 3);
    let report = fleet(backend).await;
    assert_eq!(
        (report.processes, report.skipped, report.shortened),
        (3, 0, 0)
    );
    assert_eq!(report.namespaces.len(), 1);
    is_whole(&report.namespaces[0]);
}

pub(crate) async fn check_garbage(backend: &dyn Backend) {
    let watched = Watched::new();
    watched.hit("a:1");
    publish(backend, &watched).await;
    let sound = fleet(backend).await.processes;
    for (place, value) in [
        (0, &b""[..]),
        (1, b"garbage"),
        (2, &[0x94, 9, 1, 0xc2, 0x90]),
    ] {
        let key = prefix().internal(&format!("analytics:{place}")).unwrap();
        let write = Write {
            key,
            value: Bytes::copy_from_slice(value),
            ttl: Some(Duration::from_secs(60)),
            condition: Condition::IfAbsent,
        };
        backend.set(&[write], CALL).await.unwrap();
    }
    let report = fleet(backend).await;
    assert_eq!(report.processes, sound);
    assert!(report.skipped >= 2, "{report:?}");
}

#[tokio::test]
async fn processes_are_merged() {
    check_merge(&MemoryBackend::new(8 << 20)).await;
}

#[tokio::test]
async fn garbage_is_skipped_and_counted() {
    check_garbage(&MemoryBackend::new(8 << 20)).await;
}

#[tokio::test]
async fn samples_of_many_keys_are_merged_at_the_smaller_limit() {
    let backend = MemoryBackend::new(8 << 20);
    for process in 0..3_u64 {
        let watched = Watched::new();
        // The last third of each is the first third of the next.
        let first = process * 20_000;
        for number in first..first + 30_000 * (process + 1) {
            watched.load(&format!("a:{number}"), 1);
        }
        publish(&backend, &watched).await;
    }
    let report = fleet(&backend).await;
    let distinct = &report.namespaces[0].keys.as_ref().unwrap().distinct;
    let off = (distinct.keys - 130_000.0).abs();
    assert!(off < 3.0 * distinct.standard_error, "{distinct:?}");
}

#[tokio::test]
async fn what_is_too_large_is_shortened() {
    let (backend, watched) = (MemoryBackend::new(8 << 20), Watched::new());
    for number in 0..20_u32 {
        let name = format!("namespace-{number}");
        for key in 0..2_000 {
            let key = format!("a-rather-long-key-of-someone:{key}");
            let space = larder_cache_core::Space {
                id: number,
                name: &name,
            };
            let event = larder_cache_core::Event::Hit {
                space,
                key: &key,
                tier: larder_cache_core::Tier::L1,
            };
            larder_cache_core::Observer::observe(&*watched.analytics, &event);
        }
    }
    publish(&backend, &watched).await;
    let report = fleet(&backend).await;
    assert_eq!(
        (report.processes, report.shortened, report.namespaces.len()),
        (1, 1, 20)
    );
    for space in &report.namespaces {
        let distinct = &space.keys.as_ref().unwrap().distinct;
        assert!((distinct.keys / 2000.0 - 1.0).abs() < 0.5, "{distinct:?}");
        assert_eq!(space.totals.l1_hits, 2000);
    }
}

#[tokio::test(start_paused = true)]
async fn sharing_publishes_until_it_is_dropped() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new(8 << 20));
    let watched = Watched::new();
    watched.hit("a:1");
    let every = Duration::from_secs(5);
    let sharing = watched
        .analytics
        .share(Arc::clone(&backend), prefix(), every);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let hits = |report: &FleetReport| report.namespaces[0].totals.l1_hits;
    assert_eq!(hits(&fleet(&*backend).await), 1);
    watched.hit("a:1");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(hits(&fleet(&*backend).await), 2);
    drop(sharing);
    watched.hit("a:1");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(hits(&fleet(&*backend).await), 2);
}
