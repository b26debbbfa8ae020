//! The operations around the values.

use std::fmt::Error;
use std::time::Duration;

use larder::{ErrorKind, PipelineReply, Status, Ttl};

use crate::backing::{Backing, TTL};

pub(crate) async fn pipelines_in_order(backing: &Backing) {
    let cache = backing.cache().await;
    for namespace in ["users", "remote"] {
        let names = cache.namespace(namespace).unwrap().typed::<String>();
        let pipeline = names
            .pipeline()
            .get("7")
            .set("7", "Ada".to_owned())
            .get("7")
            .expire("7", Ttl::Long)
            .expire("8", Ttl::Long)
            .delete("8")
            .set("8", "Eve".to_owned())
            .delete("8")
            .get("8");
        let replies = pipeline.run().await.unwrap();
        let replies: Vec<String> = replies
            .into_iter()
            .map(|reply| match reply.unwrap() {
                PipelineReply::Value(value) => format!("{value:?}"),
                PipelineReply::Stored => "stored".to_owned(),
                PipelineReply::Deleted(deleted) => format!("deleted {deleted}"),
                PipelineReply::Expired(moved) => format!("expired {moved}"),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            replies,
            [
                "None",
                "stored",
                "Some(\"Ada\")",
                "expired true",
                "expired false",
                "deleted false",
                "stored",
                "deleted true",
                "None",
            ]
        );
        assert_eq!(*names.get("7").await.unwrap().unwrap(), "Ada");
        let ttl = names.ttl("7").await.unwrap().unwrap().duration().unwrap();
        assert!(ttl > Duration::from_secs(7000), "{ttl:?}");
        assert_eq!(names.get("8").await.unwrap(), None);
        assert!(names.pipeline().run().await.unwrap().is_empty());
    }
}

pub(crate) async fn health_and_statistics(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("users").unwrap().typed::<String>();
    names.get("7").await.unwrap();
    names.set("7", "Ada".to_owned()).await.unwrap();
    names.get("7").await.unwrap();
    let (health, stats) = (cache.health().await, cache.stats());
    let (name, connections) = match backing {
        Backing::Memory(..) => ("memory", 0..=0),
        Backing::Redis(_) => ("redis", 1..=1),
        Backing::Sentinel(_) => ("redis", 1..=1),
        // To each master, once it is asked for.
        Backing::Cluster(_) => ("redis", 1..=3),
    };
    assert_eq!(
        (health.status, health.backend.name),
        (Status::Healthy, name)
    );
    assert!(health.backend.error.is_none() && health.backend.latency.is_some());
    assert!(connections.contains(&health.backend.connections.active));
    assert_eq!(health.backend.connections.broken, 0);
    let nodes = match backing {
        Backing::Cluster(_) => 6,
        Backing::Sentinel(_) => 3,
        _ => 1,
    };
    assert_eq!(health.backend.nodes.len(), nodes);
    assert!(health.backend.nodes[0].used_memory_bytes.is_some());
    assert_eq!(stats.l1, health.l1);
    assert!(connections.contains(&stats.connections.active));
    let total = stats.total();
    assert_eq!((total.misses, total.hits(), total.stored), (1, 1, 1));
    assert_eq!(total.hit_rate(), Some(0.5));
}

pub(crate) async fn settings_change_at_run_time(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("users").unwrap().typed::<String>();
    names.set("7", "Ada".to_owned()).await.unwrap();
    cache
        .update_namespace("users", |n| n.ttl(Ttl::None).max_value_bytes(10))
        .unwrap();
    names.set("8", "Eve".to_owned()).await.unwrap();
    assert_eq!(names.ttl("8").await.unwrap().unwrap().duration(), None);
    names.set("9", "x".repeat(9)).await.unwrap();
    let large = names.set("9", "x".repeat(10)).await.unwrap_err();
    assert_eq!(
        large.kind(),
        ErrorKind::TooLarge,
        "a byte more than is allowed"
    );
    assert_eq!(*names.get("7").await.unwrap().unwrap(), "Ada");
    cache
        .update_namespace("users", |n| n.prefix("persons"))
        .unwrap();
    assert_eq!(
        names.get("7").await.unwrap(),
        None,
        "another prefix, other keys"
    );
    assert_eq!(cache.build_key("7", "users").unwrap(), "app:persons:7");
    cache
        .update_namespace("users", |n| n.prefix("users"))
        .unwrap();
    assert_eq!(*names.get("7").await.unwrap().unwrap(), "Ada");
    let posts = larder::Namespace::new("posts").ttl(TTL);
    let posts = cache.register(posts).unwrap().typed::<String>();
    posts.set("7", "Hello".to_owned()).await.unwrap();
    assert_eq!(*posts.get("7").await.unwrap().unwrap(), "Hello");
}

pub(crate) async fn shutdown_in_order(backing: &Backing) {
    let cache = backing.cache().await;
    let names = cache.namespace("users").unwrap().typed::<String>();
    names.set("7", "Ada".to_owned()).await.unwrap();
    let report = cache.shutdown(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(cache.health().await.status, Status::Closed);
    assert_eq!(cache.stats().connections.active, 0);
    let late = names.get_or_load("8", || async { Ok::<_, Error>("late".to_owned()) });
    match late.await {
        Err(larder::LoadError::Cache(error)) => assert_eq!(error.kind(), ErrorKind::Closed),
        other => panic!("expected a closed cache, found {other:?}"),
    }
    let set = names.set("8", "late".to_owned()).await;
    assert_eq!(set.unwrap_err().kind(), ErrorKind::Closed);
}

pub(crate) async fn the_four_default_namespaces(backing: &Backing) {
    let cache = backing.cache().await;
    let names: Vec<_> = cache.namespaces().iter().map(|n| n.name.clone()).collect();
    let defaults = ["default", "sessions", "content", "analytics"];
    assert_eq!(names[..4], defaults);
    for name in ["default", "content", "analytics"] {
        let handle = cache.namespace(name).unwrap().typed::<String>();
        handle.set("7", name.to_owned()).await.unwrap();
        assert_eq!(*handle.get("7").await.unwrap().unwrap(), name);
    }
    for (name, key) in [
        ("default", "app:app:7"),
        ("sessions", "app:sess:7"),
        ("content", "app:content:7"),
        ("analytics", "app:analytics:7"),
    ] {
        assert_eq!(cache.build_key("7", name).unwrap(), key);
    }
}
