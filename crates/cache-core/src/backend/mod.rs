//! The seam between the cache and what stores its entries.

mod lease;
mod types;
mod watch;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::lease::{Claim, Fill, FillOutcome, Grant, Judgement, LeaseRequest, Leased};
pub use self::types::{
    Call, Capabilities, Condition, Connections, Cursor, Expiry, Head, Lifetime, Operation, Reply,
    ScanPage, Write,
};
pub use self::watch::{Watch, Watcher};
use crate::clock::Timestamp;
use crate::epoch::{EpochChange, EpochRecord, EpochRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::glob::Glob;
use crate::inspect::Inspect;
use crate::key::Key;

/// Stores bytes under keys: Redis, process memory, or what a test needs.
///
/// Batch-first: every operation takes many keys and answers in their order, one round
/// trip where the store allows it; duplicate keys and empty batches are fine. A missing
/// key is `None` or `false`, never an error. Every call ends within its
/// [`Call::budget`].
///
/// An implementation proves itself with the conformance suite of `larder-testkit`.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// A short name for logs and statistics, such as `redis`.
    fn name(&self) -> &'static str;

    /// What it can do beyond the basics.
    fn capabilities(&self) -> Capabilities;

    /// The time by the clock of the server that holds the key, exact to a few milliseconds.
    ///
    /// # Cost
    /// None once a connection has been made: it is an offset to a monotonic clock.
    ///
    /// # Errors
    /// When the server could never be asked.
    async fn now(&self, key: &Key, call: Call) -> Result<Timestamp>;

    /// Reads values.
    ///
    /// # Errors
    /// Kind `WrongType` where a single key was asked for and it holds no plain string; in
    /// a batch such a key is `None`.
    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>>;

    /// Reads the beginning of values, with their length and remaining time to live.
    /// A key that holds no plain string is `None`.
    ///
    /// # Errors
    /// As the connection has them.
    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>>;

    /// Stores values; `false` where the condition of a write did not hold. A write
    /// replaces whatever stood under the key, its time to live included.
    ///
    /// # Errors
    /// After an error some of the writes may have been applied.
    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>>;

    /// Deletes keys and says how many there were; a key named twice counts once.
    ///
    /// # Errors
    /// After an error some of the keys may have been deleted.
    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64>;

    /// Says which keys there are.
    ///
    /// # Errors
    /// As the connection has them.
    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>>;

    /// Says how long keys have to live; `None` where there is no such key.
    ///
    /// # Errors
    /// As the connection has them.
    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>>;

    /// Moves the soft and hard expiry of stored entries, in their headers and in the
    /// store, by the server's clock and in one step per key; `false` where there is no
    /// such key or no entry of ours under it.
    ///
    /// # Errors
    /// After an error some of the keys may have been changed.
    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>>;

    /// Asks for leases, by the server's clock and in one step per key, as
    /// [`Claim::judge`] says. Any other write to the key ends the lease.
    ///
    /// # Errors
    /// After an error some of the leases may stand, with nobody who knows them, until they
    /// run out.
    async fn lease(&self, requests: &[LeaseRequest], call: Call) -> Result<Vec<Leased>>;

    /// Ends leases, each in one step; `false` where the header under the key does not hold
    /// the token any more, or the connection that granted it is gone: nothing was done then.
    ///
    /// # Errors
    /// After an error some of it may have been done.
    async fn fill(&self, fills: &[Fill], call: Call) -> Result<Vec<bool>>;

    /// Makes entries stale, in their headers, and ends their leases; placeholders are
    /// removed. `false` where there is no entry of ours.
    ///
    /// # Errors
    /// After an error some of the keys may have been changed.
    async fn mark_stale(&self, keys: &[Key], call: Call) -> Result<Vec<bool>>;

    /// Reads epoch records, and makes those that are not there; they are kept for `ttl` from
    /// then on. `None`: there is none, and none could be made. What is no plain string is
    /// read as no bytes.
    ///
    /// # Cost
    /// One round trip, and one more where there are records to be made.
    ///
    /// # Errors
    /// After an error some of them may have been made.
    async fn epochs(
        &self,
        requests: &[EpochRequest],
        ttl: Duration,
        call: Call,
    ) -> Result<Vec<Option<Bytes>>> {
        let half = Call::within(call.budget / 2);
        let read = |request: &EpochRequest| Operation::Get(request.key.clone());
        let reads: Vec<_> = requests.iter().map(read).collect();
        let found = self.pipeline(&reads, half).await?.into_iter();
        let mut found: Vec<_> = found.map(stored_value).collect::<Result<_>>()?;
        let absent: Vec<_> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
        if absent.is_empty() {
            return Ok(found);
        }
        let make = |at: &usize| {
            let EpochRequest { key, proposed } = &requests[*at];
            let write = Write {
                key: key.clone(),
                value: Bytes::from(EpochRecord::new(*proposed).encode()),
                ttl: Some(ttl),
                condition: Condition::IfAbsent,
            };
            [Operation::Set(write), Operation::Get(key.clone())]
        };
        let operations: Vec<_> = absent.iter().flat_map(make).collect();
        let made = self.pipeline(&operations, half).await?;
        // A server that is full makes none, which is no reason not to answer.
        for (at, reply) in absent.into_iter().zip(made.into_iter().skip(1).step_by(2)) {
            found[at] = stored_value(reply)?;
        }
        Ok(found)
    }

    /// Changes epoch records, each in one step, as [`EpochChange::apply_to`] says. A record
    /// is kept for 30 days after its last change.
    ///
    /// # Errors
    /// After an error some of them may have been changed.
    async fn renew(&self, changes: &[EpochChange], call: Call) -> Result<()>;

    /// Tells a watcher of changes from now on, for as long as it lives; `false` where that
    /// can't be had. A backend has one watcher at most: the last one.
    fn watch(&self, watch: Watch) -> bool {
        drop(watch);
        false
    }

    /// Reads one page of the keys that match. A key present from the first page to the
    /// last is returned at least once; one that comes or goes meanwhile may be.
    ///
    /// `limit` is a wish: a page may be larger, smaller or empty.
    ///
    /// # Errors
    /// As the connection has them; the same page can be asked for again.
    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage>;

    /// Runs different operations in order, in one round trip where the store allows it.
    /// Each has a result of its own.
    ///
    /// # Errors
    /// When none of them got an answer.
    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>>;

    /// The connections it holds now.
    fn connections(&self) -> Connections;

    /// Facts about its servers, where it can tell.
    fn inspect(&self) -> Option<&dyn Inspect> {
        None
    }

    /// Ends its connections and tasks; later calls fail with kind `Closed`.
    async fn close(&self);
}

fn stored_value(reply: Result<Reply>) -> Result<Option<Bytes>> {
    match reply {
        Ok(Reply::Value(value)) => Ok(value),
        Ok(Reply::Done(_)) => Err(unexpected_reply()),
        Err(error) if error.kind() == ErrorKind::WrongType => Ok(Some(Bytes::new())),
        Err(error) => Err(error),
    }
}

fn unexpected_reply() -> Error {
    Error::new(
        ErrorKind::Server,
        "the backend gave another kind of answer than a read has",
    )
}
