//! Several processes before one server.

use std::sync::Arc;

use larder_cache::{Cache, CacheBuilder, LoadError, TypedCache};
use larder_cache_core::{
    Backend, Bytes, Clock, Condition, Cursor, Glob, Key, KeyPrefix, Namespace, Tag, Write,
};
use larder_memory_backend::MemoryBackend;
use larder_testkit::{ChaosBackend, ManualClock};
use tokio::task::JoinHandle;

use crate::watched::{Telling, Watched};
use crate::world::{CALL, Database, DbError, Events, eventually, physical, process};

/// A server, and the time that all processes share.
pub(crate) struct Fleet {
    pub(crate) backend: Arc<MemoryBackend>,
    pub(crate) clock: Arc<ManualClock>,
}

/// A cache, with a way of its own to the server.
pub(crate) struct Process {
    pub(crate) cache: Cache,
    pub(crate) chaos: Arc<ChaosBackend>,
    pub(crate) server: Arc<Watched>,
    pub(crate) events: Arc<Events>,
    clock: Arc<ManualClock>,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let backend = MemoryBackend::builder(64 << 20).clock(clock.clone());
        Self {
            backend: Arc::new(backend.build()),
            clock,
        }
    }

    /// A process with no L1 that is told nothing: it asks the server for everything.
    pub(crate) fn plain(&self) -> Process {
        self.process(Telling::Nothing, |builder| builder.l1_bytes(0))
    }

    /// A process that is told of changes, by the test.
    pub(crate) fn watching(&self) -> Process {
        self.process(Telling::ByHand, |builder| builder)
    }

    pub(crate) fn process(
        &self,
        telling: Telling,
        configure: impl FnOnce(CacheBuilder) -> CacheBuilder,
    ) -> Process {
        let chaos = ChaosBackend::new(self.backend.clone());
        let server = Watched::new(chaos.clone(), telling);
        let events = Arc::new(Events::default());
        let builder = process(&self.clock).observer(events.clone());
        Process {
            cache: configure(builder).build(server.clone()).unwrap(),
            chaos,
            server,
            events,
            clock: self.clock.clone(),
        }
    }

    /// What the server has under a key of `users`.
    pub(crate) async fn stored(&self, key: &str) -> Option<Bytes> {
        let found = self.backend.get(&[physical(key)], CALL).await;
        found.unwrap().pop().unwrap()
    }

    /// Puts bytes under a key of `users`, as another program would.
    pub(crate) async fn plant(&self, key: &str, value: impl Into<Bytes>) {
        self.put(&physical(key), value).await;
    }

    /// Puts bytes under any key.
    pub(crate) async fn put(&self, key: &Key, value: impl Into<Bytes>) {
        let write = Write {
            key: key.clone(),
            value: value.into(),
            ttl: None,
            condition: Condition::Always,
        };
        self.backend.set(&[write], CALL).await.unwrap();
    }

    /// What the server has under any key that is there.
    pub(crate) async fn bytes(&self, key: &Key) -> Bytes {
        let found = self.backend.get(std::slice::from_ref(key), CALL).await;
        found.unwrap().pop().unwrap().unwrap()
    }

    /// Evicts all epochs.
    pub(crate) async fn evict_epochs(&self) {
        let epochs = Glob::new("app~e:*");
        let page = self.backend.scan(Cursor::start(), &epochs, 10_000, CALL);
        let keys = page.await.unwrap().keys;
        assert!(!keys.is_empty(), "there are epochs");
        let keys: Vec<Key> = keys.iter().map(|key| key_of(key)).collect();
        self.backend.delete(&keys, CALL).await.unwrap();
    }
}

impl Process {
    pub(crate) fn users(&self) -> TypedCache<String> {
        self.cache.namespace("users").unwrap().typed()
    }

    pub(crate) fn update(&self, change: impl FnOnce(Namespace) -> Namespace) {
        self.cache.update_namespace("users", change).unwrap();
    }

    /// What `get` finds.
    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let found = self.users().get(key).await.unwrap();
        found.map(|found| found.to_string())
    }

    /// The server tells that it has told of everything until now.
    pub(crate) fn tell_until_now(&self) {
        self.server.watcher().told_until(self.clock.now());
    }

    /// The server tells that a key of `users` was changed.
    pub(crate) fn tell(&self, key: &str) {
        self.server.watcher().changed(physical(key).as_bytes());
    }

    /// The server tells that a tag's epoch was changed.
    pub(crate) fn tell_tag(&self, tag: &str) {
        self.server.watcher().changed(epoch_of(tag).as_bytes());
    }

    pub(crate) async fn idle(&self) {
        let idle = || self.cache.stats().background_tasks == 0;
        eventually("the end of all tasks", idle).await;
    }

    /// Waits until it waits for another process's load.
    pub(crate) async fn waits(&self) {
        let waits = || self.events.count("LeaseAwaited") > 0;
        eventually("the wait for a lease", waits).await;
    }
}

/// The key of a tag's epoch.
pub(crate) fn epoch_of(tag: &str) -> Key {
    let tag = Tag::new(tag).unwrap();
    KeyPrefix::new("app").unwrap().tag_epoch(&tag)
}

/// The key of the epoch of `users`.
pub(crate) fn epoch_of_users() -> Key {
    KeyPrefix::new("app").unwrap().namespace_epoch("users")
}

fn key_of(epoch: &str) -> Key {
    let prefix = KeyPrefix::new("app").unwrap();
    match epoch.strip_prefix("app~e:n:") {
        Some(namespace) => prefix.namespace_epoch(namespace),
        None => epoch_of(epoch.strip_prefix("app~e:t:").unwrap()),
    }
}

/// The ways to load "7".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Single,
    Batch,
}

pub(crate) const LOADS: [Load; 2] = [Load::Single, Load::Batch];

pub(crate) type Loading = JoinHandle<Result<String, LoadError<DbError>>>;

impl Load {
    /// A load that answers this, in a task of its own.
    pub(crate) fn spawn(
        self,
        users: &TypedCache<String>,
        database: &Database,
        answer: Result<&'static str, DbError>,
    ) -> Loading {
        let users = users.clone();
        let loader = database.answers::<String>(answer.map(str::to_owned));
        tokio::spawn(async move {
            match self {
                Self::Single => {
                    let loaded = users.get_or_load("7", loader).await;
                    loaded.map(|value| value.to_string())
                }
                Self::Batch => {
                    let loader = |_| async { loader().await.map(|value| [("7", value)]) };
                    let loaded = users.get_or_load_many(["7"], loader).await;
                    loaded.map(|mut values| values.remove("7").unwrap().to_string())
                }
            }
        })
    }

    /// The same, to its end.
    pub(crate) async fn run(
        self,
        users: &TypedCache<String>,
        database: &Database,
        answer: &'static str,
    ) -> String {
        let loading = self.spawn(users, database, Ok(answer));
        loading.await.unwrap().unwrap()
    }
}
