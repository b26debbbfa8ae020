//! The seam to journals: what keeps the writes that the database has not seen yet.

mod record;
mod sequence;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use xxhash_rust::xxh3::xxh3_64;

pub use self::record::{
    Append, DeadLetter, Durability, JournalDepth, JournalRecord, JournalWrite, ShardClaim,
};
pub use self::sequence::Sequence;
use crate::error::Result;

/// Keeps writes until the database has them.
///
/// A journal is a number of *shards*. All writes of a key are in one, in the order in which they
/// were appended; each has a [`Sequence`], and stays until it is acknowledged or buried. One
/// consumer at a time, the holder of the shard's [claim](Journal::claim), reads a shard.
///
/// Two journals of one name in one place are one journal: processes share it, where the place
/// can be shared.
///
/// # Concurrency
/// Every operation on a shard is atomic: it happens wholly or not at all, also where the process
/// or the server is killed in the midst of it.
#[async_trait]
pub trait Journal: Debug + Send + Sync + 'static {
    /// A name for logs, such as `redis stream`.
    fn name(&self) -> &'static str;

    /// What an acknowledged write survives.
    fn durability(&self) -> Durability;

    /// How many shards there are, at least one; the same for all who use the journal.
    fn shards(&self) -> u32;

    /// The shard that holds the writes of a key.
    fn shard_of(&self, key: &str) -> u32 {
        let shards = u64::from(self.shards().max(1));
        u32::try_from(xxh3_64(key.as_bytes()) % shards).unwrap_or(0)
    }

    /// Appends writes to a shard, in this order and without others between them, and returns
    /// their numbers. When it has returned, they are as durable as the journal makes them.
    ///
    /// # Errors
    /// Kind `Backpressure` where the journal is full: nothing was appended then. After an error
    /// that is not [replay safe](crate::Error::is_replay_safe), they may have been.
    async fn append(&self, shard: u32, append: Append<'_>) -> Result<Vec<Sequence>>;

    /// The last write of a key that is neither acknowledged nor buried.
    ///
    /// # Errors
    /// When the journal could not be asked.
    async fn latest(&self, key: &str) -> Result<Option<JournalRecord>>;

    /// Makes the caller the consumer of a shard, for so long; `None`: somebody else is. A claim
    /// that is not renewed in time ends, and what its holder read is read again by the next.
    ///
    /// # Errors
    /// When the journal could not be asked.
    async fn claim(&self, shard: u32, lasts: Duration) -> Result<Option<ShardClaim>>;

    /// Prolongs a claim, to so long from now; `false`: it has ended.
    ///
    /// # Errors
    /// When the journal could not be asked.
    async fn renew(&self, claim: &ShardClaim, lasts: Duration) -> Result<bool>;

    /// Ends a claim. One that has ended is none.
    ///
    /// # Errors
    /// When the journal could not be asked.
    async fn release(&self, claim: &ShardClaim) -> Result<()>;

    /// The writes of a claimed shard that are neither acknowledged nor buried and come after
    /// `after`, the oldest first.
    ///
    /// # Errors
    /// Kind `Superseded` where the claim has ended, or when the journal could not be asked.
    async fn read(
        &self,
        claim: &ShardClaim,
        after: Sequence,
        at_most: usize,
    ) -> Result<Vec<JournalRecord>>;

    /// Takes writes off a claimed shard, which the database has, or a later one of their keys in
    /// their place; and off the dead letters, what is older of the same keys. Those that are not
    /// there are none.
    ///
    /// # Errors
    /// Kind `Superseded` where the claim has ended, or when the journal could not be asked.
    async fn acknowledge(&self, claim: &ShardClaim, records: &[JournalRecord]) -> Result<()>;

    /// Moves writes from a claimed shard to the dead letters, each with a reason. There is one
    /// letter for each key: an older one makes way.
    ///
    /// # Errors
    /// Kind `Superseded` where the claim has ended, or when the journal could not be asked.
    async fn bury(&self, claim: &ShardClaim, records: &[(JournalRecord, String)]) -> Result<()>;

    /// Dead letters, the oldest of each shard first.
    ///
    /// # Errors
    /// When the journal could not be asked.
    async fn dead_letters(&self, at_most: usize) -> Result<Vec<DeadLetter>>;

    /// Appends the dead letters of these keys again, as writes of now, and says how many. Where
    /// a later write of the key waits in the journal, the letter is dropped instead: that one is
    /// to win.
    ///
    /// # Errors
    /// When the journal could not be asked; letters of some shards may have been revived.
    async fn revive(&self, keys: &[&str]) -> Result<u64>;

    /// Drops the dead letters of these keys for ever, and says how many there were.
    ///
    /// # Errors
    /// When the journal could not be asked; letters of some shards may have been dropped.
    async fn discard(&self, keys: &[&str]) -> Result<u64>;

    /// How much there is.
    ///
    /// # Errors
    /// When the journal could not be asked.
    async fn depth(&self) -> Result<JournalDepth>;

    /// Ends the use of the journal: what comes later is an error of kind `Closed`.
    async fn close(&self);
}
