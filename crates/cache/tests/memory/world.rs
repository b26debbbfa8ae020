//! What the tests stand on: a cache over a memory backend that can fail, a clock moved by
//! hand, a database that counts its queries, and a record of all events.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::{Cache, CacheBuilder, TypedCache, Value};
use larder_cache_core::{
    Backend, Bytes, Call, Clock, Condition, Entry, Event, Header, Key, KeyPrefix, Kind, L1,
    Namespace, Observer, Tier, Write,
};
use larder_memory_backend::MemoryBackend;
use larder_testkit::{ChaosBackend, ManualClock};
use tokio::sync::watch;

pub(crate) const TTL: Duration = Duration::from_secs(60);
pub(crate) const GRACE: Duration = Duration::from_secs(30);
pub(crate) const NEGATIVE_TTL: Duration = Duration::from_secs(10);

/// After a failed load nobody asks the loader for so long, where there is a stale value.
pub(crate) const THROTTLE: Duration = Duration::from_secs(5);

/// Longer than any test: held calls don't end by themselves.
const BUDGET: Duration = Duration::from_secs(3600);

/// A cache and all that stands around it.
pub(crate) struct World {
    pub(crate) cache: Cache,
    pub(crate) chaos: Arc<ChaosBackend>,
    pub(crate) backend: Arc<MemoryBackend>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) events: Arc<Events>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(configure: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Self {
        let clock = ManualClock::new();
        let backend = MemoryBackend::builder(256 << 20).clock(clock.clone());
        let backend = Arc::new(backend.build());
        let chaos = ChaosBackend::new(backend.clone());
        let events = Arc::new(Events::default());
        let builder = process(&clock).observer(events.clone());
        Self {
            cache: configure(builder).build(chaos.clone()).unwrap(),
            chaos,
            backend,
            clock,
            events,
        }
    }

    /// Fresh for 60 seconds, usable for 30 more; absence is remembered for 10.
    pub(crate) fn users(&self) -> TypedCache<String> {
        self.typed("users")
    }

    pub(crate) fn typed<V: Value>(&self, namespace: &str) -> TypedCache<V> {
        self.cache.namespace(namespace).unwrap().typed()
    }

    /// The same namespace in another process: it shares the backend and has no L1.
    pub(crate) fn elsewhere(&self) -> TypedCache<String> {
        let other = process(&self.clock).l1_bytes(0);
        let other = other.build(self.backend.clone()).unwrap();
        other.namespace("users").unwrap().typed()
    }

    /// What the backend has under a key of `users`.
    pub(crate) async fn stored(&self, key: &str) -> Option<Bytes> {
        let found = self.backend.get(&[physical(key)], CALL).await;
        found.unwrap().pop().unwrap()
    }

    /// A header of a kind that stands on the present epoch of `users`.
    pub(crate) async fn header(&self, kind: Kind) -> Header {
        self.elsewhere().set("epoch", String::new()).await.unwrap();
        let stored = self.stored("epoch").await.unwrap();
        let mut header = Header::new(kind, self.clock.wall());
        header.namespace_epoch = Entry::decode(&stored).unwrap().header.namespace_epoch;
        self.elsewhere().delete("epoch").await.unwrap();
        header
    }

    /// Puts bytes under a key of `users`, as another program would.
    pub(crate) async fn plant(&self, key: &str, value: impl Into<Bytes>) {
        let write = Write {
            key: physical(key),
            value: value.into(),
            ttl: None,
            condition: Condition::Always,
        };
        self.backend.set(&[write], CALL).await.unwrap();
    }
}

pub(crate) const CALL: Call = Call::within(BUDGET);

pub(crate) fn physical(key: &str) -> Key {
    KeyPrefix::new("app").unwrap().value("users", key).unwrap()
}

pub(crate) fn process(clock: &Arc<ManualClock>) -> CacheBuilder {
    let users = Namespace::new("users")
        .ttl(TTL)
        .grace(GRACE)
        .negative_ttl(NEGATIVE_TTL)
        .jitter(0.0);
    let mut remote = users.clone().l1(L1::Off).prefix("remote");
    remote.name = "remote".to_owned();
    CacheBuilder::new()
        .namespace(users)
        .namespace(remote)
        .budget(BUDGET)
        .clock(clock.clone())
}

/// The database behind the cache: it counts its queries and, while it is shut, holds them.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Tables>);

#[derive(Debug)]
struct Tables {
    open: watch::Sender<bool>,
    queries: watch::Sender<Queries>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Queries {
    asked: usize,
    running: usize,
    most_at_once: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DbError(pub(crate) &'static str);

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for DbError {}

impl Database {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Tables {
            open: watch::Sender::new(true),
            queries: watch::Sender::default(),
        }))
    }

