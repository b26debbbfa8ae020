//! The thread that alone changes the journal: what comes at once is logged in one frame.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use larder_cache_core::{Clock, Error, Result};

use crate::change::{Change, What};
use crate::failure::{failed, unusable};
use crate::index::Index;
use crate::journal::Shared;
use crate::log::Log;
use crate::options::{FileJournalOptions, SyncPolicy};
use crate::state::State;
use crate::store::{Snapshot, Store, exists, with_suffix};

/// A group takes no more jobs beyond this.
const GROUP_BYTES: usize = 8 << 20;

const GROUP_JOBS: usize = 4096;

/// The log is taken into the store when it is longer.
const LOG_BYTES: u64 = 16 << 20;

/// What somebody wants of the journal.
pub(crate) struct Job {
    pub(crate) view: View,
    pub(crate) plan: Box<dyn FnOnce(&mut Desk) -> Answer + Send>,
}

/// What a plan must see in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Nothing.
    Index,
    /// All that was planned before it.
    Committed,
}

/// Tells the asker how it went.
pub(crate) type Answer = Box<dyn FnOnce(Result<()>) + Send>;

/// What plans are made on.
pub(crate) struct Desk {
    pub(crate) index: Index,
    pub(crate) changes: Vec<Change>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) phase: Phase,
    store: Arc<Store>,
}

/// Whether the journal goes on after a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closing,
}

/// The thread's own.
pub(crate) struct Writer {
    desk: Desk,
    log: Log,
    path: PathBuf,
    sync: SyncPolicy,
    synced: Instant,
    shared: Arc<Shared>,
    failure: Option<Error>,
}

impl Desk {
    pub(crate) fn snapshot(&self) -> std::result::Result<Snapshot, redb::Error> {
        self.store.snapshot()
    }
}

impl Writer {
    /// Opens the files and brings them together.
    pub(crate) fn open(path: PathBuf, options: &FileJournalOptions) -> Result<Self> {
        let shards = options.shards.max(1);
        let log_path = with_suffix(&path, ".log");
        let has_store = exists(&path);
        let mut log = Log::open(&log_path, shards, !has_store, options.hook.clone())?;
        if !has_store && log.has_frames() {
            return Err(unusable(
                &path,
                "a journal's log is there without the file it belongs to; restore the file, or move the log away to give up what is in it",
            ));
        }
        let store = Store::open(&path, options)?;
        let mut index = Index::new(shards, options.capacity);
        let state = store.load(&path, &mut index)?;
        if !log.follows(state.generation) {
            return Err(unusable(
                &path,
                "the journal's file is older than its log, or damaged; restore the two files of one moment",
            ));
        }
        log.replay(state.generation, |changes| {
            let is_known = changes.iter().all(|change| index.replay(change));
            if !is_known {
                return Err(unusable(&path, "the journal's log is damaged; restore it"));
            }
            store.apply(&changes).map_err(|cause| failed(&path, &cause))
        })?;
        let store = Arc::new(store);
        let mut writer = Self {
            desk: Desk {
                index,
                changes: Vec::new(),
                clock: options.clock.clone(),
                phase: Phase::Open,
                store: store.clone(),
            },
            log,
            sync: options.sync,
            synced: Instant::now(),
            shared: Arc::new(Shared::new(store)),
            failure: None,
            path,
        };
        // What is torn behind the last frame must not be read as the next one's successor.
        writer
            .checkpoint()
            .map_err(|cause| failed(&writer.path, &cause))?;
        writer.publish(&[]);
        Ok(writer)
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Works until the journal is closed or given up.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut next = None;
        while self.desk.phase == Phase::Open {
            let job = match next.take() {
                Some(job) => job,
                None => match self.wait(jobs) {
                    Ok(Some(job)) => job,
                    Ok(None) => continue,
                    Err(Gone) => break,
                },
            };
            next = self.group(job, jobs);
        }
        self.finish();
    }

    /// The next job; none where it was time to sync.
    fn wait(&mut self, jobs: &Receiver<Job>) -> std::result::Result<Option<Job>, Gone> {
        let Some(left) = self.until_sync() else {
            return jobs.recv().map(Some).map_err(|_| Gone);
        };
        match jobs.recv_timeout(left) {
            Ok(job) => Ok(Some(job)),
            Err(RecvTimeoutError::Timeout) => {
                self.sync_in_time();
                Ok(None)
            }
            Err(RecvTimeoutError::Disconnected) => Err(Gone),
        }
    }

