//! The database takes nothing for a while, and more is written than the journal may hold.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use larder_cache_core::ErrorKind;
use larder_file_journal::FileJournal;
use larder_patterns::{Update, WriteBehind, WriteBehindOptions, WriteFailure};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::super::{millis, seconds};
use crate::Failure;
use crate::behind::{Books, Sink, file_options};
use crate::measure::resident_bytes;
use crate::scenario::{Facts, Scenario, Stage};
use crate::scratch::Scratch;
use crate::verdict::{Check, Verdict};

pub(crate) struct SinkDown;

const CAPACITY: u64 = 5_000;
const KEYS: u64 = 20_000;
const TASKS: u64 = 32;
const MAX_BATCH: usize = 500;
const LONGEST_BACKOFF: Duration = seconds(1);

/// Once the database is back and asked again, all that waits is written in this time.
const DRAINED_WITHIN: Duration = seconds(5);
const MOST_GROWTH_BYTES: u64 = 64 << 20;
const LOOK: Duration = millis(20);
const PATIENCE: Duration = seconds(60);

#[async_trait]
impl Scenario for SinkDown {
    fn facts(&self) -> Facts {
        let criterion = "queue <= 5,000; Backpressure; 0 dropped; memory + <= 64 MiB";
        let mut facts = Facts::standalone(35, "write-behind-sink-down", criterion)
            .lasting(seconds(10), seconds(60))
            .alone();
        facts.besides = seconds(5);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let scratch = Scratch::create("chaos")?;
        let world = Arc::new(World::open(&scratch)?);
        let behind = world.write_behind(&scratch).await?;
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            tasks.spawn(Arc::clone(&world).keep_writing(behind.clone(), task));
        }
        sleep(seconds(1)).await;
        let down = world.down(&behind, stage).await?;
        world.stops.store(true, Ordering::SeqCst);
        while tasks.join_next().await.is_some() {}
        let drained = world.drained(&behind).await?;
        stage
            .progress
            .say(&format!("{down:?}, drained in {drained:?}"));
        let report = behind.shutdown(PATIENCE).await;
        let verdict = world.judge()?;
        let limit = LONGEST_BACKOFF + DRAINED_WITHIN;
        Ok(verdict
            .with(Check::at_most(
                "longest queue",
                down.longest_queue,
                CAPACITY,
            ))
            .with(Check::at_least(
                "longest queue",
                down.longest_queue,
                CAPACITY * 9 / 10,
            ))
            .with(Check::at_most(
                "memory gained",
                down.growth,
                MOST_GROWTH_BYTES,
            ))
            .with(Check::within("drained", drained, limit))
            .with(Check::that(
                "clean at the end",
                report.is_clean(),
                format!("{report:?}"),
            )))
    }
}

/// What was seen while the database was down.
#[derive(Clone, Copy, Debug, Default)]
struct Down {
    longest_queue: u64,
    growth: u64,
}

struct World {
    sink: Arc<Sink>,
    is_down: AtomicBool,
    stops: AtomicBool,
    writes: AtomicU64,
    books: Mutex<Books>,
    refused: Mutex<HashSet<(String, u64)>>,
    kinds: Mutex<BTreeMap<String, u64>>,
}

impl World {
    fn open(scratch: &Scratch) -> Result<Self, Failure> {
        Ok(Self {
            sink: Sink::open(&scratch.path().join("database"))?,
            is_down: AtomicBool::default(),
            stops: AtomicBool::default(),
            writes: AtomicU64::default(),
            books: Mutex::default(),
            refused: Mutex::default(),
            kinds: Mutex::default(),
        })
    }

