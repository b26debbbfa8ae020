//! The permissions that the documentation grants are enough.

use std::time::Duration;

use larder_cache_core::{
    Backend, Cursor, EpochChange, ErrorKind, FillOutcome, Glob, Invalidation, Lifetime, Operation,
    Tag,
};
use larder_redis_backend::{AtStart, RedisBackend, RedisConfig};
use larder_testkit::RedisServer;

use super::{SOON, ask, config, connect, key, keys, raw, write};

const DOCUMENTED: &str = include_str!("../../../../docs/configuration.md");

/// The rules of the documentation, with what it says of clusters.
pub(super) fn rules(in_cluster: bool) -> String {
    let found = DOCUMENTED.split("ACL SETUSER larder ").nth(1).unwrap();
    let words = found.split("```").next().unwrap().split_whitespace();
    let mut rules: Vec<&str> = words.collect();
    if in_cluster {
        let more = DOCUMENTED.split("In a cluster also `").nth(1).unwrap();
        rules.extend(more.split('`').next().unwrap().split(' '));
    }
    let rules = rules.join(" ").replace("PASSWORD", "pw");
    assert!(rules.contains("~app* -@all +get"), "{rules}");
    rules.replace("~app*", "~t*")
}

/// Every operation of a backend.
pub(super) async fn use_all(backend: &RedisBackend) {
    let own = keys(["a", "b", "c"]);
    let writes = ["a", "b", "c"].map(|name| write(name, "1"));
    assert_eq!(backend.set(&writes, SOON).await.unwrap(), [true; 3]);
    assert_eq!(backend.get(&own, SOON).await.unwrap().len(), 3);
    assert_eq!(backend.get(&own[..1], SOON).await.unwrap().len(), 1);
    assert!(backend.head(&own, 8, SOON).await.unwrap()[0].is_some());
    assert_eq!(backend.exists(&own, SOON).await.unwrap(), [true; 3]);
    assert!(backend.ttl(&own, SOON).await.unwrap()[0].is_some());
    let header = larder_cache_core::Header::new(
        larder_cache_core::Kind::Value,
        larder_cache_core::Timestamp::from_millis(1),
    );
    let body = larder_cache_core::Bytes::new();
    let mut entry = write("b", "");
    entry.value = larder_cache_core::Entry { header, body }.encode();
    backend.set(&[entry], SOON).await.unwrap();
    let mut large = write("large", "");
    large.value = vec![0; 1 << 20].into();
    backend.set(&[large], SOON).await.unwrap();
    let large = backend.get(&[key("large")], SOON).await.unwrap();
    assert_eq!(large[0].as_ref().map(|value| value.len()), Some(1 << 20));
    backend.delete(&[key("large")], SOON).await.unwrap();
    for hard in [None, Some(Duration::from_secs(60))] {
        let lifetime = Lifetime { soft: None, hard };
        let moved = backend.expire(&own, lifetime, SOON).await.unwrap();
        assert_eq!(moved, [false, true, false]);
    }
    let page = backend
        .scan(Cursor::start(), &Glob::new("t*"), 10, SOON)
        .await;
    page.unwrap();
    let steps = [
        Operation::Get(own[0].clone()),
        Operation::Expire(own[1].clone(), Lifetime::default()),
        Operation::Delete(own[2].clone()),
    ];
    for reply in backend.pipeline(&steps, SOON).await.unwrap() {
        reply.unwrap();
    }
    let grant = super::leases::granted(backend, "leased", 1).await;
    let value = vec![0; 1 << 20].into();
    let outcome = FillOutcome::Store(value, Some(Duration::from_secs(9)));
    assert!(super::leases::fill(backend, "leased", grant, outcome).await);
    backend.mark_stale(&own, SOON).await.unwrap();
    backend.delete(&[key("leased")], SOON).await.unwrap();
    for effect in [Invalidation::Hard, Invalidation::Soft] {
        let change = EpochChange {
            key: key("epoch"),
            others: Tag::list(["tag"]).unwrap(),
            effect,
            fresh: 1,
        };
        backend.renew(&[change], SOON).await.unwrap();
    }
    let told: std::sync::Arc<super::watching::Told> = std::sync::Arc::default();
    // Not where replicas are read.
    if super::watching::watch(backend, &told) {
        super::eventually("news", async || told.until()).await;
    }
    backend.now(&own[0], SOON).await.unwrap();
    let nodes = backend.inspect().unwrap().nodes(SOON).await.unwrap();
    assert!(nodes.iter().all(|node| node.version.is_some()), "{nodes:?}");
    assert_eq!(backend.delete(&own, SOON).await.unwrap(), 2);
    let foreign = larder_cache_core::KeyPrefix::new("other").unwrap();
    let foreign = foreign.value("n", "k").unwrap();
    let error = backend.get(&[foreign], SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
}

#[tokio::test]
async fn on_one_server() {
    let server = RedisServer::start().unwrap();
    let command = format!("ACL SETUSER larder {}", rules(false));
    ask::<()>(&mut raw(&server), &command);
    let url = format!("redis://larder:pw@127.0.0.1:{}", server.port());
    let own: RedisConfig = config(url).at_start(AtStart::Required);
    use_all(&connect(own).await.unwrap()).await;
}
