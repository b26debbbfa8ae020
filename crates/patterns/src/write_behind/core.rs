//! What the handles and the tasks of a write-behind share.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larder_cache::{TypedCache, Value};
use larder_cache_core::{
    Error, ErrorKind, Journal, JournalRecord, Random, Result, Sequence, SystemRandom,
};
use tokio::sync::{Notify, RwLock, RwLockReadGuard, watch};
use tokio::time::{Instant, sleep_until};

use super::options::WriteBehindOptions;
use super::settling::Settling;
use super::writer::Writer;

/// Keys that share a lock are written one after the other.
const LOCKS: usize = 1024;

/// Whether writes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// No more writes are taken, and those in the journal are written at once.
    Draining,
}

/// What the handles and the tasks of a write-behind share.
pub(super) struct Core<V> {
    pub(super) cache: TypedCache<V>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) writer: Arc<Writer<V>>,
    pub(super) options: WriteBehindOptions,
    /// Names this process in the journal.
    pub(super) writer_id: u64,
    phase: watch::Sender<Phase>,
    /// Held for reading by each write, so that draining begins behind the last.
    intake: RwLock<()>,
    shards: Vec<Shard>,
    order: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
    successes: AtomicU64,
}

/// What this process is doing to a shard.
struct Shard {
    settling: Mutex<Settling>,
    /// Appended here since the consumer last looked.
    appended: AtomicUsize,
    /// Whether the consumer found nothing when it last looked.
    idle: AtomicBool,
    look: Notify,
}

/// A write of this process between its beginning and its end.
pub(super) struct Writing<'a> {
    shard: &'a Shard,
    number: u64,
    /// What is settled in the shard.
    pub(super) settled: Sequence,
}

impl Writing<'_> {
    pub(super) fn appended(&self, sequence: Sequence) {
        lock(&self.shard.settling).appended(sequence);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        lock(&self.shard.settling).end(self.number);
    }
}

impl<V: Value> Core<V> {
    pub(super) fn new(
        cache: TypedCache<V>,
        journal: Arc<dyn Journal>,
        writer: Writer<V>,
        options: WriteBehindOptions,
    ) -> Self {
        let shard = |_| Shard {
            settling: Mutex::new(Settling::new()),
            appended: AtomicUsize::new(0),
            idle: AtomicBool::new(false),
            look: Notify::new(),
        };
        Self {
            shards: (0..journal.shards()).map(shard).collect(),
            cache,
            journal,
            writer: Arc::new(writer),
            options,
            writer_id: SystemRandom.next_u64(),
            phase: watch::Sender::new(Phase::Open),
            intake: RwLock::new(()),
            order: (0..LOCKS).map(|_| tokio::sync::Mutex::new(())).collect(),
            hasher: RandomState::new(),
            successes: AtomicU64::new(0),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Takes no more writes, and waits for those under way.
    pub(super) async fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
        drop(self.intake.write().await);
    }

    pub(super) async fn draining(&self) {
        let mut phase = self.phase.subscribe();
        // It fails where the sender is gone, which is here.
        let _ = phase.wait_for(|phase| *phase == Phase::Draining).await;
    }

    pub(super) async fn pause_or_drain(&self, until: Instant) {
        if self.phase() == Phase::Draining {
            let soon = Instant::now() + self.options.poll_interval;
            return sleep_until(until.min(soon)).await;
        }
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.draining() => {}
        }
    }

    /// Takes a write in, unless the end has begun.
    pub(super) async fn take_in(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let place = self.intake.read().await;
        if self.phase() == Phase::Draining {
            return Err(Error::new(
                ErrorKind::Closed,
                "the write-behind is being shut down and takes no more writes",
            ));
        }
        Ok(place)
    }

    /// The turn of a key: its writes reach journal and cache in one order.
    pub(super) async fn turn(&self, key: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % LOCKS as u64).unwrap_or(0);
        self.order[index].lock().await
    }

    pub(super) fn begin(&self, shard: u32) -> Writing<'_> {
        let shard = self.shard(shard);
        let (number, settled) = lock(&shard.settling).begin();
        Writing {
            shard,
            number,
            settled,
        }
    }

    /// The consumer looks at once after a pause in writing, where a batch may be full, and where
    /// nothing is to wait.
    pub(super) fn tell_consumer(&self, shard: u32) {
        let shard = self.shard(shard);
        let appended = shard.appended.fetch_add(1, Ordering::Relaxed) + 1;
        let hurries = self.options.max_delay <= self.options.poll_interval;
        let was_idle = shard.idle.swap(false, Ordering::Relaxed);
        if hurries || was_idle || appended >= self.options.max_batch {
            shard.look.notify_one();
        }
    }

    /// How many writes this process has appended since it was last asked.
    pub(super) fn take_appended(&self, shard: u32) -> usize {
        self.shard(shard).appended.swap(0, Ordering::Relaxed)
    }

    /// The last write of this process in a shard.
    pub(super) fn own_highest(&self, shard: u32) -> Sequence {
        lock(&self.shard(shard).settling).highest()
    }

    pub(super) fn idle(&self, shard: u32, idle: bool) {
        self.shard(shard).idle.store(idle, Ordering::Relaxed);
    }

    pub(super) fn is_idle(&self, shard: u32) -> bool {
        self.shard(shard).idle.load(Ordering::Relaxed)
    }

    pub(super) async fn told_to_look(&self, shard: u32) {
        self.shard(shard).look.notified().await;
    }

    /// Whether the cache of the process that wrote it has this write by now.
    pub(super) async fn is_settled_by_now(&self, record: &JournalRecord) -> bool {
        match self.journal.latest(&record.key).await {
            Ok(Some(latest)) => latest.writer == record.writer && latest.is_settled,
            _ => false,
        }
    }

    pub(super) fn count_success(&self) {
        self.successes.fetch_add(1, Ordering::Relaxed);
    }

    /// How many batches the database took from this process.
    pub(super) fn successes(&self) -> u64 {
        self.successes.load(Ordering::Relaxed)
    }

    fn shard(&self, shard: u32) -> &Shard {
        &self.shards[usize::try_from(shard).unwrap_or(0)]
    }
}

fn lock(settling: &Mutex<Settling>) -> MutexGuard<'_, Settling> {
    settling.lock().unwrap_or_else(PoisonError::into_inner)
}
