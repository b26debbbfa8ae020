//! The journal: what callers ask, and what the thread is told.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use larder_cache_core::{
    Append, Clock, DeadLetter, Durability, Error, ErrorKind, Journal, JournalDepth, JournalRecord,
    Random, Result, Sequence, ShardClaim, async_trait,
};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::spawn_blocking;

use crate::change::{Change, What};
use crate::failure::{closed, failed};
use crate::index::{Index, Place};
use crate::options::FileJournalOptions;
use crate::store::{Snapshot, Store};
use crate::writer::{Desk, Job, Phase, View, Writer};

/// Keeps writes in a file of this host, for one process at a time.
///
/// Two files are one journal: the one that was named, and its log beside it, with `.log` behind
/// the name. They belong together.
///
/// # Concurrency
/// One thread changes the files; what many callers ask for at once is written, and synced, in
/// one go. Reads of the last write and of the depth wait for nobody.
///
/// # Cost
/// An append is one sequential write of the log and one sync, shared with all that come at the
/// same time; a value is written twice. Keys of all writes are in memory, values are not.
///
/// # Cancel safety
/// A call that is dropped may still be carried out.
pub struct FileJournal {
    path: PathBuf,
    jobs: Sender<Job>,
    queue: Arc<Semaphore>,
    shared: Arc<Shared>,
    ended: watch::Receiver<()>,
    closed: AtomicBool,
    shards: u32,
    durability: Durability,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What readers see without asking the thread.
#[derive(Debug)]
pub(crate) struct Shared {
    store: RwLock<Option<Arc<Store>>>,
    failure: OnceLock<Error>,
    depth: Mutex<(u64, u64, Option<Sequence>)>,
    /// What writers have settled, by shard and writer.
    marks: RwLock<HashMap<(u32, u64), u64>>,
}

impl FileJournal {
    /// Opens the journal in a file, or makes an empty one where there is none.
    ///
    /// # Cost
    /// Reads all that is in it once.
    ///
    /// # Errors
    /// Kind `Config` where the journal is open already, the file is not a journal or not one of
    /// this version, was made with another number of shards, or can't be read.
    pub async fn open(path: impl AsRef<Path>, options: FileJournalOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let opened = spawn_blocking(move || Self::open_here(path, &options)).await;
        opened.map_err(|cause| {
            Error::new(
                ErrorKind::Config,
                "the journal could not be opened; the runtime ended or the file broke its reader",
            )
            .with_source(cause)
        })?
    }

    fn open_here(path: PathBuf, options: &FileJournalOptions) -> Result<Self> {
        let writer = Writer::open(path.clone(), options)?;
        let (jobs, received) = mpsc::channel();
        let (ends, ended) = watch::channel(());
        let shared = writer.shared();
        let thread = thread::Builder::new().name("larder-journal".to_owned());
        let started = thread.spawn(move || {
            writer.run(&received);
            drop(ends);
        });
        started.map_err(|cause| failed(&path, &cause))?;
        Ok(Self {
            path,
            jobs,
            queue: Arc::new(Semaphore::new(options.queue.max(1))),
            shared,
            ended,
            closed: AtomicBool::new(false),
            shards: options.shards.max(1),
            durability: options.durability(),
            clock: options.clock.clone(),
            random: options.random.clone(),
        })
    }

    async fn ask<T: Send + 'static>(
        &self,
        plan: impl FnOnce(&mut Desk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask_with(View::Index, plan).await
    }

    /// Has the thread do something, and waits until that lasts.
    async fn ask_with<T: Send + 'static>(
        &self,
        view: View,
        plan: impl FnOnce(&mut Desk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.queue.clone().acquire_owned().await;
        let turn = turn.map_err(|_| closed())?;
        self.check_open()?;
        let (sender, answer) = oneshot::channel();
        let job = Job {
            view,
            plan: Box::new(move |desk| {
                let planned = plan(desk);
                Box::new(move |outcome| {
                    drop(turn);
                    // An asker that has left needs no answer.
                    let _ = sender.send(outcome.and(planned));
                })
            }),
        };
        self.jobs.send(job).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.check_open()?;
        if let Some(failure) = self.shared.failure.get() {
            return Err(failure.clone().replay_safe());
        }
        let store = self.shared.store.read();
        let store = store.unwrap_or_else(PoisonError::into_inner).clone();
        let store = store.ok_or_else(closed)?;
        self.checked(store.snapshot())
    }

