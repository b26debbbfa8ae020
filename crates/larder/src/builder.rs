//! The construction of a cache with its backend.

use std::sync::Arc;
use std::time::Duration;

use larder_cache::{Cache, CacheBuilder, Target};
use larder_cache_core::{
    Backend, Cipher, Clock, Codec, Compression, Namespace, Observer, Random, Result, SystemClock,
    TtlClasses,
};
#[cfg(feature = "redis")]
use larder_redis_backend::RedisConfig;

use crate::compress::Compress;
use crate::connect::Connect;
use crate::encrypt::Encrypt;

/// Begins the construction of a cache.
///
/// ```no_run
/// # #[cfg(feature = "redis")]
/// # async fn example() -> larder::Result<()> {
/// let cache = larder::builder().redis("redis://127.0.0.1").l1_bytes(256 << 20).build().await?;
/// # Ok(()) }
/// ```
pub fn builder() -> Builder {
    Builder::new(CacheBuilder::new())
}

/// Settings of a cache and of its backend, before there is one.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    cache: CacheBuilder,
    backend: Connect,
    clock: Arc<dyn Clock>,
    encryption: Encrypt,
    compress: Compress,
}

impl Builder {
    fn new(cache: CacheBuilder) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        Self {
            cache: cache.clock(Arc::clone(&clock)),
            backend: Connect::default(),
            clock,
            encryption: Encrypt::default(),
            compress: Compress::default(),
        }
    }

    /// Uses the embedded backend, with 256 MiB. This is the default.
    #[cfg(feature = "memory")]
    pub fn memory(self) -> Self {
        self.memory_bytes(256 << 20)
    }

    /// Uses the embedded backend, with this many bytes.
    #[cfg(feature = "memory")]
    pub fn memory_bytes(mut self, max_bytes: u64) -> Self {
        self.backend = Connect::Memory { max_bytes };
        self
    }

    /// Uses the Redis or Valkey server behind a URL:
    /// `redis://[[user]:password@]host[:port][/database]`, or the master that Sentinels name:
    /// `redis+sentinel://[[user]:password@]host[:port][,host[:port]..]/service[/database]`.
    #[cfg(feature = "redis")]
    pub fn redis(self, url: impl Into<String>) -> Self {
        self.redis_config(RedisConfig::new(url))
    }

    /// Uses a Redis or Valkey cluster, found through any of these nodes: `host:port`, or a URL
    /// with login and scheme, which then go for all nodes.
    #[cfg(feature = "redis")]
    pub fn redis_cluster<N: Into<String>>(self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.redis_config(RedisConfig::cluster(nodes))
    }

    /// Uses Redis or Valkey servers, with all their settings.
    #[cfg(feature = "redis")]
    pub fn redis_config(mut self, config: RedisConfig) -> Self {
        self.backend = Connect::Redis(Box::new(config));
        self
    }

    /// Uses a backend of your own.
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backend = Connect::Given(backend);
        self
    }

    /// What all keys in the backend begin with: letters, digits, `_`, `-`, `.`.
    /// Default: `app`.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.cache = self.cache.key_prefix(prefix);
        self
    }

    /// Registers a namespace besides `default`, `sessions`, `content` and `analytics`, or in
    /// place of one of them.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.cache = self.cache.namespace(namespace);
        self
    }

    /// Says that something depends on something else, which
    /// [`invalidate_cascade`](Cache::invalidate_cascade) follows: the first is to be invalidated
    /// where the second is. Default: nothing does.
    pub fn depends(mut self, dependent: Target, on: Target) -> Self {
        self.cache = self.cache.depends(dependent, on);
        self
    }

    /// The durations behind `Ttl::Default`, `Short`, `Medium` and `Long`. Default:
    /// 1 hour, 5 minutes, 30 minutes, 2 hours.
    pub fn ttl_classes(mut self, classes: TtlClasses) -> Self {
        self.cache = self.cache.ttl_classes(classes);
        self
    }

    /// The most bytes that L1 may hold, counted as keys, serialized values, and 160 bytes
    /// an entry; 0: no L1. Default: 64 MiB.
    pub fn l1_bytes(mut self, bytes: u64) -> Self {
        self.cache = self.cache.l1_bytes(bytes);
        self
    }

    /// How long one call may wait for the backend altogether. Default: 250 ms.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.cache = self.cache.budget(budget);
        self
    }

    /// For how long one load keeps all other processes from loading the same key, and for
    /// how long they wait for it; then one of them loads. It should be longer than most
    /// loads take. Default: 5 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.cache = self.cache.lease(lease);
        self
    }

    /// How many values may be refreshed in the background at once; beyond that stale values
    /// are served and nobody refreshes them. Default: 64.
    pub fn max_concurrent_refreshes(mut self, refreshes: usize) -> Self {
        self.cache = self.cache.max_concurrent_refreshes(refreshes);
        self
    }

    /// How long a caller waits for a loader. Default: 30 s.
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.cache = self.cache.load_timeout(timeout);
        self
    }

    /// How many loaders may run at once. Default: 256.
    pub fn max_concurrent_loads(mut self, loads: usize) -> Self {
        self.cache = self.cache.max_concurrent_loads(loads);
        self
    }

    /// The codec that compresses values, such as an `Optimizer` with settings of its own.
    /// Default: with the feature `compression` an `Optimizer`, else none.
    pub fn codec(mut self, codec: Arc<dyn Codec>) -> Self {
        self.compress.codec = Some(codec);
        self
    }

    /// The cipher that encrypts the values of namespaces that want it, such as a
    /// `KeyRing`. Default: with the feature `encryption`, and where the backend is part of this
    /// process, a key that ends with it; else none, and such namespaces are refused.
    pub fn cipher(mut self, cipher: Arc<dyn Cipher>) -> Self {
        self.encryption = Encrypt::Given(cipher);
        self
    }

    /// Keys that were read, or why they were not.
    #[cfg(feature = "encryption")]
    pub(crate) fn keys(mut self, keys: Result<Option<larder_encryption::KeyRing>>) -> Self {
        if let Some(keys) = keys.transpose() {
            self.encryption = match keys {
                Ok(keys) => Encrypt::Given(Arc::new(keys)),
                Err(error) => Encrypt::Refused(error),
            };
        }
        self
    }

    /// How namespaces that leave it to the cache compress their values. Default:
    /// [`Compression::Auto`], where there is a codec.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.cache = self.cache.compression(compression);
        self
    }

    /// Values up to this size are stored plain by the codec that is there by default.
    /// Default: 1024.
    pub fn compression_threshold_bytes(mut self, bytes: usize) -> Self {
        self.compress.threshold_bytes = bytes;
        self
    }

    /// Adds an observer, told of everything that happens. Default: none.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.cache = self.cache.observer(observer);
        self
    }

    /// The process's clocks. Default: the operating system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Arc::clone(&clock);
        self.cache = self.cache.clock(clock);
        self
    }

    /// The source of jitter. Default: seeded by the operating system.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.cache = self.cache.random(random);
        self
    }

    /// Builds the cache. A server that can't be reached now is no error (the cache begins
    /// degraded and goes on trying), one that refuses the login is.
    ///
    /// # Errors
    /// Kind `Config` for a setting that can't work or dependencies that form a cycle,
    /// `UnknownNamespace` for a dependency on one, `Auth` for a login that is refused.
    pub async fn build(self) -> Result<Cache> {
        let mut cache = self.cache;
        if let Some(codec) = self.compress.codec()? {
            cache = cache.codec(codec);
        }
        cache.validate()?;
        let observers = cache.observers();
        let backend = self.backend.connect(observers, self.clock).await?;
        let leaves_process = backend.capabilities().shared;
        let cache = match self.encryption.cipher(leaves_process)? {
            Some(cipher) => cache.cipher(cipher),
            None => cache,
        };
        cache.build(backend)
    }
}
