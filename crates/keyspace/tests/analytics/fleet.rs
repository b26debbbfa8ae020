//! Several processes, through a backend.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{
    Backend, Bytes, Call, Condition, Error, ErrorKind, Event, Observer, Origin, Space, Tier, Write,
};
use larder_keyspace::analytics::{Analytics, AnalyticsOptions, FleetReport, NamespaceReport};
use larder_memory_backend::MemoryBackend;
use larder_testkit::{ChaosBackend, Fault, Method};

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
    let places: Vec<_> = (0..64).map(place_of).collect();
    let taken = backend.exists(&places, CALL).await.unwrap();
    let mut free = (0..).zip(taken).filter(|(_, taken)| !taken);
    for value in [&b""[..], b"garbage", &[0x95, 9, 1, 0xc2, 0x90, 0]] {
        let (place, _) = free.next().unwrap();
        write(backend, place, Bytes::from_static(value)).await;
    }
    let report = fleet(backend).await;
    assert_eq!((report.processes, report.skipped), (sound, 3));
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
            let (id, name) = (number, &*name);
            let (space, tier) = (Space { id, name }, Tier::L1);
            let key = &key;
            watched.analytics.observe(&Event::Hit { space, key, tier });
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

/// A hundred namespaces with many shapes and distributions: detail goes, and no totals.
#[tokio::test]
async fn totals_of_all_namespaces_stay() {
    let (backend, watched) = (MemoryBackend::new(8 << 20), Watched::new());
    for id in 0..100_u32 {
        let name = &*format!("namespace-{id}");
        let space = Space { id, name };
        for number in 0..1_200_u32 {
            watched.clock.advance(Duration::from_millis(7));
            let key = &*format!("{}:{}", SHAPES[number as usize % 6], number % 50);
            let (digest, origin) = (u64::from(number), Origin::Loaded);
            watched.analytics.observe(&Event::Serialized {
                space,
                key,
                bytes: 1 << (number % 18),
                digest,
                origin,
            });
            let tier = Tier::L2;
            watched.analytics.observe(&Event::Hit { space, key, tier });
        }
    }
    publish(&backend, &watched).await;
    let report = fleet(&backend).await;
    assert_eq!((report.shortened, report.left_out), (1, 0));
    let reads = report.namespaces.iter().map(|space| space.totals.l2_hits);
    assert_eq!(reads.collect::<Vec<_>>(), [1_200; 100]);
    let followed = report.namespaces.iter().flat_map(|space| &space.keys);
    assert!(followed.count() > 50);
}

const SHAPES: [&str; 6] = ["user", "cart", "order", "image", "feed", "page"];

#[tokio::test]
async fn what_has_no_room_at_all_is_counted() {
    let backend = MemoryBackend::new(8 << 20);
    let watched = Watched::with(AnalyticsOptions::new().max_bytes(1000));
    for id in 0..40_u32 {
        let name = &*format!("{id}:{}", "x".repeat(10_000));
        let (space, key, tier) = (Space { id, name }, "a:1", Tier::L1);
        (0..=id).for_each(|_| watched.analytics.observe(&Event::Hit { space, key, tier }));
    }
    publish(&backend, &watched).await;
    let report = fleet(&backend).await;
    let there = report.namespaces.len();
    assert!((20..30).contains(&there), "{there}");
    assert_eq!((report.shortened, report.left_out), (1, 40 - there as u32));
    let least = report.namespaces.iter().map(|space| space.totals.l1_hits);
    assert_eq!(
        least.min(),
        Some(u64::from(report.left_out) + 1),
        "read least"
    );
}

#[tokio::test]
async fn a_process_of_totals_only_may_have_read_any_key() {
    for totals_first in [false, true] {
        let backend = MemoryBackend::new(8 << 20);
        let follows = Watched::new();
        let counts = Watched::with(AnalyticsOptions::new().max_bytes(1000));
        (0..10).for_each(|_| follows.hit("a:1"));
        (0..1000).for_each(|_| counts.hit("a:1"));
        let mut processes = [&follows, &counts];
        if totals_first {
            processes.reverse();
        }
        for process in processes {
            publish(&backend, process).await;
        }
        let keys = fleet(&backend).await.namespaces.remove(0).keys.unwrap();
        let hot = &keys.hot_keys[0];
        assert_eq!((hot.count, hot.at_least, hot.at_most), (10, 10, 1010));
        assert_eq!(keys.unlisted_at_most, 1000);
    }
}

