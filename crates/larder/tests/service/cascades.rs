//! What depends on what was changed, on each backend.

use std::fmt::Error;
use std::sync::Arc;

use larder::{Builder, Cache, Loaded, SetOptions, Target, TypedCache};
use tokio::sync::Semaphore;

use crate::backing::{Backing, eventually};

/// `user` <- `feed` <- all of `remote` and the key "7" of `users` <- `page`.
fn depending(builder: Builder) -> Builder {
    builder
        .depends(Target::tag("feed"), Target::tag("user"))
        .depends(Target::namespace("remote"), Target::tag("feed"))
        .depends(Target::key("users", "7"), Target::tag("feed"))
        .depends(Target::tag("page"), Target::key("users", "7"))
}

fn handles(cache: &Cache) -> [TypedCache<String>; 2] {
    ["users", "remote"].map(|name| cache.namespace(name).unwrap().typed())
}

/// The keys that are found.
async fn found([users, remote]: &[TypedCache<String>; 2]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for key in ["user", "feed", "7", "page", "other"] {
        found.extend(users.get(key).await.unwrap().map(|_| key));
    }
    found.extend(remote.get("any").await.unwrap().map(|_| "any"));
    found
}

pub(crate) async fn a_cascade_reaches_all_that_depends(backing: &Backing) {
    let one = backing.build(depending).await;
    let other = backing.cache().await;
    let [users, remote] = &handles(&one);
    for key in ["user", "feed", "page", "other"] {
        let tagged = SetOptions::new().tags([key]);
        users.set_with(key, key.to_owned(), tagged).await.unwrap();
    }
    users.set("7", "7".to_owned()).await.unwrap();
    remote.set("any", "any".to_owned()).await.unwrap();
    assert_eq!(found(&handles(&other)).await.len(), 6);
    let done = one.invalidate_cascade([Target::tag("user")]).await.unwrap();
    assert_eq!((done.depth, done.entries), (3, 1));
    assert_eq!(done.namespaces, ["remote", "users"]);
    assert_eq!(found(&handles(&one)).await, ["other"]);
    if matches!(backing, Backing::Memory(..)) {
        // Two caches over one embedded backend are not told of each other's changes.
        return;
    }
    eventually("the news", async || {
        found(&handles(&other)).await == ["other"]
    })
    .await;
}

/// A load of a dependent that another process began before brings its value to its callers, and
/// to nobody else.
pub(crate) async fn a_load_during_a_cascade_is_not_kept(backing: &Backing) {
    let one = backing.build(depending).await;
    let other = backing.cache().await;
    for (at, key, tag) in [(0, "7", "x"), (0, "tagged", "page"), (1, "any", "x")] {
        let (begun, end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let loads = handles(&other)[at].clone();
        let loading = tokio::spawn({
            let (begun, end) = (begun.clone(), end.clone());
            let load = move || async move {
                begun.add_permits(1);
                let _end = end.acquire().await;
                Ok::<_, Error>(Loaded::value("old".to_owned()))
            };
            async move { loads.load(key).tags([tag]).with(load).await }
        });
        let _begun = begun.acquire().await.unwrap();
        one.invalidate_cascade([Target::tag("user")]).await.unwrap();
        end.add_permits(1);
        assert_eq!(*loading.await.unwrap().unwrap().unwrap(), "old", "{key}");
        let fresh = handles(&backing.cache().await)[at].get(key).await;
        assert_eq!(fresh.unwrap(), None, "{key}");
        if !matches!(backing, Backing::Memory(..)) {
            let there = || async { handles(&other)[at].get(key).await.unwrap().is_none() };
            eventually("the end of it", async || there().await).await;
        }
    }
}
