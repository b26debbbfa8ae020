//! The host of Redis loses its power, and with it the end of the log that was not synced.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use larder_cache_core::{Append, Bytes, Journal, JournalWrite, Sequence};
use larder_testkit::RedisServer;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use super::super::{millis, seconds};
use crate::behind::{Place, restart};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct PowerLoss;

const WRITING: Duration = seconds(4);
const TASKS: u64 = 16;
const LOOK: Duration = millis(10);

/// How much of the log's end is lost: what `everysec` may not have synced, at most.
const BACK: [Duration; 3] = [Duration::ZERO, seconds(1), seconds(2)];

#[async_trait]
impl Scenario for PowerLoss {
    fn facts(&self) -> Facts {
        let criterion = "everysec: lost <= what the last 1 or 2 s acknowledged";
        let mut facts = Facts::standalone(0, "write-behind-power-loss", criterion);
        facts.number = None;
        facts.fault = Span::always(WRITING);
        facts.besides = seconds(3);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut server = rig::server(&["--appendonly", "yes", "--appendfsync", "everysec"])?;
        let log = log_file(server.remember()?.directory())?;
        let place = Place::Stream(server.url());
        let writes = Arc::new(Writes::default());
        let journal = place.open().await?;
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            tasks.spawn(Arc::clone(&writes).append(Arc::clone(&journal)));
        }
        let sizes = watch(&log).await?;
        server.kill();
        let cut = Instant::now();
        writes.stops.store(true, Ordering::SeqCst);
        while tasks.join_next().await.is_some() {}
        journal.close().await;
        let acknowledged = writes.acknowledged();
        let mut verdict = Verdict {
            operations: acknowledged.len() as u64,
            ..Verdict::default()
        };
        for back in BACK {
            let until = cut.checked_sub(back).ok_or("the clock has just begun")?;
            shorten(&log, &sizes, until)?;
            let lost = lost(&mut server, &place, &acknowledged).await?;
            let late = acknowledged
                .iter()
                .filter(|(_, at)| *at + LOOK * 5 >= until)
                .count();
            stage.progress.say(&format!(
                "{} acknowledged in {WRITING:?}; without the last {back:?} of the log {lost} lost",
                acknowledged.len()
            ));
            let what = format!("lost with {back:?} of the log");
            if back.is_zero() {
                continue;
            }
            verdict.check(Check::at_most(&what, lost, late));
            verdict.check(Check::at_least(&what, lost, 1));
        }
        Ok(verdict)
    }
}

/// Writes, each of a key of its own, and when they were acknowledged.
#[derive(Default)]
struct Writes {
    begun: AtomicU64,
    acknowledged: Mutex<Vec<(String, Instant)>>,
    stops: AtomicBool,
}

impl Writes {
    fn acknowledged(&self) -> Vec<(String, Instant)> {
        let acknowledged = self.acknowledged.lock();
        acknowledged.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn append(self: Arc<Self>, journal: Arc<dyn Journal>) {
        while !self.stops.load(Ordering::SeqCst) {
            let key = format!("key-{}", self.begun.fetch_add(1, Ordering::SeqCst));
            let write = JournalWrite {
                key: key.clone(),
                value: Some(Bytes::from_static(b"1")),
            };
            let append = Append {
                writer: 1,
                settled: Sequence::ZERO,
                writes: &[write],
            };
            match journal.append(journal.shard_of(&key), append).await {
                Ok(_) => {
                    let acknowledged = self.acknowledged.lock();
                    let mut acknowledged = acknowledged.unwrap_or_else(PoisonError::into_inner);
                    acknowledged.push((key, Instant::now()));
                }
                Err(_) => sleep(LOOK).await,
            }
        }
    }
}

/// The log that Redis appends to.
fn log_file(directory: &Path) -> Result<PathBuf, Failure> {
    for entry in fs::read_dir(directory.join("appendonlydir"))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".incr.aof") {
            return Ok(path);
        }
    }
    Err("Redis keeps no log".into())
}

/// How long the log was, and when.
async fn watch(log: &Path) -> Result<Vec<(Instant, u64)>, Failure> {
    let (began, mut sizes) = (Instant::now(), Vec::new());
    while began.elapsed() < WRITING {
        sizes.push((Instant::now(), fs::metadata(log)?.len()));
        sleep(LOOK).await;
    }
    Ok(sizes)
}

/// Takes off the log what was written to it after a moment.
fn shorten(log: &Path, sizes: &[(Instant, u64)], until: Instant) -> Result<(), Failure> {
    let before = sizes.iter().rfind(|(at, _)| *at <= until);
    let (at, size) = before.ok_or("the log was not watched so long ago")?;
    if sizes.last().is_some_and(|(last, _)| at < last) {
        OpenOptions::new().write(true).open(log)?.set_len(*size)?;
    }
    Ok(())
}

/// How many of the writes are not in the journal when the server has come back.
async fn lost(
    server: &mut RedisServer,
    place: &Place,
    acknowledged: &[(String, Instant)],
) -> Result<usize, Failure> {
    restart(server).await?;
    let journal = place.open().await?;
    let mut lost = 0;
    for chunk in acknowledged.chunks(500) {
        let found = chunk.iter().map(|(key, _)| journal.latest(key));
        let found = try_join_all(found).await?;
        lost += found.iter().filter(|found| found.is_none()).count();
    }
    journal.close().await;
    server.kill();
    Ok(lost)
}
