//! A namespace for each of ten thousand tenants.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use larder_cache_core::{ErrorKind, KeyPrefix, Namespace};
use larder_keyspace::{Keyspace, Located};

fn tenant(number: u32) -> Namespace {
    Namespace::new(format!("tenant-{number}")).prefix(format!("t{number}"))
}

/// How long it takes to register so many, to find each, and to change each one's prefix.
fn time_of(count: u32) -> Duration {
    let keyspace = Keyspace::new(KeyPrefix::new("app").unwrap());
    let began = Instant::now();
    for number in 0..count {
        keyspace.register(tenant(number)).unwrap();
    }
    for number in 0..count {
        let (name, prefix) = (format!("tenant-{number}"), format!("moved{number}"));
        keyspace
            .update(&name, |tenant| tenant.prefix(&prefix))
            .unwrap();
        let key = keyspace.build_key("7", &name).unwrap();
        let found = keyspace.locate(key.as_str());
        let namespace = number + 4;
        assert_eq!(
            found,
            Some(Located::Value {
                namespace,
                key: "7".into()
            })
        );
        assert_eq!(keyspace.locate(&format!("app:t{number}:7")), None);
    }
    assert_eq!(keyspace.list().len(), 4 + count as usize);
    began.elapsed()
}

#[test]
fn ten_thousand_cost_no_more_each_than_a_hundred() {
    let few = (0..5).map(|_| time_of(100)).max().unwrap();
    let many = time_of(10_000);
    // A hundred times as many: ten times that is generous, quadratic would be a hundred times.
    let bound = 1000 * few.max(Duration::from_micros(500));
    assert!(many < bound, "{many:?} for 10,000 and {few:?} for 100");
}

#[test]
fn of_ten_thousand_the_closest_are_named() {
    let keyspace = Keyspace::new(KeyPrefix::new("app").unwrap());
    for number in 0..10_000 {
        keyspace.register(tenant(number)).unwrap();
    }
    let error = keyspace.get("sesions").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownNamespace);
    let text = error.to_string();
    assert!(text.contains("closest: sessions, "), "{text}");
    assert!(text.contains("known: 10004 namespaces"), "{text}");
    assert!(text.len() < 300, "{text}");
    let taken = keyspace
        .register(Namespace::new("x").prefix("t77"))
        .unwrap_err();
    assert!(
        taken.to_string().contains("\"x\" and \"tenant-77\""),
        "{taken}"
    );
}

/// A change that takes long holds nobody up who reads, and one that fails changes nothing.
#[test]
fn nobody_who_reads_waits_for_a_change() {
    let keyspace = Keyspace::new(KeyPrefix::new("app").unwrap());
    keyspace.register(tenant(7)).unwrap();
    let has_read = AtomicBool::new(false);
    std::thread::scope(|scope| {
        keyspace
            .update("tenant-7", |tenant| {
                let reader = || {
                    assert!(keyspace.get("tenant-7").is_ok());
                    assert!(keyspace.locate("app:t7:1").is_some());
                    has_read.store(true, Ordering::Relaxed);
                };
                scope.spawn(reader).join().unwrap();
                tenant.prefix("moved")
            })
            .unwrap();
    });
    assert!(has_read.into_inner());
    let taken = keyspace.update("tenant-7", |tenant| tenant.prefix("sess"));
    assert!(taken.unwrap_err().to_string().contains("share a prefix"));
    assert!(keyspace.locate("app:moved:1").is_some());
    assert_eq!(keyspace.locate("app:t7:1"), None);
    let former = keyspace.register(Namespace::new("new").prefix("t7"));
    let former = former.unwrap_err().to_string();
    assert!(former.contains("one after the other"), "{former}");
}
