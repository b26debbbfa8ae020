//! What the tests stand on: a cache over a backend that can fail, a journal that can fail, a
//! database that can refuse, and one virtual time for all.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache::{Cache, CacheBuilder, TypedCache};
use larder_cache_core::{
    Clock, Event, Journal, KeyPrefix, L1, Moment, Namespace, Observer, Sequence, Timestamp,
};
use larder_memory_backend::{MemoryBackend, MemoryJournal, MemoryJournalOptions};
use larder_patterns::{Update, WriteBehind, WriteBehindOptions, WriteFailure};
use larder_testkit::ChaosBackend;
use tokio::time::Instant;

use super::flaky::Flaky;

pub(crate) const DELAY: Duration = Duration::from_secs(5);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// One process with its cache, and what it shares with others.
pub(crate) struct World {
    pub(crate) cache: Cache,
    pub(crate) chaos: Arc<ChaosBackend>,
    pub(crate) backend: Arc<MemoryBackend>,
    pub(crate) journal: Arc<Flaky>,
    pub(crate) database: Arc<Database>,
    pub(crate) events: Arc<Events>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_journal(|options| options.shards(4))
    }

    pub(crate) fn with_journal(
        configure: impl FnOnce(MemoryJournalOptions) -> MemoryJournalOptions,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Virtual::new());
        let options = MemoryJournalOptions::default().clock(Arc::clone(&clock));
        let journal = Flaky::new(MemoryJournal::new(configure(options)));
        let backend = MemoryBackend::builder(256 << 20).clock(clock);
        let backend = Arc::new(backend.build());
        let chaos = ChaosBackend::new(backend.clone());
        let events = Arc::new(Events::default());
        Self {
            cache: process()
                .observer(events.clone())
                .build(chaos.clone())
                .unwrap(),
            chaos,
            backend,
            journal,
            database: Arc::default(),
            events,
        }
    }

    /// Another process over the same backend, journal and database.
    pub(crate) fn other_process(&self) -> Self {
        let events = Arc::new(Events::default());
        Self {
            cache: process()
                .observer(events.clone())
                .build(self.backend.clone())
                .unwrap(),
            chaos: Arc::clone(&self.chaos),
            backend: Arc::clone(&self.backend),
            journal: Arc::clone(&self.journal),
            database: Arc::clone(&self.database),
            events,
        }
    }

    pub(crate) fn numbers(&self) -> TypedCache<u32> {
        self.cache.namespace("numbers").unwrap().typed()
    }

    pub(crate) fn write_behind(&self) -> WriteBehind<u32> {
        self.write_behind_with(WriteBehindOptions::new())
    }

    pub(crate) fn write_behind_with(&self, options: WriteBehindOptions) -> WriteBehind<u32> {
        let database = Arc::clone(&self.database);
        let writer = move |updates| {
            let database = Arc::clone(&database);
            async move { database.write(updates).await }
        };
        let journal = Arc::clone(&self.journal) as Arc<dyn Journal>;
        WriteBehind::start(self.numbers(), journal, options, writer).unwrap()
    }

    /// Removes a value from the backend as its eviction does: nobody is told.
    pub(crate) async fn evict(&self, key: &str) {
        use larder_cache_core::{Backend, Call};
        let key = KeyPrefix::new("app")
            .unwrap()
            .value("numbers", key)
            .unwrap();
        let deleted = self.backend.delete(&[key], Call::within(SECOND)).await;
        assert_eq!(deleted.unwrap(), 1, "there was nothing to evict");
    }

    pub(crate) async fn depth(&self) -> u64 {
        self.journal.depth().await.unwrap().records
    }
}

fn process() -> CacheBuilder {
    let numbers = Namespace::new("numbers").l1(L1::Off).jitter(0.0);
    CacheBuilder::new()
        .namespace(numbers)
        .clock(Arc::new(Virtual::new()))
}

