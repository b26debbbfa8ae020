//! Loads, over each backend.

use std::collections::HashMap;
use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::{LoadError, Loaded, SetOptions};
use tokio::sync::{Notify, Semaphore};

use crate::backing::{Backing, eventually};

pub(crate) async fn a_thousand_callers_one_load(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("users").unwrap().typed::<String>();
    let (loads, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let (names, loads, gate) = (names.clone(), loads.clone(), gate.clone());
            let loader = move || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                Ok::<_, Error>("Ada".to_owned())
            };
            tokio::spawn(async move { names.get_or_load("7", loader).await })
        })
        .collect();
    eventually("all to wait", async || names.stats().joined == 999).await;
    gate.add_permits(1);
    for caller in callers {
        assert_eq!(*caller.await.unwrap().unwrap(), "Ada");
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

pub(crate) async fn loads_and_hits(backing: &Backing) {
    let cache = backing.cache().await;
    for namespace in ["users", "remote"] {
        let names = cache.namespace(namespace).unwrap().typed::<String>();
        let found = || async { Ok::<_, Error>("Ada".to_owned()) };
        let failing = || async { Err::<String, _>(Error) };
        assert_eq!(*names.get_or_load("7", found).await.unwrap(), "Ada");
        assert_eq!(*names.get_or_load("7", failing).await.unwrap(), "Ada");
        let optional = names.load("7").with(failing).await.unwrap();
        assert_eq!(*optional.unwrap(), "Ada");
        assert_eq!(*names.get("7").await.unwrap().unwrap(), "Ada");
        let failed = names.get_or_load("8", failing).await.unwrap_err();
        assert!(matches!(failed, LoadError::Loader(_)), "{failed:?}");
        let with_terms = || async {
            let found = Loaded::value("Eve".to_owned());
            Ok::<_, Error>(found.ttl(Duration::from_secs(5)).tags(["vip"]))
        };
        // A tag that only the loader names can be stored from the backend's first sign on.
        eventually("a stored value", async || {
            let request = names.load("9").tags(["active"]);
            request.with(with_terms).await.unwrap();
            names.exists("9").await.unwrap()
        })
        .await;
        let ttl = names.ttl("9").await.unwrap().unwrap().duration();
        assert!(ttl.unwrap() <= Duration::from_secs(5));
    }
}

pub(crate) async fn loads_of_many(backing: &Backing) {
    let cache = backing.cache().await;
    for namespace in ["users", "remote"] {
        let names = cache.namespace(namespace).unwrap().typed::<String>();
        names.set("2", "set".to_owned()).await.unwrap();
        let loader = |missing: Vec<u32>| async move {
            assert_eq!(missing, [3, 1, 4]);
            let found = missing.into_iter().filter(|n| *n != 4);
            Ok::<_, Error>(
                found
                    .map(|n| (n, format!("loaded {n}")))
                    .collect::<HashMap<_, _>>(),
            )
        };
        let loaded = names
            .get_or_load_many([3, 2, 1, 3, 4, 2], loader)
            .await
            .unwrap();
        let mut loaded: Vec<_> = loaded.iter().map(|(n, v)| (*n, v.as_str())).collect();
        loaded.sort_unstable();
        assert_eq!(loaded, [(1, "loaded 1"), (2, "set"), (3, "loaded 3")]);
        let failing = |_: Vec<u32>| async { Err::<HashMap<u32, String>, _>(Error) };
        let hits = names.get_or_load_many([1, 2, 3, 4], failing).await.unwrap();
        assert_eq!(hits.len(), 3, "4 is known to be absent");
        assert!(names.get_or_load_many([5], failing).await.is_err());
        assert!(
            names
                .get_or_load_many([], failing)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

pub(crate) async fn a_deletion_during_a_load(backing: &Backing) {
    let cache = backing.cache().await;
    for namespace in ["users", "remote"] {
        let names = cache.namespace(namespace).unwrap().typed::<String>();
        let gate = Arc::new(Semaphore::new(0));
        let begun = Arc::new(Notify::new());
        let loading = tokio::spawn({
            let (names, gate, began) = (names.clone(), gate.clone(), begun.clone());
            let loader = move || async move {
                began.notify_one();
                gate.acquire().await.unwrap().forget();
                Ok::<_, Error>("before".to_owned())
            };
            async move { names.get_or_load("7", loader).await }
        });
        begun.notified().await;
        names.delete("7").await.unwrap();
        gate.add_permits(1);
        assert_eq!(*loading.await.unwrap().unwrap(), "before");
        assert_eq!(names.get("7").await.unwrap(), None);
        assert_eq!(names.stats().fills_refused, 1);
    }
}

pub(crate) async fn a_stale_value_while_it_is_refreshed(backing: &Backing) {
    let cache = backing.cache().await;
    for namespace in ["users", "remote"] {
        let names = cache.namespace(namespace).unwrap().typed::<String>();
        let short = Duration::from_millis(100);
        let options = SetOptions::new().ttl(short);
        names
            .set_with("7", "old".to_owned(), options)
            .await
            .unwrap();
        backing.pass(short).await;
        let new = || async { Ok::<_, Error>("new".to_owned()) };
        assert_eq!(*names.get_or_load("7", new).await.unwrap(), "old");
        eventually("the refresh", async || {
            names.get("7").await.unwrap().is_some()
        })
        .await;
        assert_eq!(*names.get("7").await.unwrap().unwrap(), "new");
    }
}