    async fn write_behind(
        self: &Arc<Self>,
        scratch: &Scratch,
    ) -> Result<WriteBehind<u64>, Failure> {
        let options = file_options().capacity(CAPACITY);
        let journal = FileJournal::open(scratch.path().join("journal"), options).await?;
        let cache = larder::builder().memory().build().await?;
        let options = WriteBehindOptions::new()
            .max_delay(millis(200))
            .max_batch(MAX_BATCH)
            .backoff(millis(100), LONGEST_BACKOFF)
            .poll_interval(millis(50));
        let world = Arc::clone(self);
        let writer = move |updates| Arc::clone(&world).write(updates);
        let items = cache.namespace("default")?.typed();
        Ok(WriteBehind::start(
            items,
            Arc::new(journal),
            options,
            writer,
        )?)
    }

    async fn write(self: Arc<Self>, updates: Vec<Update<u64>>) -> Result<(), WriteFailure> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(WriteFailure::Failed("the database is down".into()));
        }
        Arc::clone(&self.sink).write(updates, Duration::ZERO).await
    }

    async fn keep_writing(self: Arc<Self>, behind: WriteBehind<u64>, task: u64) {
        let step = usize::try_from(TASKS).unwrap_or(1);
        let own = (task..KEYS).step_by(step).cycle();
        for (version, number) in (1..).zip(own) {
            if self.stops.load(Ordering::SeqCst) {
                return;
            }
            let key = format!("key-{number}");
            match behind.set(&key, version).await {
                Ok(_journaled) => lock(&self.books).acknowledge(key, version),
                Err(error) => {
                    lock(&self.refused).insert((key, version));
                    let kind = format!("{:?}", error.kind());
                    *lock(&self.kinds).entry(kind).or_default() += 1;
                    sleep(LOOK).await;
                }
            }
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn down(&self, behind: &WriteBehind<u64>, stage: &Stage) -> Result<Down, Failure> {
        let (before, began) = (resident_bytes().unwrap_or_default(), Instant::now());
        stage.progress.say("the database is down");
        self.is_down.store(true, Ordering::SeqCst);
        let mut down = Down::default();
        while began.elapsed() < stage.fault {
            let queue = behind.depth().await?.records;
            down.longest_queue = down.longest_queue.max(queue);
            let now = resident_bytes().unwrap_or_default();
            down.growth = down.growth.max(now.saturating_sub(before));
            sleep(LOOK).await;
        }
        stage.progress.say("the database is back");
        Ok(down)
    }

    /// How long it takes until nothing waits, from the moment when the database is back.
    async fn drained(&self, behind: &WriteBehind<u64>) -> Result<Duration, Failure> {
        let began = Instant::now();
        self.is_down.store(false, Ordering::SeqCst);
        let drained = timeout(PATIENCE, async {
            while behind.depth().await?.records > 0 {
                sleep(LOOK).await;
            }
            Ok::<_, Failure>(began.elapsed())
        });
        drained.await.map_err(|_| "the journal is never empty")?
    }

    fn judge(&self) -> Result<Verdict, Failure> {
        let found = self.sink.findings()?;
        let lost = lock(&self.books).lost(&self.sink.versions()?);
        let applied = self.sink.applied()?;
        let refused = lock(&self.refused);
        let sneaked = refused
            .iter()
            .filter(|write| applied.contains(write))
            .count();
        let mut kinds = lock(&self.kinds).clone();
        let typed = kinds.remove(&format!("{:?}", ErrorKind::Backpressure));
        let verdict = Verdict {
            operations: self.writes.load(Ordering::SeqCst),
            ..Verdict::default()
        };
        Ok(verdict
            .with(Check::equal("acknowledged writes lost", lost, 0))
            .with(Check::equal("refused, but written", sneaked, 0))
            .with(Check::equal("keys out of order", found.reordered, 0))
            .with(Check::equal("duplicate effects", found.duplicates, 0))
            .with(Check::at_least(
                "refused with Backpressure",
                typed.unwrap_or(0),
                1,
            ))
            .with(Check::that(
                "no other refusals",
                kinds.is_empty(),
                format!("{kinds:?}"),
            )))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
