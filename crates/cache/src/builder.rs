//! The construction of a cache.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use larder_cache_core::{
    Backend, Cipher, Clock, Codec, Compression, Error, ErrorKind, KeyPrefix, Namespace, Observer,
    Observers, Random, Result, SystemClock, SystemRandom, TtlClasses,
};
use larder_keyspace::{Dependencies, Keyspace, Target};
use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::cascade;
use crate::epochs::Epochs;
use crate::guards::Guards;
use crate::l1::Memory;
use crate::load::Flights;
use crate::payload::Payload;
use crate::shared::Shared;
use crate::spaces::Spaces;
use crate::tasks::Tasks;

/// Settings of a cache, before there is one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct CacheBuilder {
    key_prefix: String,
    namespaces: Vec<Namespace>,
    dependencies: Vec<(Target, Target)>,
    ttl_classes: TtlClasses,
    l1_bytes: u64,
    budget: Duration,
    load_timeout: Duration,
    lease: Duration,
    max_concurrent_loads: usize,
    max_concurrent_refreshes: usize,
    guards: Guards,
    codec: Option<Arc<dyn Codec>>,
    cipher: Option<Arc<dyn Cipher>>,
    compression: Compression,
    observers: Vec<Arc<dyn Observer>>,
    told: OnceLock<Observers>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            key_prefix: "app".to_owned(),
            namespaces: Vec::new(),
            dependencies: Vec::new(),
            ttl_classes: TtlClasses::default(),
            l1_bytes: 64 << 20,
            budget: Duration::from_millis(250),
            load_timeout: Duration::from_secs(30),
            lease: Duration::from_secs(5),
            max_concurrent_loads: 256,
            max_concurrent_refreshes: 64,
            guards: Guards::default(),
            codec: None,
            cipher: None,
            compression: Compression::Auto,
            observers: Vec::new(),
            told: OnceLock::new(),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        }
    }
}

