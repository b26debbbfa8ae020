//! How long values and their absence are there, as `get`, `exists`, `ttl` and `scan` tell
//! alike.

use std::time::Duration;

use larder::{Loaded, SetOptions, Ttl, TypedCache};

use crate::backing::{Backing, GRACE, TTL, eventually, scanned};

/// Long enough to do something before it has passed.
const SHORT: Duration = Duration::from_secs(1);

async fn numbers(backing: &Backing, namespace: &str) -> TypedCache<u32> {
    let cache = backing.cache().await;
    cache.namespace(namespace).unwrap().typed()
}

/// All who can tell whether a value is there say the same.
async fn check_there(numbers: &TypedCache<u32>, key: &str, there: bool) {
    assert_eq!(
        numbers.get(key).await.unwrap().is_some(),
        there,
        "get {key}"
    );
    assert_eq!(numbers.exists(key).await.unwrap(), there, "exists {key}");
    assert_eq!(
        numbers.ttl(key).await.unwrap().is_some(),
        there,
        "ttl {key}"
    );
    let many = numbers.get_many([key]).await.unwrap();
    assert_eq!(many.contains_key(key), there, "get_many {key}");
    let found = scanned(numbers, key).await;
    assert_eq!(found.len(), usize::from(there), "scan {key}");
}

pub(crate) async fn classes_of_ttl(backing: &Backing) {
    for namespace in ["users", "remote"] {
        let numbers = numbers(backing, namespace).await;
        for (ttl, expected) in [
            (Ttl::Default, Some(60)),
            (Ttl::Short, Some(300)),
            (Ttl::Medium, Some(1800)),
            (Ttl::Long, Some(7200)),
            (Ttl::Exact(Duration::from_secs(7)), Some(7)),
            (Ttl::Exact(Ttl::MAX), Some(Ttl::MAX.as_secs())),
            (Ttl::None, None),
        ] {
            let options = SetOptions::new().ttl(ttl);
            numbers.set_with("7", 1, options).await.unwrap();
            let left = numbers.ttl("7").await.unwrap().unwrap().duration();
            let expected = expected.map(Duration::from_secs);
            let late = expected.zip(left).map(|(expected, left)| expected - left);
            assert_eq!(left.is_some(), expected.is_some(), "{ttl:?}");
            assert!(
                late.unwrap_or_default() < Duration::from_secs(5),
                "{ttl:?}: {left:?}"
            );
        }
    }
}

pub(crate) async fn values_end(backing: &Backing) {
    for namespace in ["users", "remote"] {
        let cache = backing.cache().await;
        let no_grace = |n: larder::Namespace| n.grace(Duration::ZERO);
        cache.update_namespace(namespace, no_grace).unwrap();
        let numbers = cache.namespace(namespace).unwrap().typed::<u32>();
        let options = SetOptions::new().ttl(SHORT);
        numbers.set_with("short", 1, options).await.unwrap();
        numbers.set("long", 1).await.unwrap();
        backing.pass(SHORT).await;
        check_there(&numbers, "short", false).await;
        check_there(&numbers, "long", true).await;
        assert!(
            !numbers.delete("short").await.unwrap(),
            "it is gone for good"
        );
    }
}

pub(crate) async fn stale_values_are_for_loads_alone(backing: &Backing) {
    for namespace in ["users", "remote"] {
        let numbers = numbers(backing, namespace).await;
        let options = SetOptions::new().ttl(SHORT);
        numbers.set_with("7", 1, options).await.unwrap();
        backing.pass(SHORT).await;
        check_there(&numbers, "7", false).await;
        assert!(!numbers.expire("7", TTL).await.unwrap());
        let failing = || async { Err::<u32, _>(std::fmt::Error) };
        assert_eq!(*numbers.get_or_load("7", failing).await.unwrap(), 1);
        let failing = || async { Err::<u32, _>(std::fmt::Error) };
        assert_eq!(*numbers.load("7").with(failing).await.unwrap().unwrap(), 1);
        assert!(numbers.delete("7").await.unwrap());
    }
}

pub(crate) async fn expire_moves_the_end(backing: &Backing) {
    for namespace in ["users", "remote"] {
        let numbers = numbers(backing, namespace).await;
        let options = || SetOptions::new().ttl(SHORT);
        numbers.set_with("later", 1, options()).await.unwrap();
        assert!(numbers.expire("later", TTL).await.unwrap());
        numbers.set_with("never", 1, options()).await.unwrap();
        assert!(numbers.expire("never", Ttl::None).await.unwrap());
        numbers.set("sooner", 1).await.unwrap();
        assert!(numbers.expire("sooner", SHORT).await.unwrap());
        check_there(&numbers, "later", true).await;
        assert_eq!(
            numbers.ttl("never").await.unwrap().unwrap().duration(),
            None
        );
        backing.pass(SHORT).await;
        check_there(&numbers, "later", true).await;
        check_there(&numbers, "never", true).await;
        check_there(&numbers, "sooner", false).await;
        // Its grace moved along.
        let failing = || async { Err::<u32, _>(std::fmt::Error) };
        assert_eq!(*numbers.get_or_load("sooner", failing).await.unwrap(), 1);
    }
    assert!(GRACE > TTL);
}

pub(crate) async fn expire_of_nothing(backing: &Backing) {
    let numbers = numbers(backing, "users").await;
    assert!(!numbers.expire("7", TTL).await.unwrap());
    let none = || async { Ok::<_, std::fmt::Error>(Loaded::absent().ttl(TTL)) };
    assert_eq!(numbers.load("7").with(none).await.unwrap(), None);
    assert!(
        !numbers.expire("7", TTL).await.unwrap(),
        "absence has no expiry to move"
    );
    check_there(&numbers, "7", false).await;
}

pub(crate) async fn absence_is_remembered_for_its_own_time(backing: &Backing) {
    for namespace in ["users", "remote"] {
        let numbers = numbers(backing, namespace).await;
        let none = || async { Ok::<_, std::fmt::Error>(Loaded::absent().ttl(TTL)) };
        let one = || async { Ok::<_, std::fmt::Error>(Loaded::value(1)) };
        assert_eq!(numbers.load("long").with(none).await.unwrap(), None);
        assert_eq!(numbers.load("long").with(one).await.unwrap(), None);
        check_there(&numbers, "long", false).await;
        let none = || async { Ok::<_, std::fmt::Error>(Loaded::absent()) };
        assert_eq!(numbers.load("short").with(none).await.unwrap(), None);
        check_there(&numbers, "short", false).await;
        backing.pass(Duration::from_millis(200)).await;
        eventually("the end of the absence", async || {
            numbers.load("short").with(one).await.unwrap().is_some()
        })
        .await;
        check_there(&numbers, "short", true).await;
        assert_eq!(numbers.load("long").with(one).await.unwrap(), None);
        assert!(numbers.stats().negative_hits >= 3);
    }
}
