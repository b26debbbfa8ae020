//! Write-behind: the caller waits for a journal, the database for a batch.

mod consumer;
mod core;
mod options;
mod reading;
mod report;
mod settling;
mod writer;
mod writing;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{TypedCache, Value};
use larder_cache_core::{DeadLetter, Event, Journal, JournalDepth, Result};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::core::Core;
pub use self::options::WriteBehindOptions;
pub use self::report::{DrainReport, Journaled};
use self::writer::Writer;
pub use self::writer::{Refusal, Update, WriteFailure};

/// How long the journal may take to say what is left in it at the end.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Writes to a journal and the cache at once, and to the database later, many at a time.
///
/// Some writes come faster than a database likes: the position in a video, a counter, the last
/// time somebody was seen. Most of them are overwritten before anybody else has read them. If
/// each is one transaction, the database does the same row a hundred times and the caller waits
/// each time; if they are collected in memory, a crash loses what had been promised to be kept.
///
/// Here a write is acknowledged as soon as a [`Journal`] has it. A consumer of each of the
/// journal's shards gathers what was written, keeps the last write of each key, and gives them
/// to the *writer* in batches; only what the database has leaves the journal. So a write
/// reaches the database at least once, in order for each key, or ends among the
/// [dead letters](WriteBehind::dead_letters).
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use larder_cache::CacheBuilder;
/// use larder_memory_backend::{MemoryBackend, MemoryJournal};
/// use larder_patterns::{Update, WriteBehind, WriteBehindOptions, WriteFailure};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder_cache_core::Result<()> {
/// let cache = CacheBuilder::new().build(Arc::new(MemoryBackend::new(64 << 20)))?;
/// let progress = WriteBehind::start(
///     cache.namespace("default")?.typed::<u32>(),
///     Arc::new(MemoryJournal::default()),      // or a file's, or Redis' for all processes
///     WriteBehindOptions::new().max_delay(Duration::from_secs(1)),
///     |updates: Vec<Update<u32>>| async move {
///         // One transaction: upsert each, where `update.sequence` is larger than the row's.
///         println!("{} rows", updates.len());
///         Ok::<_, WriteFailure>(())
///     },
/// )?;
///
/// let journaled = progress.set("video:7", 93).await?;
/// assert!(journaled.sequence.as_u64() > 0);
/// assert_eq!(progress.get("video:7").await?.as_deref(), Some(&93));
///
/// let report = progress.shutdown(Duration::from_secs(10)).await;
/// assert!(report.is_clean());
/// # Ok(()) }
/// ```
///
/// # Concurrency
/// Writes of one key in one process reach journal and cache in one order. Where two processes
/// write one key at the same time, the journal's order counts for the database, and the cache may
/// have the other's value until the batch is written, when it is removed.
///
/// The writer is called for several shards at once. It is called again with the same updates
/// where its answer was lost with its process; and where a process was frozen for longer than its
/// [claim](WriteBehindOptions::claim), a late call may follow that of its successor. Comparing
/// [`Update::sequence`] with the row's makes both harmless.
///
/// Cheap to clone. When the last clone is dropped, the consumers are aborted and nobody waits:
/// what is in the journal stays there.
pub struct WriteBehind<V> {
    core: Arc<Core<V>>,
    tasks: Arc<Tasks>,
}

struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
    _abort: DropGuard,
}

impl<V: Value> WriteBehind<V> {
    /// Begins to write behind a namespace, and takes up what the journal holds from before.
    ///
    /// The journal is for this namespace alone, in all processes: what is in it is read as values
    /// of this type, and what can't be read goes to the dead letters.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// Kind `Config` for options that can't work; and for a namespace that is to be
    /// encrypted with no key that lasts as long as the journal does.
    pub fn start<F, Fut>(
        cache: TypedCache<V>,
        journal: Arc<dyn Journal>,
        options: WriteBehindOptions,
        writer: F,
    ) -> Result<Self>
    where
        F: Fn(Vec<Update<V>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), WriteFailure>> + Send + 'static,
    {
        options.check()?;
        cache.check_transport(journal.durability())?;
        let core = Arc::new(Core::new(cache, journal, Writer::new(writer), options));
        let token = CancellationToken::new();
        let tasks = Tasks {
            tracker: TaskTracker::new(),
            _abort: token.clone().drop_guard(),
            token,
        };
        for shard in 0..core.journal.shards() {
            tasks.spawn(consumer::run(Arc::clone(&core), shard));
        }
        tasks.spawn(tell_depth(Arc::clone(&core)));
        Ok(Self {
            core,
            tasks: Arc::new(tasks),
        })
    }

