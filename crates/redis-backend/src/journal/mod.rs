//! A journal in Redis Streams.

mod answer;
mod consumer;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod letter;
mod letters;
mod options;
mod producer;
mod record;
mod safety;
mod scripts;
mod shard;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use larder_cache_core::{
    Append, Call, Clock, DeadLetter, Durability, Error, ErrorKind, Journal, JournalDepth,
    JournalRecord, Observers, Random, Result, Sequence, ShardClaim, SystemRandom,
};
use redis::Value;

use self::answer::Answer;
pub use self::options::{AtRisk, StreamJournalOptions};
use self::safety::Safety;
use self::shard::Shard;
use crate::commands::{Naming, ScriptCall, Step, only};
use crate::config::{AtStart, RedisConfig};
use crate::error;
use crate::servers::Servers;

/// A journal in Redis Streams, which any number of processes share: on one server, behind
/// Sentinels or in a cluster.
///
/// Each shard is a stream and what belongs to it, all in one slot of a cluster, under
/// `{prefix}~journal:{name:shard}:`. Every operation is one script. There is no consumer group:
/// who holds the claim reads the stream itself, in order, and what is done with is deleted from
/// it, so that what is in the stream is what waits. Nothing is ever trimmed. Where somebody else
/// trims it, deletes its keys, or writes what is no write, that is told in the log as an error:
/// of trimmed writes from Redis 7.0 on, which counts what was added. Entries that are no writes
/// are moved to the stream that ends in `:aside`, which keeps about 1,000 of them.
///
/// # What it survives
/// The end of any process. Redis must write its append-only log (`appendonly yes`) and must not
/// evict the keys (`maxmemory-policy` `noeviction` or `volatile-*`): without both
/// the journal does not start, and appends nothing after a reconnection to such a server. With
/// `appendfsync everysec` a power failure takes the last second or two, and so may a kill of Redis
/// in the midst of a sync, when it holds its log back; with `always` nothing is lost.
/// A failover takes what the replica had not received: `WAIT` is not used, as it would add the
/// replica's round trip to every append and still not undo one that was too late.
/// `min-replicas-to-write` with `min-replicas-max-lag` bounds what can be lost. Numbers grow all
/// the same as far as this process has seen them.
///
/// A claim ends by the server's clock, which a failover or a correction can change: then two
/// consumers may work at once for a moment. The former one is refused when it acknowledges, and
/// [`Sequence`] is what the database can refuse late writes by.
///
/// # Concurrency
/// Appends of one process to one shard that are under way at once are in no order; one that is
/// begun after another has returned comes behind it.
///
/// # Cost
/// Each operation is one round trip, all shards at the same time where it is about all;
/// [`read`](Journal::read) takes one for every 1,000 records or 4 MiB, and
/// [`dead_letters`](Journal::dead_letters) one for each shard and for every 100. Redis holds a waiting write in about 100 to 200 bytes besides twice its key
/// and its value. Values go over the connection that all share: those of megabytes hold others
/// up.
///
/// The server works for about 10 microseconds on an append of one write and 20 on one of several,
/// most of it in the script, where a `SET` takes it one; for acknowledging 10,000 at once some 50
/// milliseconds, in which it does nothing else. `cargo xtask bench patterns` measures what a
/// caller waits.
///
/// A Redis user needs, besides what the cache needs, `+hget +hset +hmget +hdel +hlen +hgetall
/// +hincrby +xadd +xdel +xlen +xrange +xrevrange +xsetid +zadd +zcard +zscore +zrangebylex
/// +zremrangebylex +info +xinfo|stream`; with `+config|get` it can tell whether it survives a power failure.
///
/// # Cancel safety
/// A call that is dropped may still be carried out by the server, and so may one without an
/// answer: a claim of which nobody knows ends by itself.
#[derive(Debug)]
pub struct RedisStreamJournal {
    servers: Arc<Servers>,
    connections: Owner,
    name: String,
    shards: Vec<Shard>,
    shard_capacity: u64,
    call: Call,
    /// Who appends dead letters again.
    reviver: u64,
    safety: Safety,
    durability: Durability,
    is_closed: AtomicBool,
}

/// Whose connections a journal uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Journal,
    Backend,
}

impl RedisStreamJournal {
    /// Connects to the servers of a configuration, over connections of its own;
    /// [`RedisBackend::journal`](crate::RedisBackend::journal) shares those of a cache. The
    /// journal is made where it is not there.
    ///
    /// A server that is down is an error, whatever the configuration's
    /// [`at_start`](RedisConfig::at_start) says: a journal that is not there keeps nothing.
    ///
    /// # Cost
    /// Six round trips to each server.
    ///
    /// # Errors
    /// Kind `Config` for settings that can't work, for a server that would lose acknowledged
    /// writes (see [`AtRisk`]), and for a journal that was made with another number of shards.
    /// Else those of [`RedisBackend::connect`](crate::RedisBackend::connect).
    pub async fn connect(
        config: RedisConfig,
        options: StreamJournalOptions,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        options.validate()?;
        let config = config.at_start(AtStart::Required);
        let servers = Servers::connect(&config, observers, clock).await;
        let servers = servers.map_err(|error| not_started(error, &options))?;
        Self::start(Arc::new(servers), Owner::Journal, options).await
    }

    pub(crate) async fn over(servers: Arc<Servers>, options: StreamJournalOptions) -> Result<Self> {
        options.validate()?;
        Self::start(servers, Owner::Backend, options).await
    }

