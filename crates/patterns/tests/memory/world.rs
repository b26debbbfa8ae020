//! What the tests stand on: processes that share a backend which can fail, a clock that is the
//! runtime's own, and a database that counts what it is asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::{Cache, CacheBuilder, TypedCache};
use larder_cache_core::{Backend, Clock, L1, Moment, Namespace, Timestamp};
use larder_memory_backend::MemoryBackend;
use larder_testkit::ChaosBackend;
use tokio::time::Instant;

pub(crate) const TTL: Duration = Duration::from_secs(2);
pub(crate) const MS: Duration = Duration::from_millis(1);

/// The runtime's paused clock, in which loaders sleep.
#[derive(Debug)]
pub(crate) struct VirtualClock(Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Moment {
        Moment::from_origin(Duration::from_secs(3600) + self.0.elapsed())
    }

    fn coarse(&self) -> Moment {
        self.now()
    }

    fn wall(&self) -> Timestamp {
        let millis = u64::try_from(self.0.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }
}

/// A backend, and the time that all processes share.
pub(crate) struct World {
    backend: Arc<MemoryBackend>,
    clock: Arc<VirtualClock>,
}

/// A cache, with a way of its own to the backend.
pub(crate) struct Process {
    pub(crate) cache: Cache,
    pub(crate) chaos: Arc<ChaosBackend>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(VirtualClock(Instant::now()));
        let backend = MemoryBackend::builder(256 << 20).clock(clock.clone());
        Self {
            backend: Arc::new(backend.build()),
            clock,
        }
    }

    /// The only process, which keeps in L1 what it likes.
    pub(crate) fn process(&self) -> Process {
        self.process_with(|users| users)
    }

    /// One of several: nobody tells it of changes by the others.
    pub(crate) fn one_of_many(&self) -> Process {
        self.process_with(|users| users.l1(L1::Off))
    }

    /// A process in whose `users` values live for two seconds.
    pub(crate) fn process_with(&self, change: impl FnOnce(Namespace) -> Namespace) -> Process {
        let chaos = ChaosBackend::new(self.backend.clone() as Arc<dyn Backend>);
        let builder = CacheBuilder::new()
            .namespace(change(Namespace::new("users").ttl(TTL)))
            .clock(self.clock.clone());
        Process {
            cache: builder.build(chaos.clone()).unwrap(),
            chaos,
        }
    }
}

impl Process {
    pub(crate) fn users(&self) -> TypedCache<String> {
        self.cache.namespace("users").unwrap().typed()
    }

    /// What `get` finds.
    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let found = self.users().get(key).await.unwrap();
        found.map(|found| found.to_string())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database is down")
    }
}

impl std::error::Error for Down {}

/// A database whose queries take their time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Database(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    rows: HashMap<String, String>,
    queries: Vec<(Instant, Vec<String>)>,
    running: HashMap<String, usize>,
    twice: usize,
    takes: HashMap<String, Duration>,
    is_down: bool,
}

/// How long a query takes that was not told otherwise.
pub(crate) const QUERY: Duration = Duration::from_millis(5);

impl Database {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        let mut tables = self.0.lock().unwrap();
        tables.rows.insert(key.to_owned(), value.to_owned());
    }

    pub(crate) fn remove(&self, key: &str) {
        self.0.lock().unwrap().rows.remove(key);
    }

    pub(crate) fn row(&self, key: &str) -> Option<String> {
        self.0.lock().unwrap().rows.get(key).cloned()
    }

    /// Queries for this key take so long from now on.
    pub(crate) fn slow_down(&self, key: &str, takes: Duration) {
        let mut tables = self.0.lock().unwrap();
        tables.takes.insert(key.to_owned(), takes);
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    /// The keys of all queries until now, and when each was asked.
    pub(crate) fn queries(&self) -> Vec<(Instant, Vec<String>)> {
        self.0.lock().unwrap().queries.clone()
    }

    /// How many keys it was asked for until now.
    pub(crate) fn loads(&self) -> usize {
        self.queries().iter().map(|(_, keys)| keys.len()).sum()
    }

    /// How often it was asked for a key that it was asked for already, at the same time.
    pub(crate) fn loads_at_once(&self) -> usize {
        self.0.lock().unwrap().twice
    }

    pub(crate) async fn find(&self, key: String) -> Result<Option<String>, Down> {
        let found = self.find_many(vec![key.clone()]).await?;
        Ok(found.into_values().next().flatten())
    }

    pub(crate) async fn find_many(
        &self,
        keys: Vec<String>,
    ) -> Result<HashMap<String, Option<String>>, Down> {
        let takes = self.begin(&keys);
        tokio::time::sleep(takes).await;
        let mut tables = self.0.lock().unwrap();
        for key in &keys {
            *tables.running.get_mut(key).unwrap() -= 1;
        }
        if tables.is_down {
            return Err(Down);
        }
        let rows = &tables.rows;
        let found = keys.into_iter().map(|key| {
            let row = rows.get(&key).cloned();
            (key, row)
        });
        Ok(found.collect())
    }

    fn begin(&self, keys: &[String]) -> Duration {
        let mut tables = self.0.lock().unwrap();
        tables.queries.push((Instant::now(), keys.to_vec()));
        for key in keys {
            let running = tables.running.entry(key.clone()).or_default();
            *running += 1;
            let twice = usize::from(*running > 1);
            tables.twice += twice;
        }
        let takes = keys.iter().filter_map(|key| tables.takes.get(key));
        takes.max().copied().unwrap_or(QUERY)
    }
}

/// Lets time pass, until a condition comes true.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(MS).await;
    }
    panic!("waited long enough for: {what}");
}
