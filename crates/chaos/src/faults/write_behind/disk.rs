//! A disk that fails under the journal: at a write, at a sync, for good, or because it is full.

mod full;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use larder_cache_core::{ErrorKind, Journal};
use larder_file_journal::{DiskFaults, DiskOperation, FileJournal};
use larder_patterns::{WriteBehind, WriteBehindOptions};
use tokio::task::JoinSet;
use tokio::time::Duration;

use super::super::{millis, seconds};
use crate::Failure;
use crate::behind::{Sink, file_options};
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::scratch::Scratch;
use crate::verdict::{Check, Verdict};

pub(crate) struct Disk;

/// Of each kind of fault.
const ROUNDS: u64 = 15;
const TASKS: u64 = 8;
const WRITES: u64 = 8;
const MAX_DELAY: Duration = millis(10);
const ENDING: Duration = millis(100);
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Which operations of the disk fail, by their number.
#[derive(Clone, Copy, Debug)]
enum Fails {
    Never,
    /// One alone, with EIO.
    Once(u64),
    /// From one on all, with ENOSPC.
    From(u64),
    /// From one on all syncs, with EIO.
    Syncs(u64),
}

#[async_trait]
impl Scenario for Disk {
    fn facts(&self) -> Facts {
        let criterion = "EIO, ENOSPC, failed syncs: 0 false acknowledgements";
        let mut facts = Facts::standalone(37, "write-behind-disk", criterion);
        facts.fault = Span::always(seconds(10));
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut sums = Sums::default();
        let well = round(Fails::Never, &mut sums).await?;
        let (operations, syncs) = (well.operations(), well.syncs());
        let mut rng = stage.rng(1);
        for _ in 0..ROUNDS {
            for fails in [
                Fails::Once(rng.u64(0..operations)),
                Fails::From(rng.u64(0..operations)),
                Fails::Syncs(rng.u64(0..syncs)),
            ] {
                round(fails, &mut sums).await?;
            }
        }
        stage.progress.say(&format!("{sums:?}"));
        let mut verdict = sums.verdict(operations);
        full::check(stage, &mut verdict).await?;
        Ok(verdict)
    }
}

/// What all rounds came to.
#[derive(Debug, Default)]
struct Sums {
    acknowledged: u64,
    refused: u64,
    refused_otherwise: u64,
    rounds_with_faults: u64,
    /// Acknowledged, though it was begun after the disk had failed.
    too_late: u64,
    /// Acknowledged, and not there when the journal is opened again.
    lost: u64,
    /// Acknowledged, and not there where only what was synced is left.
    lost_without_power: u64,
}

impl Sums {
    fn verdict(&self, operations: u64) -> Verdict {
        let verdict = Verdict {
            operations: self.acknowledged + self.refused,
            ..Verdict::default()
        };
        verdict
            .with(Check::at_least(
                "disk operations of a round",
                operations,
                20,
            ))
            .with(Check::at_least(
                "rounds with a fault",
                self.rounds_with_faults,
                ROUNDS * 2,
            ))
            .with(Check::at_least("writes refused", self.refused, ROUNDS * 2))
            .with(Check::equal("refused otherwise", self.refused_otherwise, 0))
            .with(Check::equal(
                "acknowledged by a disk that failed",
                self.too_late,
                0,
            ))
            .with(Check::equal("acknowledged and lost", self.lost, 0))
            .with(Check::equal(
                "lost without power",
                self.lost_without_power,
                0,
            ))
    }
}

/// Writes over a disk that fails, and then looks what is there.
async fn round(fails: Fails, sums: &mut Sums) -> Result<Arc<Faults>, Failure> {
    let scratch = Scratch::create("chaos")?;
    let faults = Arc::new(Faults::new(fails, scratch.path())?);
    let sink = Sink::open(&scratch.path().join("database"))?;
    let options = file_options().faults(Arc::clone(&faults).hook());
    // A disk that fails so early leaves no journal to acknowledge anything.
    let mut acknowledged = HashMap::new();
    if let Ok(journal) = FileJournal::open(&faults.journal, options).await {
        let journal = Arc::new(journal);
        acknowledged = write(&journal, &sink, &faults, sums).await?;
        journal.close().await;
    }
    sums.acknowledged += acknowledged.len() as u64;
    sums.rounds_with_faults += u64::from(faults.has_met.load(Ordering::SeqCst));
    if !acknowledged.is_empty() {
        sums.lost += missing(&faults.journal, &sink, &acknowledged).await?;
        sums.lost_without_power += missing(&faults.image, &sink, &acknowledged).await?;
    }
    Ok(faults)
}

