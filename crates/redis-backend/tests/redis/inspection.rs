//! What the server tells of itself.

use larder_cache_core::{Backend, Capabilities, ErrorKind};

use super::{SOON, ask, backend, raw, server};

#[tokio::test]
async fn facts_about_the_server() {
    let mut server = server(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu"]);
    let backend = backend(&server).await;
    assert_eq!(backend.name(), "redis");
    assert_eq!(backend.capabilities(), Capabilities::shared_server());
    let nodes = backend.inspect().unwrap().nodes(SOON).await.unwrap();
    let [node] = &nodes[..] else {
        panic!("{nodes:?}");
    };
    assert_eq!(node.address, format!("127.0.0.1:{}", server.port()));
    assert_eq!(node.role, "master");
    assert_eq!(node.max_memory_bytes, Some(100 << 20));
    assert_eq!(node.eviction_policy.as_deref(), Some("allkeys-lfu"));
    assert_eq!(node.connected_clients, Some(1));
    assert_eq!(node.evicted_keys, Some(0));
    assert!(node.used_memory_bytes > Some(100_000));
    assert!(node.uptime.is_some() && node.latency.is_some());
    let info: String = ask(&mut raw(&server), "INFO server");
    let version = node.version.clone().unwrap();
    // Of Valkey its own, not that of the Redis it is compatible with.
    let named = ["valkey_version", "redis_version"].map(|name| format!("{name}:{version}"));
    assert!(named.iter().any(|line| info.contains(line)), "{version}");
    server.kill();
    let gone = super::eventually("the end", async || {
        backend.inspect().unwrap().nodes(SOON).await.err()
    });
    assert_eq!(gone.await.kind(), ErrorKind::Connection);
}