/// One that failed and was done nevertheless, and two at once.
#[tokio::test]
async fn a_process_holds_one_place_and_counts_once() {
    let chaos = ChaosBackend::new(Arc::new(MemoryBackend::new(8 << 20)));
    let watched = Watched::new();
    watched.hit("a:1");
    let lost = Fault::LostReply(Error::new(ErrorKind::Timeout, "lost"));
    let mut gate = chaos.gate(Method::Set);
    let first = {
        let (analytics, chaos) = (Arc::clone(&watched.analytics), Arc::clone(&chaos));
        tokio::spawn(async move { analytics.publish(&*chaos, &prefix()).await })
    };
    gate.arrived().await;
    chaos.on(Method::Set).next(1, lost);
    let failed = watched.analytics.publish(&*chaos, &prefix()).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Timeout);
    let place = publish(&*chaos, &watched).await;
    gate.release();
    assert_eq!(first.await.unwrap().unwrap().place, place);
    let keys: Vec<_> = (0..64).map(place_of).collect();
    let taken = chaos.exists(&keys, CALL).await.unwrap();
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    // A letter that it has left at another place, whichever is read first.
    let old = chaos.get(&[place_of(place)], CALL).await.unwrap().remove(0);
    watched.wait(1);
    watched.hit("a:1");
    publish(&*chaos, &watched).await;
    for other in [(place + 1) % 64, (place + 63) % 64] {
        write(&*chaos, other, old.clone().unwrap()).await;
    }
    let report = fleet(&*chaos).await;
    let hits = report.namespaces[0].totals.l1_hits;
    assert_eq!((report.processes, hits), (1, 2));
}

/// Numbers that no process has are not passed on, and the sound letters count.
#[tokio::test]
async fn hostile_numbers_do_no_harm() {
    let none_of_these = (f64::NAN.to_be_bytes(), f32::INFINITY.to_be_bytes());
    let huge = (f64::MAX.to_be_bytes(), f32::MAX.to_be_bytes());
    let none = [0xcf, 0, 0, 0, 0, 0, 0, 0, 0];
    let (all, mut changed) = ([0xff; 8], [0; 5]);
    let backend = MemoryBackend::new(8 << 20);
    for (process, changed) in changed.iter_mut().enumerate() {
        let watched = Watched::new();
        for digest in 0..3 {
            watched.load("a:1", digest);
            watched.wait(5);
        }
        let place = publish(&backend, &watched).await;
        let found = backend.get(&[place_of(place)], CALL).await.unwrap();
        let mut bytes = found[0].clone().unwrap().to_vec();
        for at in 0..bytes.len().saturating_sub(9) {
            let (long, short) = if process == 0 { none_of_these } else { huge };
            match (process, bytes[at], bytes[at + 1]) {
                (0 | 3 | 4, 0xcb, 0x40) => bytes[at + 1..at + 9].copy_from_slice(&long),
                (0 | 3 | 4, 0xca, 0x3f) => bytes[at + 1..at + 5].copy_from_slice(&short),
                // The limit of the sample.
                (1, 0xcf, 0xff) if bytes[at + 1..at + 9] == all => {
                    bytes[at..at + 9].copy_from_slice(&none);
                }
                _ => continue,
            }
            *changed += 1;
        }
        write(&backend, place, bytes.into()).await;
    }
    assert!(
        [0, 3, 4].iter().all(|of| changed[*of] > 4) && changed[1] == 1,
        "{changed:?}"
    );
    let report = fleet(&backend).await;
    assert_eq!((report.processes, report.skipped), (4, 1));
    let text = format!("{report:?}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    let keys = report.namespaces[0].keys.as_ref().unwrap();
    assert_eq!(keys.distinct.keys, 1.0);
}

fn place_of(place: u32) -> larder_cache_core::Key {
    prefix().internal(&format!("analytics:{place}")).unwrap()
}

async fn write(backend: &dyn Backend, place: u32, value: Bytes) {
    let (key, ttl) = (place_of(place), Some(Duration::from_secs(60)));
    let write = Write {
        key,
        value,
        ttl,
        condition: Condition::Always,
    };
    backend.set(&[write], CALL).await.unwrap();
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