    fn checked<T>(&self, read: std::result::Result<T, redb::Error>) -> Result<T> {
        read.map_err(|cause| failed(&self.path, &cause).with_source(cause))
    }

    /// Values are read where waiting for the disk stops nobody.
    async fn fetch<T: Send + 'static>(
        &self,
        fetch: impl FnOnce(&Snapshot) -> std::result::Result<T, redb::Error> + Send + 'static,
    ) -> Result<T> {
        let snapshot = self.snapshot()?;
        let fetched = spawn_blocking(move || fetch(&snapshot)).await;
        self.checked(fetched.map_err(|_| closed())?)
    }
}

impl Shared {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self {
            store: RwLock::new(Some(store)),
            failure: OnceLock::new(),
            depth: Mutex::default(),
            marks: RwLock::default(),
        }
    }

    pub(crate) fn publish(&self, depth: (u64, u64, Option<Sequence>), changes: &[Change]) {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = depth;
        for change in changes {
            if let What::Settled { writer, sequence } = change.what {
                let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
                marks.insert((change.shard, writer), sequence);
            }
        }
    }

    /// Forgets the marks of writers that have no writes left.
    pub(crate) fn set_marks(&self, index: &Index) {
        let all = index.shards.iter().zip(0..).flat_map(|(shard, number)| {
            let writers = shard.writers.iter();
            writers.map(move |(writer, known)| ((number, *writer), known.settled))
        });
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        *marks = all.collect();
    }

    pub(crate) fn fail(&self, failure: &Error) {
        let _ = self.failure.set(failure.clone());
    }

    /// Readers find the journal closed from here on.
    pub(crate) fn leave(&self) {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        *store = None;
    }

    fn is_settled(&self, shard: u32, writer: u64, sequence: u64) -> bool {
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        let settled = marks.get(&(shard, writer));
        settled.is_some_and(|settled| *settled >= sequence)
    }
}

