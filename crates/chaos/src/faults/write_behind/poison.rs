//! A write that the database never takes, among others that it takes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use larder_cache_core::DeadLetter;
use larder_patterns::{Update, WriteBehind, WriteBehindOptions, WriteFailure};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::super::{millis, seconds};
use crate::Failure;
use crate::behind::{Place, Sink};
use crate::scenario::{Facts, Scenario, Stage};
use crate::scratch::Scratch;
use crate::verdict::{Check, Verdict};

pub(crate) struct Poison;

const POISONED: &str = "poisoned";
const REASON: &str = "the database can't take this row";
const MAX_ATTEMPTS: u32 = 5;

/// One that fails before any other is written counts against the database.
const MOST_ATTEMPTS: u64 = 10;
const MAX_DELAY: Duration = millis(200);
const TASKS: usize = 20;
const KEYS: u64 = 200;
const PAUSE: Duration = millis(20);
const PATIENCE: Duration = seconds(30);

#[async_trait]
impl Scenario for Poison {
    fn facts(&self) -> Facts {
        let criterion = "buried after 5 attempts; others <= max_delay + 1 s";
        Facts::standalone(34, "write-behind-poison", criterion)
            .lasting(seconds(5), seconds(20))
            .alone()
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let scratch = Scratch::create("chaos")?;
        let rows = Arc::new(Rows::open(&scratch)?);
        let behind = rows.write_behind(&scratch).await?;
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            tasks.spawn(Arc::clone(&rows).keep_writing(behind.clone(), task));
        }
        let _journaled = behind.set(POISONED, 1).await?;
        let began = Instant::now();
        let letter = timeout(PATIENCE, letter(&behind)).await;
        let letter = letter.map_err(|_| "the poisoned write was never buried")??;
        let (buried, alone) = (began.elapsed(), rows.alone.load(Ordering::SeqCst));
        stage
            .progress
            .say(&format!("buried after {buried:?}, {alone} attempts alone"));
        sleep(stage.fault.saturating_sub(began.elapsed())).await;
        rows.is_cured.store(true, Ordering::SeqCst);
        let revived = behind.replay(&[POISONED]).await?;
        rows.stops.store(true, Ordering::SeqCst);
        while tasks.join_next().await.is_some() {}
        let report = behind.shutdown(PATIENCE).await;
        let longest = Duration::from_micros(rows.longest.load(Ordering::SeqCst));
        let versions = rows.sink.versions()?;
        Ok(Verdict {
            operations: rows.writes.load(Ordering::SeqCst),
            ..Verdict::default()
        }
        .with(Check::at_least(
            "its attempts alone",
            alone,
            u64::from(MAX_ATTEMPTS),
        ))
        .with(Check::at_most("its attempts alone", alone, MOST_ATTEMPTS))
        .with(Check::that(
            "its letter says why",
            letter.reason == REASON,
            &letter.reason,
        ))
        .with(Check::equal("its key", letter.key == POISONED, true))
        .with(Check::within(
            "others waited",
            longest,
            MAX_DELAY + seconds(1),
        ))
        .with(Check::at_least(
            "others written",
            versions.len() as u64,
            KEYS + 1,
        ))
        .with(Check::equal(
            "failed writes",
            rows.failed.load(Ordering::SeqCst),
            0,
        ))
        .with(Check::equal("revived", revived, 1))
        .with(Check::equal(
            "written when cured",
            versions.contains_key(POISONED),
            true,
        ))
        .with(Check::that(
            "clean at the end",
            report.is_clean(),
            format!("{report:?}"),
        )))
    }
}

/// The first dead letter.
async fn letter(behind: &WriteBehind<u64>) -> Result<DeadLetter, Failure> {
    loop {
        if let Some(letter) = behind.dead_letters(1).await?.pop() {
            return Ok(letter);
        }
        sleep(PAUSE).await;
    }
}

/// A database with one row that it does not take, and what is waiting for it.
struct Rows {
    sink: Arc<Sink>,
    is_cured: AtomicBool,
    /// How often the poisoned row came alone.
    alone: AtomicU64,
    /// Versions that are not in the database, and since when.
    waiting: Mutex<HashMap<String, Vec<(u64, Instant)>>>,
    longest: AtomicU64,
    writes: AtomicU64,
    failed: AtomicU64,
    stops: AtomicBool,
}

impl Rows {
    fn open(scratch: &Scratch) -> Result<Self, Failure> {
        Ok(Self {
            sink: Sink::open(&scratch.path().join("database"))?,
            is_cured: AtomicBool::default(),
            alone: AtomicU64::default(),
            waiting: Mutex::default(),
            longest: AtomicU64::default(),
            writes: AtomicU64::default(),
            failed: AtomicU64::default(),
            stops: AtomicBool::default(),
        })
    }

    async fn write_behind(
        self: &Arc<Self>,
        scratch: &Scratch,
    ) -> Result<WriteBehind<u64>, Failure> {
        let place = Place::File(scratch.path().join("journal"));
        let cache = place.cache().build().await?;
        let options = WriteBehindOptions::new()
            .max_delay(MAX_DELAY)
            .max_attempts(MAX_ATTEMPTS)
            .backoff(millis(50), millis(400))
            .poll_interval(millis(50));
        let rows = Arc::clone(self);
        let writer = move |updates| Arc::clone(&rows).write(updates);
        let items = cache.namespace("default")?.typed();
        Ok(WriteBehind::start(
            items,
            place.open().await?,
            options,
            writer,
        )?)
    }

    async fn write(self: Arc<Self>, updates: Vec<Update<u64>>) -> Result<(), WriteFailure> {
        let is_poisoned = updates.iter().any(|update| update.key == POISONED);
        if is_poisoned && !self.is_cured.load(Ordering::SeqCst) {
            self.alone
                .fetch_add(u64::from(updates.len() == 1), Ordering::SeqCst);
            return Err(WriteFailure::Failed(REASON.into()));
        }
        Arc::clone(&self.sink)
            .write(updates.clone(), Duration::ZERO)
            .await?;
        for update in updates {
            let version = update.value.as_deref().copied().unwrap_or_default();
            self.written(&update.key, version);
        }
        Ok(())
    }

    fn written(&self, key: &str, version: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, since) in waiting
            .get_mut(key)
            .into_iter()
            .flat_map(|versions| versions.extract_if(.., |(waits, _)| *waits <= version))
        {
            let waited = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.longest.fetch_max(waited, Ordering::SeqCst);
        }
    }

    async fn keep_writing(self: Arc<Self>, behind: WriteBehind<u64>, task: usize) {
        let own = (task as u64..KEYS).step_by(TASKS).cycle();
        for (version, number) in (1..).zip(own) {
            if self.stops.load(Ordering::SeqCst) {
                return;
            }
            let key = format!("key-{number}");
            self.waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(key.clone())
                .or_default()
                .push((version, Instant::now()));
            let failed = behind.set(key, version).await.is_err();
            self.failed.fetch_add(u64::from(failed), Ordering::SeqCst);
            self.writes.fetch_add(1, Ordering::SeqCst);
            sleep(PAUSE).await;
        }
    }
}