    /// The namespace that is written behind.
    #[must_use]
    pub fn cache(&self) -> &TypedCache<V> {
        &self.core.cache
    }

    /// How much waits in the journal, written by whichever process.
    ///
    /// # Errors
    /// When the journal could not be asked.
    pub async fn depth(&self) -> Result<JournalDepth> {
        self.core.journal.depth().await
    }

    /// Writes that could not be made, at most so many, the oldest of each shard first. A later
    /// write of the key that can be made takes the letter off the list.
    ///
    /// # Errors
    /// When the journal could not be asked.
    pub async fn dead_letters(&self, at_most: usize) -> Result<Vec<DeadLetter>> {
        self.core.journal.dead_letters(at_most).await
    }

    /// Makes dead letters into writes again, and says how many. Where a later write of the key is
    /// waiting, the letter is dropped instead.
    ///
    /// # Errors
    /// When the journal could not be asked.
    pub async fn replay(&self, keys: &[&str]) -> Result<u64> {
        let revived = self.core.journal.revive(keys).await?;
        for key in keys {
            self.core.tell_consumer(self.core.journal.shard_of(key));
        }
        // The database's value, which may be cached, is no longer the last.
        self.core.cache.delete_many(keys).await?;
        Ok(revived)
    }

    /// Gives dead letters up for ever, and says how many there were.
    ///
    /// # Errors
    /// When the journal could not be asked.
    pub async fn discard(&self, keys: &[&str]) -> Result<u64> {
        self.core.journal.discard(keys).await
    }

    /// Ends in order: takes no more writes, writes what the journal holds, and says what is left
    /// at the deadline. Call it before [`Cache::shutdown`](larder_cache::Cache::shutdown).
    pub async fn shutdown(&self, deadline: Duration) -> DrainReport {
        let began = Instant::now();
        self.tasks.tracker.close();
        let drained = async {
            self.core.drain().await;
            self.tasks.tracker.wait().await;
        };
        // What is not done by then is told of below.
        let _ = tokio::time::timeout(deadline, drained).await;
        self.tasks.token.cancel();
        // They end at once, but for a writer that blocks its thread.
        let _ = tokio::time::timeout(LAST_LOOK, self.tasks.tracker.wait()).await;
        let left = tokio::time::timeout(LAST_LOOK, self.core.journal.depth()).await;
        let left = left.ok().and_then(Result::ok);
        DrainReport {
            left: left.map(|depth| depth.records),
            dead_letters: left.map_or(0, |depth| depth.dead_letters),
            elapsed: began.elapsed(),
        }
    }
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = task => {}
            }
        });
    }
}

/// Tells the observers how much there is, as long as there is something, and once more.
async fn tell_depth<V: Value>(core: Arc<Core<V>>) {
    let mut told = JournalDepth::default();
    while core.phase() == self::core::Phase::Open {
        core.pause_or_drain(Instant::now() + core.options.depth_interval)
            .await;
        if let Ok(depth) = core.journal.depth().await
            && (depth != told || depth.records > 0)
        {
            let space = core.cache.space();
            core.cache.emit(&Event::JournalDepth { space, depth });
            told = depth;
        }
    }
}

impl<V> Clone for WriteBehind<V> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            tasks: Arc::clone(&self.tasks),
        }
    }
}

impl<V> fmt::Debug for WriteBehind<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBehind")
            .field("cache", &self.core.cache)
            .field("journal", &self.core.journal)
            .finish_non_exhaustive()
    }
}