impl CacheBuilder {
    /// All defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// What all keys in the backend begin with. Default: `app`.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = prefix.into();
        self
    }

    /// Registers a namespace besides the four defaults, or in place of one of them.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespaces.push(namespace);
        self
    }

    /// Says that something depends on something else, which
    /// [`invalidate_cascade`](Cache::invalidate_cascade) follows: the first is to be invalidated
    /// where the second is. Default: nothing does.
    pub fn depends(mut self, dependent: Target, on: Target) -> Self {
        self.dependencies.push((dependent, on));
        self
    }

    /// The durations behind `Ttl::Default`, `Short`, `Medium` and `Long`. Default:
    /// 1 hour, 5 minutes, 30 minutes, 2 hours.
    pub fn ttl_classes(mut self, classes: TtlClasses) -> Self {
        self.ttl_classes = classes;
        self
    }

    /// The most bytes that L1 may hold, counted as keys, serialized values, and 160 bytes
    /// an entry; 0: no L1. Default: 64 MiB.
    pub fn l1_bytes(mut self, bytes: u64) -> Self {
        self.l1_bytes = bytes;
        self
    }

    /// How long one call may wait for the backend altogether. Default: 250 ms.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// How long a caller waits for a loader. Default: 30 s.
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = timeout;
        self
    }

    /// For how long one load keeps all other processes from loading the same key, and for
    /// how long they wait for it; then one of them loads. It should be longer than most
    /// loads take. Default: 5 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How many values may be refreshed in the background at once; beyond that stale values
    /// are served and nobody refreshes them. Default: 64.
    pub fn max_concurrent_refreshes(mut self, refreshes: usize) -> Self {
        self.max_concurrent_refreshes = refreshes;
        self
    }

    /// Takes one guard of the protocol away, to see that a test notices.
    #[cfg(feature = "simulation")]
    pub fn without_guard(mut self, guard: crate::Guard) -> Self {
        self.guards = Guards::without(guard);
        self
    }

    /// How many loaders may run at once; further ones wait. It keeps the loss of the
    /// backend from becoming the loss of the database. Loads that a loader itself asks for
    /// take a place if one is free and never wait for one: their loader may wait for them.
    /// Default: 256.
    pub fn max_concurrent_loads(mut self, loads: usize) -> Self {
        self.max_concurrent_loads = loads;
        self
    }

    /// The codec that compresses values. Default: none.
    pub fn codec(mut self, codec: Arc<dyn Codec>) -> Self {
        self.codec = Some(codec);
        self
    }

    /// The cipher that encrypts the values of namespaces that want it. Default: none.
    pub fn cipher(mut self, cipher: Arc<dyn Cipher>) -> Self {
        self.cipher = Some(cipher);
        self
    }

    /// How namespaces that leave it to the cache compress their values. What was compressed
    /// before stays readable. Default: [`Compression::Auto`], where there is a codec.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Adds an observer, told of everything that happens. Default: none.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self.told = OnceLock::new();
        self
    }

    /// The process's clocks. Default: the operating system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The source of jitter. Default: seeded by the operating system.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// The observers so far, for a backend that has events of its own.
    #[must_use]
    pub fn observers(&self) -> Observers {
        // One list for all, so that an observer that panics is told no more by anybody.
        let told = || Observers::new(self.observers.iter().cloned());
        self.told.get_or_init(told).clone()
    }

    /// Builds the cache over a backend.
    ///
    /// # Errors
    /// Kind `Config`, saying which setting can't work; for namespaces, as
    /// [`Namespace::validate`] has them, and for dependencies, as
    /// [`CacheDependencies::add`](crate::CacheDependencies::add).
    pub fn build(self, backend: Arc<dyn Backend>) -> Result<Cache> {
        let (keyspace, dependencies) = self.validated()?;
        let observers = self.observers();
        let clock = Arc::clone(&self.clock);
        let l1 = Memory::new(self.l1_bytes, clock, observers.clone(), self.guards)?;
        let payload = self.payload(backend.capabilities().shared);
        for namespace in &self.namespaces {
            payload.check(namespace)?;
        }
        let shared = Arc::new_cyclic(|me| Shared {
            me: me.clone(),
            pending: Arc::default(),
            epochs: Epochs::new(),
            lease: self.lease,
            guards: self.guards,
            watched: AtomicBool::new(false),
            shared: backend.capabilities().shared,
            refresh_permits: Arc::new(Semaphore::new(self.max_concurrent_refreshes)),
            backend,
            keyspace,
            dependencies,
            l1,
            flights: Arc::new(Flights::new()),
            refreshing: Arc::default(),
            load_permits: Arc::new(Semaphore::new(self.max_concurrent_loads)),
            payload,
            ttl_classes: self.ttl_classes,
            budget: self.budget,
            load_timeout: self.load_timeout,
            clock: self.clock,
            random: self.random,
            observers,
            spaces: Spaces::default(),
            tasks: Tasks::new(),
        });
        shared.watch_backend(self.l1_bytes > 0);
        Ok(Cache::new(shared))
    }

    /// Refuses settings that can't work, before anything is connected to.
    ///
    /// # Errors
    /// As [`build`](CacheBuilder::build).
    pub fn validate(&self) -> Result<()> {
        self.validated().map(drop)
    }

    fn validated(&self) -> Result<(Keyspace, Dependencies)> {
        self.ttl_classes.validate()?;
        let refuse = |message: &'static str| Err(Error::new(ErrorKind::Config, message));
        if self.budget.is_zero() {
            return refuse("budget must be longer than zero; it bounds every backend call");
        }
        if self.load_timeout.is_zero() {
            return refuse("load_timeout must be longer than zero; callers wait that long");
        }
        if self.lease < Duration::from_millis(10) {
            return refuse("lease must be 10 ms at least, or it has ended before a load has");
        }
        if !(1..=Semaphore::MAX_PERMITS).contains(&self.max_concurrent_loads) {
            return refuse("max_concurrent_loads must be at least 1, or nothing is ever loaded");
        }
        let keyspace = Keyspace::new(KeyPrefix::new(&self.key_prefix)?);
        let payload = self.payload(false);
        for namespace in &self.namespaces {
            payload.check(namespace)?;
            keyspace.register(namespace.clone())?;
        }
        let dependencies = Dependencies::new();
        for (dependent, on) in &self.dependencies {
            cascade::check(dependent, &keyspace)?;
            cascade::check(on, &keyspace)?;
            dependencies.add(dependent.clone(), on.clone())?;
        }
        Ok((keyspace, dependencies))
    }

    fn payload(&self, leaves_process: bool) -> Payload {
        Payload {
            codec: self.codec.clone(),
            compression: self.compression,
            cipher: self.cipher.clone(),
            leaves_process,
        }
    }
}