    async fn start(
        servers: Arc<Servers>,
        connections: Owner,
        options: StreamJournalOptions,
    ) -> Result<Self> {
        let mut journal = Self {
            servers,
            connections,
            shards: Shard::all(&options)?,
            shard_capacity: options.shard_capacity(),
            call: Call::within(options.budget),
            reviver: SystemRandom.next_u64(),
            safety: Safety::new(options.at_risk),
            durability: Durability::Process,
            is_closed: AtomicBool::new(false),
            name: options.name.clone(),
        };
        match journal.begin().await {
            Ok(durability) => journal.durability = durability,
            Err(error) => {
                journal.close().await;
                return Err(not_started(error, &options));
            }
        }
        Ok(journal)
    }

    async fn begin(&self) -> Result<Durability> {
        let durability = self.safety.check_all(&self.servers, self.call).await?;
        let count = Bytes::from(self.shards.len().to_string());
        // The first shard by itself: of two processes that begin at once with different numbers
        // one goes on.
        let (first, others) = self.shards.split_at(1);
        for shards in [first, others] {
            let call = |shard| Shard::call(shard, &scripts::START, vec![count.clone()]);
            let calls: Vec<ScriptCall<'_>> = shards.iter().map(call).collect();
            for answer in self.ask_all(&calls).await? {
                answer?.done()?;
            }
        }
        Ok(durability)
    }

    fn shard(&self, number: u32) -> Result<&Shard> {
        let found = usize::try_from(number).ok();
        found.and_then(|at| self.shards.get(at)).ok_or_else(|| {
            let message = "the journal has no such shard: ask shard_of for the shard of a key";
            let error = Error::new(ErrorKind::Config, message).with("found", number);
            error.with("shards", self.shards.len()).replay_safe()
        })
    }

    /// Runs a script.
    async fn ask(&self, call: &ScriptCall<'_>) -> Result<Answer> {
        self.ask_within(call, self.call).await
    }

    async fn ask_within(&self, call: &ScriptCall<'_>, terms: Call) -> Result<Answer> {
        Answer::read(self.reply_within(call, terms).await?)
    }

    async fn reply_within(&self, call: &ScriptCall<'_>, terms: Call) -> Result<Value> {
        self.check_open()?;
        let steps = [Step::Script(call, Naming::Digest)];
        let mut answers = self.servers.run(&steps, terms).await?;
        let answer = answers.pop();
        let replies = answer.ok_or_else(|| error::unexpected_reply("an answer to each step"))?;
        only(replies?.replies)
    }

    /// Runs scripts at the same time.
    async fn ask_all(&self, calls: &[ScriptCall<'_>]) -> Result<Vec<Result<Answer>>> {
        self.check_open()?;
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let step = |call| Step::Script(call, Naming::Digest);
        let steps: Vec<Step<'_>> = calls.iter().map(step).collect();
        let answers = self.servers.run(&steps, self.call).await?;
        let read = |answer: crate::commands::Answer| Answer::read(only(answer?.replies)?);
        Ok(answers.into_iter().map(read).collect())
    }

    fn check_open(&self) -> Result<()> {
        match self.is_closed.load(Ordering::Acquire) {
            true => Err(closed()),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Journal for RedisStreamJournal {
    fn name(&self) -> &'static str {
        "redis stream"
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn shards(&self) -> u32 {
        u32::try_from(self.shards.len()).unwrap_or(u32::MAX)
    }

    async fn append(&self, shard: u32, append: Append<'_>) -> Result<Vec<Sequence>> {
        self.append_to(shard, append).await
    }

    async fn latest(&self, key: &str) -> Result<Option<JournalRecord>> {
        self.latest_of(key).await
    }

    async fn claim(&self, shard: u32, lasts: Duration) -> Result<Option<ShardClaim>> {
        self.claim_shard(shard, lasts).await
    }

    async fn renew(&self, claim: &ShardClaim, lasts: Duration) -> Result<bool> {
        self.renew_claim(claim, lasts).await
    }

    async fn release(&self, claim: &ShardClaim) -> Result<()> {
        self.release_claim(claim).await
    }

    async fn read(
        &self,
        claim: &ShardClaim,
        after: Sequence,
        at_most: usize,
    ) -> Result<Vec<JournalRecord>> {
        self.read_shard(claim, after, at_most).await
    }

    async fn acknowledge(&self, claim: &ShardClaim, records: &[JournalRecord]) -> Result<()> {
        self.take_off(claim, records).await
    }

    async fn bury(&self, claim: &ShardClaim, records: &[(JournalRecord, String)]) -> Result<()> {
        self.move_to_dead(claim, records).await
    }

    async fn dead_letters(&self, at_most: usize) -> Result<Vec<DeadLetter>> {
        self.letters(at_most).await
    }

    async fn revive(&self, keys: &[&str]) -> Result<u64> {
        self.append_again(keys).await
    }

    async fn discard(&self, keys: &[&str]) -> Result<u64> {
        self.drop_letters(keys).await
    }

    async fn depth(&self) -> Result<JournalDepth> {
        self.measure().await
    }

    async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        if self.connections == Owner::Journal {
            self.servers.close().await;
        }
    }
}

fn not_started(error: Error, options: &StreamJournalOptions) -> Error {
    error.with("journal", &options.name)
}

fn closed() -> Error {
    let message = "the journal was closed";
    Error::new(ErrorKind::Closed, message).replay_safe()
}
