//! Keys that are rotated while everybody reads and writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use larder::{Cache, Encryption, KeyRing, L1, Namespace, ReencryptOptions, TypedCache};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::super::seconds;
use super::key;
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{Item, Source};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct Rotation;

const VAULT: &str = "vault";
const PROCESSES: u64 = 3;
const TASKS: u64 = 4;
const KEYS: u32 = 200;

/// Until the calls that were under way have ended: writes that chose their key, reads that have yet
/// to decrypt.
const LAST_CALLS: Duration = Duration::from_millis(300);

#[async_trait]
impl Scenario for Rotation {
    fn facts(&self) -> Facts {
        let criterion = "0 errors, 0 unreadable live entries, 0 wrong values";
        Facts::standalone(41, "key-rotation", criterion).lasting(seconds(4), seconds(20))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let mut crew = Vec::new();
        for _ in 0..PROCESSES {
            crew.push(Process::start(&server.url()).await?);
        }
        let source = Arc::new(Source::new(KEYS));
        let found = Arc::new(Found::default());
        for number in 0..KEYS {
            let item = source.load(number);
            crew[0].vault.set(name(number), item).await?;
        }
        let mut tasks = JoinSet::new();
        for (process, task) in crew.iter().flat_map(|p| (0..TASKS).map(move |t| (p, t))) {
            let rng = stage.rng(task + 100 * tasks.len() as u64);
            let work = work(process.vault.clone(), source.clone(), found.clone(), rng);
            tasks.spawn(work);
        }
        let (rotations, reencrypted) = rotate(&crew, stage).await?;
        found.stops.store(true, Ordering::Relaxed);
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        let misses: u64 = crew.iter().map(Process::bad_misses).sum();
        for process in crew {
            // A task that does not end is the business of other scenarios.
            let _report = process.cache.shutdown(seconds(2)).await;
        }
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Verdict {
            operations: read(&found.operations),
            wrong_values: Some(read(&found.wrong)),
            ..Verdict::default()
        }
        .with(Check::at_least("rotations", rotations, 2))
        .with(Check::at_least("entries re-encrypted", reencrypted, 1))
        .with(Check::equal("failed calls", read(&found.failed), 0))
        .with(Check::equal("values not found", read(&found.missing), 0))
        .with(Check::equal("unreadable entries", misses, 0))
        .with(Check::equal("wrong values", read(&found.wrong), 0)))
    }
}

/// A process as far as the cache is concerned, with a ring of its own.
struct Process {
    keys: Arc<KeyRing>,
    cache: Cache,
    vault: TypedCache<Item>,
}

impl Process {
    async fn start(url: &str) -> Result<Self, Failure> {
        let keys = Arc::new(KeyRing::new(key(1)?));
        let vault = Namespace::new(VAULT).l1(L1::Off).encryption(Encryption::On);
        let cache = rig::cache(url).cipher(keys.clone()).namespace(vault);
        let cache = cache.build().await?;
        let vault = cache.namespace(VAULT)?.typed();
        Ok(Self { keys, cache, vault })
    }

    /// What was there and could not be read.
    fn bad_misses(&self) -> u64 {
        let reasons = self.vault.stats().miss_reasons;
        let bad = reasons.iter().filter(|(reason, _)| *reason != "not_found");
        bad.map(|(_, count)| count).sum()
    }
}

#[derive(Default)]
struct Found {
    stops: AtomicBool,
    operations: AtomicU64,
    failed: AtomicU64,
    missing: AtomicU64,
    wrong: AtomicU64,
}

/// Reads and changes values until it is told to stop.
async fn work(
    vault: TypedCache<Item>,
    source: Arc<Source>,
    found: Arc<Found>,
    mut rng: fastrand::Rng,
) {
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    while !found.stops.load(Ordering::Relaxed) {
        let number = rng.u32(..KEYS);
        count(&found.operations);
        if rng.u8(..10) == 0 {
            let item = source.change(number);
            if vault.set(name(number), item).await.is_err() {
                count(&found.failed);
            }
            continue;
        }
        let strict = larder::GetOptions::new().on_error(larder::OnError::Fail);
        match vault.get_with(name(number), strict).await {
            Ok(Some(item)) if source.is_genuine(number, &item) => {}
            Ok(Some(_)) => drop(count(&found.wrong)),
            Ok(None) => drop(count(&found.missing)),
            Err(_) => drop(count(&found.failed)),
        }
    }
}

/// Rotates step by step, each in all processes before the next; says how often, and how many
/// entries were rewritten.
async fn rotate(crew: &[Process], stage: &Stage) -> Result<(u64, u64), Failure> {
    let until = Instant::now() + stage.fault;
    let (mut rotations, mut reencrypted) = (0, 0);
    for id in 2..u8::MAX {
        if Instant::now() >= until {
            break;
        }
        stage.progress.say(&format!("key {id}"));
        for process in crew {
            process.keys.add(key(id)?)?;
        }
        for process in crew {
            process.keys.use_key(id.into())?;
        }
        sleep(LAST_CALLS).await;
        loop {
            let options = ReencryptOptions::new().entries_per_second(0);
            let report = crew[0].vault.reencrypt(options).await?;
            reencrypted += report.reencrypted;
            if report.reencrypted + report.contended == 0 {
                break;
            }
        }
        sleep(LAST_CALLS).await;
        for process in crew {
            process.keys.retire((id - 1).into())?;
        }
        rotations += 1;
    }
    Ok((rotations, reencrypted))
}

fn name(number: u32) -> String {
    format!("key-{number}")
}
