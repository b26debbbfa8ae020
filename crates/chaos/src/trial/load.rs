use std::convert::Infallible;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use larder::{Cache, TypedCache};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{FAR, Item, NEAR, Source};
use crate::Failure;

/// How much is asked of a cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadSize {
    pub(crate) tasks: u64,
    pub(crate) keys: u32,
    /// Between two operations of a task, on average.
    pub(crate) pause: Duration,
}

impl Default for LoadSize {
    fn default() -> Self {
        Self {
            tasks: 16,
            keys: 400,
            pause: Duration::from_millis(6),
        }
    }
}

/// Tasks that read and change values until they are stopped.
#[derive(Debug)]
pub(crate) struct Load {
    tasks: JoinSet<()>,
    source: Arc<Source>,
    tally: Arc<Tally>,
    stops: Arc<AtomicBool>,
}

/// What came of the operations.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    operations: AtomicU64,
    failed_reads: AtomicU64,
    failed_changes: AtomicU64,
    wrong_values: AtomicU64,
    first: Mutex<Option<String>>,
}

/// A [`Tally`] at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) operations: u64,
    pub(crate) failed_reads: u64,
    pub(crate) failed_changes: u64,
    pub(crate) wrong_values: u64,
    /// What the first failed read or wrong value was.
    pub(crate) first: Option<String>,
}

/// No operation takes longer: the deadlines of its backend calls, and much more.
const HUNG: Duration = Duration::from_secs(3);

impl Load {
    pub(crate) fn start(cache: &Cache, mut rng: Rng, size: LoadSize) -> Result<Self, Failure> {
        let source = Arc::new(Source::new(size.keys));
        let tally = Arc::new(Tally::default());
        let stops = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..size.tasks {
            let namespace = if number % 4 == 0 { NEAR } else { FAR };
            let user = User {
                items: cache.namespace(namespace)?.typed(),
                source: Arc::clone(&source),
                tally: Arc::clone(&tally),
                rng: rng.fork(),
            };
            tasks.spawn(user.run(Arc::clone(&stops), size.pause));
        }
        Ok(Self {
            tasks,
            source,
            tally,
            stops,
        })
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Stops all tasks, and says how many did not end by themselves.
    pub(crate) async fn stop(mut self) -> (Arc<Tally>, usize) {
        self.stops.store(true, Ordering::Relaxed);
        let ended = timeout(HUNG, async {
            while self.tasks.join_next().await.is_some() {}
        });
        let _ = ended.await;
        let hung = self.tasks.len();
        self.tasks.shutdown().await;
        (self.tally, hung)
    }
}

/// One of the tasks.
struct User {
    items: TypedCache<Item>,
    source: Arc<Source>,
    tally: Arc<Tally>,
    rng: Rng,
}

impl User {
    async fn run(mut self, stops: Arc<AtomicBool>, pause: Duration) {
        while !stops.load(Ordering::Relaxed) {
            self.operate().await;
            self.tally.operations.fetch_add(1, Ordering::Relaxed);
            sleep(pause.mul_f64(0.5 + self.rng.f64())).await;
        }
    }

    async fn operate(&mut self) {
        let key = self.rng.u32(..self.source.keys());
        match self.rng.u8(..100) {
            0..60 => self.load(key).await,
            60..70 => self.get(key).await,
            70..80 => self.get_many(key).await,
            80..92 => self.set(key).await,
            _ => self.delete(key).await,
        }
    }

    async fn load(&self, key: u32) {
        let source = Arc::clone(&self.source);
        let loader = move || async move { Ok::<_, Infallible>(source.load(key)) };
        match self.items.get_or_load(key.to_string(), loader).await {
            Ok(item) => self.check(key, &item),
            Err(error) => self.tally.failed_read("get_or_load", &error),
        }
    }

    async fn get(&self, key: u32) {
        match self.items.get(key.to_string()).await {
            Ok(found) => found.iter().for_each(|item| self.check(key, item)),
            Err(error) => self.tally.failed_read("get", &error),
        }
    }

    async fn get_many(&self, first: u32) {
        let keys = (first..first + 5).map(|key| key % self.source.keys());
        match self.items.get_many(keys.map(|key| key.to_string())).await {
            Ok(found) => {
                for (key, item) in found {
                    let key = key.parse().unwrap_or(u32::MAX);
                    self.check(key, &item);
                }
            }
            Err(error) => self.tally.failed_read("get_many", &error),
        }
    }

    async fn set(&self, key: u32) {
        let item = self.source.change(key);
        if self.items.set(key.to_string(), item).await.is_err() {
            self.tally.failed_changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn delete(&self, key: u32) {
        self.source.change(key);
        if self.items.delete(key.to_string()).await.is_err() {
            self.tally.failed_changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn check(&self, key: u32, item: &Item) {
        if !self.source.is_genuine(key, item) {
            self.tally.wrong_value(key, item);
        }
    }
}

impl Tally {
    pub(crate) fn counts(&self) -> Counts {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Counts {
            operations: count(&self.operations),
            failed_reads: count(&self.failed_reads),
            failed_changes: count(&self.failed_changes),
            wrong_values: count(&self.wrong_values),
            first: self.first().clone(),
        }
    }

    fn failed_read(&self, operation: &str, error: &dyn Display) {
        self.failed_reads.fetch_add(1, Ordering::Relaxed);
        let describe = || format!("{operation} failed: {error}");
        self.first().get_or_insert_with(describe);
    }

    pub(crate) fn wrong_value(&self, key: u32, found: &Item) {
        self.wrong_values.fetch_add(1, Ordering::Relaxed);
        let describe = || format!("under key {key}: {found:?}");
        self.first().get_or_insert_with(describe);
    }

    fn first(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