    /// Plans what came at once, makes it lasting, and answers; returns a job that must wait for
    /// that.
    fn group(&mut self, first: Job, jobs: &Receiver<Job>) -> Option<Job> {
        if let Some(failure) = self.failure.clone() {
            let answer = refuse(first, &mut self.desk);
            answer(Err(failure.replay_safe()));
            return None;
        }
        let mut answers = vec![(first.plan)(&mut self.desk)];
        let (mut next, mut planned, mut bytes) = (None, 0, 0);
        while answers.len() < GROUP_JOBS && self.desk.phase == Phase::Open {
            let fresh = &self.desk.changes[planned..];
            bytes += fresh.iter().map(Change::weight).sum::<usize>();
            planned = self.desk.changes.len();
            if bytes > GROUP_BYTES {
                break;
            }
            match jobs.try_recv() {
                Ok(job) if job.view == View::Committed => next = Some(job),
                Ok(job) => {
                    answers.push((job.plan)(&mut self.desk));
                    continue;
                }
                Err(_) => {}
            }
            break;
        }
        let outcome = self.commit();
        for answer in answers {
            answer(outcome.clone());
        }
        self.tend();
        next
    }

    fn commit(&mut self) -> Result<()> {
        let changes = std::mem::take(&mut self.desk.changes);
        if changes.is_empty() {
            return Ok(());
        }
        let written = self.write(&changes);
        written.map_err(|cause| self.fail(&cause))?;
        self.publish(&changes);
        Ok(())
    }

    fn write(&mut self, changes: &[Change]) -> Stored<()> {
        self.log.append(changes)?;
        // How often something was read need not outlive the power.
        let is_reading = |change: &Change| matches!(change.what, What::Delivered { .. });
        if changes.iter().all(is_reading) {
            return Ok(());
        }
        if self.sync == SyncPolicy::Always {
            self.log.sync()?;
        }
        self.desk.store.apply(changes)
    }

    /// Syncs and checkpoints, where it is time; nobody waits for it.
    fn tend(&mut self) {
        if self.failure.is_some() {
            return;
        }
        if self.until_sync().is_some_and(|left| left.is_zero()) {
            self.sync_in_time();
        }
        if self.log.bytes() > LOG_BYTES && self.failure.is_none() {
            let done = self.checkpoint();
            let _ = done.map_err(|cause| self.fail(&cause));
        }
    }

    /// How long until the log is to be synced without being asked.
    fn until_sync(&self) -> Option<Duration> {
        match self.sync {
            SyncPolicy::Every(time) if self.log.has_unsynced() && self.failure.is_none() => {
                Some(time.saturating_sub(self.synced.elapsed()))
            }
            _ => None,
        }
    }

    fn sync_in_time(&mut self) {
        let done = self.log.sync();
        let _ = done.map_err(|cause| self.fail(&cause));
        self.synced = Instant::now();
    }

    fn checkpoint(&mut self) -> Stored<()> {
        let generation = self.log.generation() + 1;
        let state = State::of(&self.desk.index, generation);
        self.desk.store.checkpoint(&state)?;
        self.log.restart(generation)?;
        self.shared.set_marks(&self.desk.index);
        Ok(())
    }

    /// Whether what failed is on the disk can't be known: nothing more is taken.
    fn fail(&mut self, cause: &dyn std::fmt::Display) -> Error {
        let failure = failed(&self.path, cause);
        self.shared.fail(&failure);
        self.failure = Some(failure.clone());
        failure
    }

    fn publish(&self, changes: &[Change]) {
        self.shared.publish(self.desk.index.depth(), changes);
    }

    fn finish(mut self) {
        if self.failure.is_none() && self.checkpoint().is_ok() {
            // It is whole in any case, and shorter where this succeeds.
            let _: io::Result<()> = self.log.trim();
        }
        self.shared.leave();
        let Self { desk, log, .. } = self;
        // The lock is the log's: it goes last.
        drop(desk);
        drop(log);
    }
}

/// Nobody has the journal any more.
struct Gone;

type Stored<T> = std::result::Result<T, redb::Error>;

/// The answer of a job whose plan is not made.
fn refuse(job: Job, desk: &mut Desk) -> Answer {
    // A plan on a failed journal changes the index alone, which nobody stores any more.
    let answer = (job.plan)(desk);
    desk.changes.clear();
    answer
}