/// Lets virtual time pass.
pub(crate) async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// A clock whose hands are tokio's.
#[derive(Debug)]
pub(crate) struct Virtual(Instant);

impl Virtual {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Virtual {
    fn now(&self) -> Moment {
        Moment::from_origin(self.0.elapsed() + SECOND)
    }

    fn coarse(&self) -> Moment {
        self.now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(self.0.elapsed())
    }
}

/// A table of rows, each with the sequence of its last write.
#[derive(Debug, Default)]
pub(crate) struct Database(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    rows: BTreeMap<String, (Option<u32>, Sequence)>,
    calls: Vec<Called>,
    mood: Mood,
    poison: HashSet<String>,
    /// Writes that came behind a later one of their key.
    reordered: Vec<String>,
}

/// A call of the writer.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub(crate) keys: Vec<String>,
    pub(crate) succeeded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Up,
    Down,
    /// It takes writes and never says so.
    Silent,
    Panicking,
}

#[derive(Debug)]
struct Unavailable;

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database is unavailable")
    }
}

impl std::error::Error for Unavailable {}

impl Database {
    pub(crate) fn is(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    /// A batch with this key fails as a whole, and the database does not say why.
    pub(crate) fn poison(&self, key: &str) {
        self.0.lock().unwrap().poison.insert(key.to_owned());
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().poison.clear();
    }

    pub(crate) fn row(&self, key: &str) -> Option<u32> {
        self.0.lock().unwrap().rows.get(key)?.0
    }

    pub(crate) fn rows(&self) -> BTreeMap<String, u32> {
        let tables = self.0.lock().unwrap();
        let rows = tables.rows.iter();
        rows.filter_map(|(key, row)| Some((key.clone(), row.0?)))
            .collect()
    }

    pub(crate) fn calls(&self) -> Vec<Called> {
        self.0.lock().unwrap().calls.clone()
    }

    pub(crate) fn reordered(&self) -> Vec<String> {
        self.0.lock().unwrap().reordered.clone()
    }

    async fn write(&self, updates: Vec<Update<u32>>) -> Result<(), WriteFailure> {
        let mood = self.take(&updates);
        match mood {
            Mood::Up => Ok(()),
            Mood::Down => Err(Unavailable.into()),
            Mood::Silent => std::future::pending().await,
            Mood::Panicking => panic!("a writer's bug"),
        }
    }

    fn take(&self, updates: &[Update<u32>]) -> Mood {
        let mut tables = self.0.lock().unwrap();
        let is_poisoned = updates
            .iter()
            .any(|update| tables.poison.contains(&update.key));
        let mood = if is_poisoned { Mood::Down } else { tables.mood };
        tables.calls.push(Called {
            keys: updates.iter().map(|update| update.key.clone()).collect(),
            succeeded: mood == Mood::Up,
        });
        if matches!(mood, Mood::Down | Mood::Panicking) {
            return mood;
        }
        for update in updates {
            let row = (update.value.as_deref().copied(), update.sequence);
            let before = tables.rows.insert(update.key.clone(), row);
            if before.is_some_and(|(_, sequence)| sequence > update.sequence) {
                tables.reordered.push(update.key.clone());
            }
        }
        mood
    }
}

/// What was told, in words.
#[derive(Debug, Default)]
pub(crate) struct Events(Mutex<Vec<String>>);

impl Events {
    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Events {
    fn observe(&self, event: &Event<'_>) {
        let told = match event {
            Event::Flushed { keys, writes, .. } => {
                format!("flushed {keys} keys of {writes} writes")
            }
            Event::WriteRetried { keys, attempt, .. } => format!("retried {keys} after {attempt}"),
            Event::DeadLettered { key, reason, .. } => format!("buried {key}: {reason}"),
            Event::JournalDepth { depth, .. } => format!(
                "depth {} of {:?} and {}",
                depth.records, depth.oldest, depth.dead_letters
            ),
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }
}