/// Writes with several tasks, and returns what was acknowledged.
async fn write(
    journal: &Arc<FileJournal>,
    sink: &Arc<Sink>,
    faults: &Arc<Faults>,
    sums: &mut Sums,
) -> Result<HashMap<String, u64>, Failure> {
    let cache = larder::builder().memory().build().await?;
    let options = WriteBehindOptions::new()
        .max_delay(MAX_DELAY)
        .poll_interval(MAX_DELAY);
    let sink = Arc::clone(sink);
    let writer = move |updates| Arc::clone(&sink).write(updates, Duration::ZERO);
    let items = cache.namespace("default")?.typed::<u64>();
    let journal = Arc::clone(journal) as Arc<dyn Journal>;
    let behind = WriteBehind::start(items, journal, options, writer)?;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        tasks.spawn(write_some(behind.clone(), Arc::clone(faults), task));
    }
    let mut acknowledged = HashMap::new();
    while let Some(done) = tasks.join_next().await {
        let done = done?;
        sums.refused += done.refused;
        sums.refused_otherwise += done.refused_otherwise;
        sums.too_late += done.too_late;
        acknowledged.extend(done.acknowledged);
    }
    let _what_is_left_is_looked_at = behind.shutdown(ENDING).await;
    Ok(acknowledged)
}

#[derive(Default)]
struct Done {
    acknowledged: Vec<(String, u64)>,
    refused: u64,
    refused_otherwise: u64,
    too_late: u64,
}

async fn write_some(behind: WriteBehind<u64>, faults: Arc<Faults>, task: u64) -> Done {
    let mut done = Done::default();
    for version in 1..=WRITES {
        let key = format!("key-{task}-{version}");
        let had_failed = faults.has_failed_for_good();
        match behind.set(&key, version).await {
            Ok(_journaled) => {
                done.too_late += u64::from(had_failed);
                done.acknowledged.push((key, version));
            }
            Err(error) => {
                done.refused += 1;
                done.refused_otherwise += u64::from(error.kind() != ErrorKind::Server);
            }
        }
    }
    done
}

/// How much of what was acknowledged neither the journal in this file nor the database has.
async fn missing(
    path: &Path,
    sink: &Sink,
    acknowledged: &HashMap<String, u64>,
) -> Result<u64, Failure> {
    let journal = FileJournal::open(path, file_options()).await?;
    let (written, mut missing) = (sink.versions()?, 0);
    for key in acknowledged.keys() {
        let is_there = written.contains_key(key) || journal.latest(key).await?.is_some();
        missing += u64::from(!is_there);
    }
    journal.close().await;
    Ok(missing)
}

/// Stands between a journal and its disk.
#[derive(Debug)]
struct Faults {
    fails: Fails,
    journal: PathBuf,
    /// What the disk would have without power: what was there at the last sync.
    image: PathBuf,
    operations: AtomicU64,
    syncs: AtomicU64,
    has_met: AtomicBool,
}

impl Faults {
    fn new(fails: Fails, scratch: &Path) -> io::Result<Self> {
        let [journal, image] = ["journal", "image"].map(|name| scratch.join(name));
        for directory in [&journal, &image] {
            fs::create_dir(directory)?;
        }
        Ok(Self {
            fails,
            journal: journal.join("journal"),
            image: image.join("journal"),
            operations: AtomicU64::default(),
            syncs: AtomicU64::default(),
            has_met: AtomicBool::default(),
        })
    }

    fn operations(&self) -> u64 {
        self.operations.load(Ordering::SeqCst)
    }

    fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::SeqCst)
    }

    /// Whether nothing that is written now can be acknowledged.
    fn has_failed_for_good(&self) -> bool {
        !matches!(self.fails, Fails::Once(_)) && self.has_met.load(Ordering::SeqCst)
    }

    fn hook(self: Arc<Self>) -> DiskFaults {
        Arc::new(move |operation| self.before(operation))
    }

    fn before(&self, operation: DiskOperation) -> io::Result<()> {
        let number = self.operations.fetch_add(1, Ordering::SeqCst);
        let is_sync = operation == DiskOperation::Sync;
        let sync = self.syncs.fetch_add(u64::from(is_sync), Ordering::SeqCst);
        let code = match self.fails {
            Fails::Once(at) if number == at => EIO,
            Fails::From(at) if number >= at => ENOSPC,
            Fails::Syncs(at) if is_sync && sync >= at => EIO,
            _ if is_sync => return self.copy(),
            _ => return Ok(()),
        };
        self.has_met.store(true, Ordering::SeqCst);
        Err(io::Error::from_raw_os_error(code))
    }

    fn copy(&self) -> io::Result<()> {
        let (Some(from), Some(to)) = (self.journal.parent(), self.image.parent()) else {
            return Ok(());
        };
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(())
    }
}
