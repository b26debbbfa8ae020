//! A journal that fails where a test says so.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_cache_core::{
    Append, DeadLetter, Durability, Error, ErrorKind, Journal, JournalDepth, JournalRecord, Result,
    Sequence, ShardClaim, async_trait,
};
use larder_memory_backend::MemoryJournal;

/// An operation of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Append,
    /// It is done, and nobody hears of it.
    AppendReply,
    Latest,
    Renew,
    Read,
    Acknowledge,
    Bury,
}

/// A journal that fails where a test says so.
#[derive(Debug)]
pub(crate) struct Flaky {
    journal: MemoryJournal,
    failing: Mutex<HashSet<Operation>>,
    durability: Mutex<Durability>,
}

impl Flaky {
    pub(crate) fn new(journal: MemoryJournal) -> Arc<Self> {
        Arc::new(Self {
            journal,
            failing: Mutex::default(),
            durability: Mutex::new(Durability::Process),
        })
    }

    pub(crate) fn fail(&self, operation: Operation) {
        self.failing.lock().unwrap().insert(operation);
    }

    pub(crate) fn survives(&self, durability: Durability) {
        *self.durability.lock().unwrap() = durability;
    }

    pub(crate) fn mend(&self) {
        self.failing.lock().unwrap().clear();
    }

    fn check(&self, operation: Operation) -> Result<()> {
        match self.failing.lock().unwrap().contains(&operation) {
            true => Err(Error::new(ErrorKind::Timeout, "the journal did not answer")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Journal for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }

    fn durability(&self) -> Durability {
        *self.durability.lock().unwrap()
    }

    fn shards(&self) -> u32 {
        self.journal.shards()
    }

    async fn append(&self, shard: u32, append: Append<'_>) -> Result<Vec<Sequence>> {
        self.check(Operation::Append)?;
        let appended = self.journal.append(shard, append).await;
        self.check(Operation::AppendReply)?;
        appended
    }

    async fn latest(&self, key: &str) -> Result<Option<JournalRecord>> {
        self.check(Operation::Latest)?;
        self.journal.latest(key).await
    }

    async fn claim(&self, shard: u32, lasts: Duration) -> Result<Option<ShardClaim>> {
        self.journal.claim(shard, lasts).await
    }

    async fn renew(&self, claim: &ShardClaim, lasts: Duration) -> Result<bool> {
        self.check(Operation::Renew)?;
        self.journal.renew(claim, lasts).await
    }

    async fn release(&self, claim: &ShardClaim) -> Result<()> {
        self.journal.release(claim).await
    }

    async fn read(
        &self,
        claim: &ShardClaim,
        after: Sequence,
        at_most: usize,
    ) -> Result<Vec<JournalRecord>> {
        self.check(Operation::Read)?;
        self.journal.read(claim, after, at_most).await
    }

    async fn acknowledge(&self, claim: &ShardClaim, records: &[JournalRecord]) -> Result<()> {
        self.check(Operation::Acknowledge)?;
        self.journal.acknowledge(claim, records).await
    }

    async fn bury(&self, claim: &ShardClaim, records: &[(JournalRecord, String)]) -> Result<()> {
        self.check(Operation::Bury)?;
        self.journal.bury(claim, records).await
    }

    async fn dead_letters(&self, at_most: usize) -> Result<Vec<DeadLetter>> {
        self.journal.dead_letters(at_most).await
    }

    async fn revive(&self, keys: &[&str]) -> Result<u64> {
        self.journal.revive(keys).await
    }

    async fn discard(&self, keys: &[&str]) -> Result<u64> {
        self.journal.discard(keys).await
    }

    async fn depth(&self) -> Result<JournalDepth> {
        self.journal.depth().await
    }

    async fn close(&self) {
        self.journal.close().await;
    }
}