impl fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileJournal")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Journal for FileJournal {
    fn name(&self) -> &'static str {
        "file journal"
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn shards(&self) -> u32 {
        self.shards
    }

    async fn append(&self, shard: u32, append: Append<'_>) -> Result<Vec<Sequence>> {
        let (writer, settled) = (append.writer, append.settled);
        let writes = append.writes.to_vec();
        self.ask(move |desk| {
            let now = desk.clock.wall();
            let changes = &mut desk.changes;
            desk.index
                .append(shard, writer, settled, writes, now, changes)
        })
        .await
    }

    async fn latest(&self, key: &str) -> Result<Option<JournalRecord>> {
        let found = self.snapshot()?.latest(key);
        let shard = self.shard_of(key);
        let record = self.checked(found)?.map(|stored| JournalRecord {
            sequence: Sequence::from_u64(stored.sequence),
            key: key.to_owned(),
            value: stored.value,
            writer: stored.writer,
            is_settled: self
                .shared
                .is_settled(shard, stored.writer, stored.sequence),
            deliveries: 0,
        });
        Ok(record)
    }

    async fn claim(&self, shard: u32, lasts: Duration) -> Result<Option<ShardClaim>> {
        let token = self.random.next_u64();
        self.ask(move |desk| desk.index.claim(shard, token, desk.clock.now(), lasts))
            .await
    }

    async fn renew(&self, claim: &ShardClaim, lasts: Duration) -> Result<bool> {
        let claim = *claim;
        self.ask(move |desk| desk.index.renew(&claim, desk.clock.now(), lasts))
            .await
    }

    async fn release(&self, claim: &ShardClaim) -> Result<()> {
        let claim = *claim;
        self.ask(move |desk| desk.index.release(&claim)).await
    }

    async fn read(
        &self,
        claim: &ShardClaim,
        after: Sequence,
        at_most: usize,
    ) -> Result<Vec<JournalRecord>> {
        let claim = *claim;
        let places = self
            .ask(move |desk| {
                let (now, changes) = (desk.clock.now(), &mut desk.changes);
                desk.index.read(&claim, now, after, at_most, changes)
            })
            .await?;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(move |snapshot| records(snapshot, places)).await
    }

    async fn acknowledge(&self, claim: &ShardClaim, records: &[JournalRecord]) -> Result<()> {
        let claim = *claim;
        let place = |record: &JournalRecord| (record.sequence, Arc::from(record.key.as_str()));
        let places: Vec<_> = records.iter().map(place).collect();
        self.ask(move |desk| {
            let (now, changes) = (desk.clock.now(), &mut desk.changes);
            desk.index.acknowledge(&claim, now, &places, changes)
        })
        .await
    }

    async fn bury(&self, claim: &ShardClaim, records: &[(JournalRecord, String)]) -> Result<()> {
        let (claim, records) = (*claim, records.to_vec());
        self.ask(move |desk| {
            let (now, changes) = (desk.clock.now(), &mut desk.changes);
            desk.index.bury(&claim, now, records, changes)
        })
        .await
    }

    async fn dead_letters(&self, at_most: usize) -> Result<Vec<DeadLetter>> {
        let keys = self
            .ask(move |desk| Ok(desk.index.letters(at_most)))
            .await?;
        self.fetch(move |snapshot| {
            let letters = keys.iter().map(|key| snapshot.letter(key));
            letters.filter_map(Result::transpose).collect()
        })
        .await
    }

    async fn revive(&self, keys: &[&str]) -> Result<u64> {
        let (keys, path) = (owned(keys), self.path.clone());
        self.ask_with(View::Committed, move |desk| {
            let now = desk.clock.wall();
            let revived = desk.snapshot().and_then(|snapshot| {
                let changes = &mut desk.changes;
                desk.index.revive(&keys, &snapshot, now, changes)
            });
            revived.map_err(|cause| failed(&path, &cause))
        })
        .await
    }

    async fn discard(&self, keys: &[&str]) -> Result<u64> {
        let keys = owned(keys);
        self.ask(move |desk| Ok(desk.index.discard(&keys, &mut desk.changes)))
            .await
    }

    async fn depth(&self) -> Result<JournalDepth> {
        self.snapshot()?;
        let depth = self.shared.depth.lock();
        let (records, dead_letters, oldest) = *depth.unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.wall();
        Ok(JournalDepth {
            records,
            oldest: oldest.map(|sequence| now.since(sequence.time())),
            dead_letters,
        })
    }

    async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            let job = Job {
                view: View::Index,
                plan: Box::new(|desk| {
                    desk.phase = Phase::Closing;
                    Box::new(|_| {})
                }),
            };
            // Where the thread has ended, there is nothing to close.
            let _ = self.jobs.send(job);
        }
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

fn owned(keys: &[&str]) -> Vec<Arc<str>> {
    keys.iter().map(|key| Arc::from(*key)).collect()
}

/// The writes of a page; one that was taken off meanwhile is none.
fn records(
    snapshot: &Snapshot,
    places: Vec<Place>,
) -> std::result::Result<Vec<JournalRecord>, redb::Error> {
    let mut records = Vec::with_capacity(places.len());
    for place in places {
        if let Some(stored) = snapshot.write(&place.key, place.sequence)? {
            records.push(JournalRecord {
                sequence: Sequence::from_u64(place.sequence),
                key: place.key.to_string(),
                value: stored.value,
                writer: stored.writer,
                is_settled: place.is_settled,
                deliveries: place.deliveries,
            });
        }
    }
    Ok(records)
}
