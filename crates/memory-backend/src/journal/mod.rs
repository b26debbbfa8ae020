//! A journal in the memory of this process.

mod options;
mod shard;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache_core::{
    Append, Clock, DeadLetter, Durability, Error, ErrorKind, Journal, JournalDepth, JournalRecord,
    JournalWrite, Random, Result, Sequence, ShardClaim, async_trait,
};

pub use self::options::MemoryJournalOptions;
use self::shard::Shard;

/// Keeps writes in the memory of this process: **a crash or a kill loses all of them**.
///
/// For tests, and for writes whose loss is no harm. What must not be lost belongs into a
/// journal in a file or on a server.
///
/// # Concurrency
/// Every shard has a lock of its own, and every operation on a shard takes it once.
///
/// # Cost
/// Every call is done when it is first polled. Values are shared, not copied: a slice keeps
/// the buffer alive that it was cut from.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use larder_cache_core::{Append, Bytes, Journal, JournalWrite, Sequence};
/// use larder_memory_backend::MemoryJournal;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), larder_cache_core::Error> {
/// let journal = MemoryJournal::default();
/// let shard = journal.shard_of("profile:7");
/// let write = JournalWrite {
///     key: "profile:7".to_owned(),
///     value: Some(Bytes::from_static(b"Ada")),
/// };
/// let append = Append { writer: 1, settled: Sequence::ZERO, writes: &[write] };
/// journal.append(shard, append).await?;
///
/// let claim = journal.claim(shard, Duration::from_secs(30)).await?.expect("nobody else");
/// let records = journal.read(&claim, Sequence::ZERO, 100).await?;
/// assert_eq!(records[0].value, Some(Bytes::from_static(b"Ada")));
/// journal.acknowledge(&claim, &records).await?;
/// assert_eq!(journal.depth().await?.records, 0);
/// # Ok(())
/// # }
/// ```
pub struct MemoryJournal {
    shards: Vec<Mutex<Shard>>,
    capacity: u64,
    /// Writes and dead letters in all shards.
    held: AtomicU64,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    closed: AtomicBool,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new(options: MemoryJournalOptions) -> Self {
        let shards = options.shards.max(1);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            capacity: options.capacity,
            held: AtomicU64::new(0),
            clock: options.clock,
            random: options.random,
            closed: AtomicBool::new(false),
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Closed,
                "the memory journal was closed; make another one",
            ));
        }
        Ok(())
    }

    fn shard(&self, number: u32) -> Result<MutexGuard<'_, Shard>> {
        self.check_open()?;
        let shard = self.shards.get(number as usize).ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "a shard's number must be below the number of shards; ask `shard_of`",
            )
            .with("shard", number)
            .with("shards", self.shards.len())
        })?;
        // Nothing panics under the lock but the allocator, which ends the process.
        Ok(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The shard of a claim that has not ended.
    fn claimed(&self, claim: &ShardClaim) -> Result<MutexGuard<'_, Shard>> {
        let shard = self.shard(claim.shard)?;
        if shard.is_claimed_by(claim.token, self.clock.now()) {
            return Ok(shard);
        }
        Err(Error::new(
            ErrorKind::Superseded,
            "the claim of a journal's shard has ended; claim it again and read anew",
        )
        .with("shard", claim.shard))
    }

    fn check_keys(&self, shard: u32, writes: &[JournalWrite]) -> Result<()> {
        let stray = writes
            .iter()
            .find(|write| self.shard_of(&write.key) != shard);
        match stray {
            None => Ok(()),
            Some(write) => Err(Error::new(
                ErrorKind::Config,
                "a write must go to the shard of its key; ask `shard_of`",
            )
            .with("shard", shard)
            .with("expected", self.shard_of(&write.key))),
        }
    }

    fn take_room(&self, writes: usize) -> Result<()> {
        let add = |held: u64| {
            let sum = held.saturating_add(writes as u64);
            (sum <= self.capacity).then_some(sum)
        };
        let taken = self
            .held
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        taken.map(drop).map_err(|held| {
            Error::new(
                ErrorKind::Backpressure,
                "the memory journal is full and took nothing; see why the database takes no writes, look at the dead letters, or allow the journal more",
            )
            .with("held", held)
            .with("capacity", self.capacity)
        })
    }

    fn give_room(&self, writes: usize) {
        self.held.fetch_sub(writes as u64, Ordering::AcqRel);
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new(MemoryJournalOptions::default())
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryJournal")
            .field("shards", &self.shards.len())
            .field("capacity", &self.capacity)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn name(&self) -> &'static str {
        "memory journal (lost with its process)"
    }

    fn durability(&self) -> Durability {
        Durability::Process
    }

    fn shards(&self) -> u32 {
        u32::try_from(self.shards.len()).unwrap_or(u32::MAX)
    }

    async fn append(&self, shard: u32, append: Append<'_>) -> Result<Vec<Sequence>> {
        let mut place = self.shard(shard)?;
        self.check_keys(shard, append.writes)?;
        self.take_room(append.writes.len())?;
        Ok(place.append(&append, self.clock.wall()))
    }

    async fn latest(&self, key: &str) -> Result<Option<JournalRecord>> {
        Ok(self.shard(self.shard_of(key))?.latest(key))
    }

    async fn claim(&self, shard: u32, lasts: Duration) -> Result<Option<ShardClaim>> {
        let mut place = self.shard(shard)?;
        let token = self.random.next_u64();
        let is_claimed = place.claim(token, self.clock.now(), lasts);
        Ok(is_claimed.then_some(ShardClaim { shard, token }))
    }

    async fn renew(&self, claim: &ShardClaim, lasts: Duration) -> Result<bool> {
        let mut place = self.shard(claim.shard)?;
        Ok(place.renew(claim.token, self.clock.now(), lasts))
    }

    async fn release(&self, claim: &ShardClaim) -> Result<()> {
        self.shard(claim.shard)?.release(claim.token);
        Ok(())
    }

    async fn read(
        &self,
        claim: &ShardClaim,
        after: Sequence,
        at_most: usize,
    ) -> Result<Vec<JournalRecord>> {
        Ok(self.claimed(claim)?.read(claim.token, after, at_most))
    }

    async fn acknowledge(&self, claim: &ShardClaim, records: &[JournalRecord]) -> Result<()> {
        let gone = self.claimed(claim)?.acknowledge(records);
        self.give_room(gone);
        Ok(())
    }

    async fn bury(&self, claim: &ShardClaim, records: &[(JournalRecord, String)]) -> Result<()> {
        let gone = self.claimed(claim)?.bury(records);
        self.give_room(gone);
        Ok(())
    }

    async fn dead_letters(&self, at_most: usize) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        for number in 0..self.shards() {
            let wanted = at_most - letters.len();
            letters.extend(self.shard(number)?.letters().take(wanted));
        }
        Ok(letters)
    }

    async fn revive(&self, keys: &[&str]) -> Result<u64> {
        let (mut revived, now) = (0, self.clock.wall());
        self.check_open()?;
        for key in keys {
            match self.shard(self.shard_of(key))?.revive(key, now) {
                shard::Revived::Appended => revived += 1,
                shard::Revived::Dropped => self.give_room(1),
                shard::Revived::Unknown => {}
            }
        }
        Ok(revived)
    }

    async fn discard(&self, keys: &[&str]) -> Result<u64> {
        let mut discarded = 0;
        self.check_open()?;
        for key in keys {
            if self.shard(self.shard_of(key))?.discard(key) {
                self.give_room(1);
                discarded += 1;
            }
        }
        Ok(discarded)
    }

    async fn depth(&self) -> Result<JournalDepth> {
        let (mut depth, mut oldest) = (JournalDepth::default(), None::<Sequence>);
        for number in 0..self.shards() {
            let shard = self.shard(number)?;
            depth.records += shard.records();
            depth.dead_letters += shard.dead_letters();
            oldest = match (oldest, shard.oldest()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let now = self.clock.wall();
        depth.oldest = oldest.map(|sequence| now.since(sequence.time()));
        Ok(depth)
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}