    /// One that holds all queries until it is opened.
    pub(crate) fn shut() -> Self {
        let database = Self::new();
        database.0.open.send_replace(false);
        database
    }

    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    pub(crate) fn queries(&self) -> usize {
        self.0.queries.borrow().asked
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.0.queries.borrow().most_at_once
    }

    /// Waits until it has been asked this often.
    pub(crate) async fn asked(&self, queries: usize) {
        let mut asked = self.0.queries.subscribe();
        let asked = asked.wait_for(|now| now.asked >= queries);
        let asked = tokio::time::timeout(Duration::from_secs(10), asked).await;
        assert!(
            asked.is_ok(),
            "{} of {queries} queries came",
            self.queries()
        );
    }

    /// A query with this answer.
    pub(crate) async fn query<T>(&self, answer: T) -> T {
        let _running = Running::begin(&self.0.queries);
        let mut open = self.0.open.subscribe();
        open.wait_for(|open| *open).await.unwrap();
        answer
    }

    /// A loader that finds a value.
    pub(crate) fn finds<V: Clone + Send + 'static>(
        &self,
        value: impl Into<V>,
    ) -> impl FnOnce() -> Loading<V> + Clone + Send + 'static {
        self.answers(Ok(value.into()))
    }

    /// A loader that fails.
    pub(crate) fn fails<V: Clone + Send + 'static>(
        &self,
        why: &'static str,
    ) -> impl FnOnce() -> Loading<V> + Clone + Send + 'static {
        self.answers(Err(DbError(why)))
    }

    pub(crate) fn answers<V: Clone + Send + 'static>(
        &self,
        answer: Result<V, DbError>,
    ) -> impl FnOnce() -> Loading<V> + Clone + Send + 'static {
        let database = self.clone();
        move || Box::pin(async move { database.query(answer).await })
    }
}

pub(crate) type Loading<V> =
    std::pin::Pin<Box<dyn Future<Output = Result<V, DbError>> + Send + 'static>>;

struct Running<'a>(&'a watch::Sender<Queries>);

impl<'a> Running<'a> {
    fn begin(queries: &'a watch::Sender<Queries>) -> Self {
        queries.send_modify(|now| {
            now.asked += 1;
            now.running += 1;
            now.most_at_once = now.most_at_once.max(now.running);
        });
        Self(queries)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|now| now.running -= 1);
    }
}

/// All events, one line each.
#[derive(Debug, Default)]
pub(crate) struct Events(Mutex<Vec<String>>);

impl Events {
    /// The events since the last time, without those of backend calls.
    pub(crate) fn take(&self) -> Vec<String> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.into_iter().filter(|e| !e.starts_with("call")).collect()
    }

    /// How many events since the last time have this in their line.
    pub(crate) fn count(&self, part: &str) -> usize {
        let all = self.0.lock().unwrap();
        all.iter().filter(|event| event.contains(part)).count()
    }

    pub(crate) fn take_all(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Events {
    fn observe(&self, event: &Event<'_>) {
        let tier = |tier: Tier| format!("{tier:?}").to_lowercase();
        let line = match *event {
            Event::Hit { key, tier: t, .. } => format!("hit {} {key}", tier(t)),
            Event::NegativeHit { key, tier: t, .. } => format!("absent {} {key}", tier(t)),
            Event::Miss { key, reason, .. } => format!("miss {} {key}", reason.name()),
            Event::StaleServed { key, .. } => format!("stale {key}"),
            Event::LoadJoined { key, .. } => format!("joined {key}"),
            Event::Load { keys, outcome, .. } => {
                format!("load {} {keys}", format!("{outcome:?}").to_lowercase())
            }
            Event::FillRefused { key, reason, .. } => format!("refused {reason:?} {key}"),
            Event::Stored { key, .. } => format!("stored {key}"),
            Event::Deleted { keys, .. } => format!("deleted {}", keys.len()),
            // What goes with other events, and is told by tests of its own.
            Event::Serialized { .. } | Event::Kept { .. } => return,
            Event::Evicted { bytes } => format!("evicted {bytes}"),
            Event::BackendCall {
                operation, error, ..
            } => match error {
                None => format!("call {operation}"),
                Some(error) => format!("call {operation}: {}", error.kind()),
            },
            ref other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// Waits for a condition that must come true.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("waited long enough for: {what}");
}

/// Lets all other tasks of this thread run until each of them waits for something.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
