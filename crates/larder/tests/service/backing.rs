//! The backend of a test, and how to build caches over it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, TryStreamExt};
use larder::{
    Backend, Builder, Cache, L1, MemoryBackend, Namespace, RedisBackend, RedisConfig, SystemClock,
};
use larder_cache_core::{Bytes, Call, Condition, Key, KeyPrefix, Observers, Write};
use larder_testkit::{ManualClock, RedisCluster, RedisSentinel, RedisServer};

pub(crate) const TTL: Duration = Duration::from_secs(60);
pub(crate) const GRACE: Duration = Duration::from_secs(3600);

/// A backend of one test alone.
pub(crate) enum Backing {
    Memory(Arc<MemoryBackend>, Arc<ManualClock>),
    Redis(RedisServer),
    Cluster(RedisCluster),
    Sentinel(RedisSentinel),
}

impl Backing {
    pub(crate) fn memory() -> Self {
        let clock = ManualClock::new();
        let backend = MemoryBackend::builder(256 << 20).clock(clock.clone());
        Self::Memory(Arc::new(backend.build()), clock)
    }

    pub(crate) fn redis() -> Self {
        Self::Redis(RedisServer::start().unwrap())
    }

    pub(crate) fn cluster() -> Self {
        Self::Cluster(RedisCluster::start().unwrap())
    }

    pub(crate) fn sentinel() -> Self {
        Self::Sentinel(RedisSentinel::start().unwrap())
    }

    fn servers(&self) -> Option<RedisConfig> {
        match self {
            Self::Memory(..) => None,
            Self::Redis(server) => Some(RedisConfig::new(server.url())),
            Self::Cluster(cluster) => Some(RedisConfig::cluster(cluster.addresses())),
            Self::Sentinel(group) => Some(RedisConfig::new(group.url())),
        }
    }

    /// The cache of a process. `users` is kept in L1, `remote` is not.
    pub(crate) async fn cache(&self) -> Cache {
        self.build(|builder| builder).await
    }

    pub(crate) async fn build(&self, configure: impl FnOnce(Builder) -> Builder) -> Cache {
        let builder = larder::builder()
            .namespace(settings("users"))
            .namespace(settings("remote").l1(L1::Off))
            .budget(Duration::from_secs(5));
        let builder = match (self, self.servers()) {
            (_, Some(config)) => builder.redis_config(config),
            (Self::Memory(backend, clock), _) => {
                builder.backend(backend.clone()).clock(clock.clone())
            }
            _ => builder,
        };
        configure(builder).build().await.unwrap()
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        match self {
            Self::Memory(_, clock) => clock.advance(time),
            _ => tokio::time::sleep(time).await,
        }
    }

    /// Another program that uses the same backend.
    pub(crate) async fn program(&self) -> Program {
        if let Self::Memory(backend, _) = self {
            return Program(backend.clone());
        }
        let clock = Arc::new(SystemClock::new());
        let config = self.servers().unwrap();
        let connected = RedisBackend::connect(config, Observers::default(), clock);
        Program(Arc::new(connected.await.unwrap()))
    }
}

fn settings(name: &str) -> Namespace {
    Namespace::new(name)
        .ttl(TTL)
        .grace(GRACE)
        .jitter(0.0)
        .negative_ttl(Duration::from_millis(200))
}

/// A program that knows nothing of caches.
pub(crate) struct Program(Arc<dyn Backend>);

const CALL: Call = Call::within(Duration::from_secs(5));

impl Program {
    pub(crate) async fn get(&self, key: &Key) -> Option<Bytes> {
        let found = self.0.get(std::slice::from_ref(key), CALL).await;
        found.unwrap().pop().unwrap()
    }

    pub(crate) async fn set(&self, key: &Key, value: impl Into<Bytes>) {
        let write = Write {
            key: key.clone(),
            value: value.into(),
            ttl: None,
            condition: Condition::Always,
        };
        self.0.set(&[write], CALL).await.unwrap();
    }

    pub(crate) async fn delete(&self, key: &Key) {
        self.0
            .delete(std::slice::from_ref(key), CALL)
            .await
            .unwrap();
    }
}

pub(crate) fn physical(namespace: &str, key: &str) -> Key {
    KeyPrefix::new("app")
        .unwrap()
        .value(namespace, key)
        .unwrap()
}

/// Longer than what waits for another look after an error (10 s), or for the end of a lease that
/// nobody gave back (15 s), on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for a condition that must come true.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !condition().await {
        let waited = began.elapsed();
        assert!(waited < LIMIT, "waited {waited:?} for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// All keys of a stream of batches, sorted, each once.
pub(crate) async fn scanned(users: &larder::NamespaceHandle, pattern: &str) -> Vec<String> {
    collected(users.keys_by_pattern(pattern)).await
}

/// All keys whose values carry a tag, sorted, each once.
pub(crate) async fn tagged(users: &larder::NamespaceHandle, tag: &str) -> Vec<String> {
    collected(users.keys_with_tag(tag)).await
}

async fn collected(batches: impl Stream<Item = larder::Result<Vec<String>>>) -> Vec<String> {
    let pages: Vec<Vec<String>> = batches.try_collect().await.unwrap();
    assert!(pages.iter().all(|page| !page.is_empty()));
    let mut keys = pages.concat();
    keys.sort();
    keys.dedup();
    keys
}
