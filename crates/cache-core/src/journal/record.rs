//! What goes into a journal and what comes out of it.

use std::time::Duration;

use bytes::Bytes;

use super::Sequence;

/// A write of a key as a whole: what was there before is of no interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalWrite {
    /// The user's key.
    pub key: String,
    /// The value; `None`: it was deleted.
    pub value: Option<Bytes>,
}

/// Writes to be appended.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// A random number of who writes, the same for all it writes, never used before.
    pub writer: u64,
    /// All that this writer appended to the shard up to here is *settled*: what it had to do
    /// besides, such as to change a cache, is done.
    pub settled: Sequence,
    /// The writes.
    pub writes: &'a [JournalWrite],
}

/// A write in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// Where it stands.
    pub sequence: Sequence,
    /// The user's key.
    pub key: String,
    /// The value; `None`: it was deleted.
    pub value: Option<Bytes>,
    /// Who appended it.
    pub writer: u64,
    /// Whether its writer has said that it is settled. A journal may learn of that some time
    /// later, up to 100 milliseconds of its writer's writes.
    pub is_settled: bool,
    /// How many holders of a claim have read it, this one included; 0 where it was not read
    /// under a claim.
    pub deliveries: u32,
}

/// The right to read a shard and to take from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardClaim {
    /// Which shard.
    pub shard: u32,
    /// A random number, never used before.
    pub token: u64,
}

/// A write that can't be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it stood.
    pub sequence: Sequence,
    /// The user's key.
    pub key: String,
    /// The value; `None`: it was to be deleted.
    pub value: Option<Bytes>,
    /// Why it can't be made.
    pub reason: String,
}

/// How much there is in a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalDepth {
    /// Writes that are neither acknowledged nor buried.
    pub records: u64,
    /// The age of the oldest of them.
    pub oldest: Option<Duration>,
    /// Dead letters.
    pub dead_letters: u64,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Nothing: it is lost with its process.
    Process,
    /// The end of any process; a power failure may take the last writes.
    Crash,
    /// A power failure as well.
    PowerLoss,
}
