//! The backend: the store behind the promises of the seam.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::entry::{HEADER_BYTES, encode_expiry};
use larder_cache_core::{
    Backend, Call, Capabilities, Clock, Connections, Cursor, EpochChange, Error, ErrorKind, Expiry,
    Fill, FillOutcome, Glob, Head, Inspect, Key, LeaseRequest, Leased, Lifetime, Moment, Node,
    Operation, Reply, Result, ScanPage, Timestamp, Write, async_trait,
};

use crate::builder::MemoryBackendBuilder;
use crate::record::{counted_bytes, deadline};
use crate::store::Store;

/// Stores bytes in the memory of this process, as many as it is allowed.
///
/// Keys, values and [`ENTRY_OVERHEAD_BYTES`](crate::ENTRY_OVERHEAD_BYTES) for each count
/// against one budget. When it is used up, expired values go where eviction meets them,
/// then by SIEVE those that nobody read lately; only `get` counts as reading. A value
/// larger than the whole budget is refused with kind `TooLarge`.
///
/// Its time is the wall clock at its construction, moved on by the monotonic clock: a host
/// whose wall clock is set back or forth expires nothing early or late.
///
/// # Concurrency
/// Keys are spread over 64 locks. Reads share them; each key of a batch is read or written
/// in one step, a batch as a whole is not.
///
/// # Cost
/// Every call is done when it is first polled. A `get` hands out the stored bytes without
/// a copy; they stay in memory, uncounted, while somebody holds them after they were
/// evicted. A `set` copies the value, so that a slice never keeps a larger buffer alive.
pub struct MemoryBackend {
    store: Store,
    clock: Arc<dyn Clock>,
    began: Moment,
    began_at: Timestamp,
    closed: AtomicBool,
}

impl MemoryBackend {
    /// A backend that holds this many bytes at most, by the system's clock.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self::builder(max_bytes).build()
    }

    /// Makes a backend that holds this many bytes at most.
    #[must_use]
    pub const fn builder(max_bytes: u64) -> MemoryBackendBuilder {
        MemoryBackendBuilder::new(max_bytes)
    }

    pub(crate) fn with(max_bytes: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: Store::new(max_bytes),
            began: clock.now(),
            began_at: clock.wall(),
            clock,
            closed: AtomicBool::new(false),
        }
    }

    /// The present, unless the backend is closed.
    fn moment(&self) -> Result<Moment> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Closed,
                "the memory backend was closed; build another one",
            ));
        }
        Ok(self.clock.now())
    }

    fn timestamp(&self, now: Moment) -> Timestamp {
        let millis = u64::try_from(now.since(self.began).as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(self.began_at.as_millis().saturating_add(millis))
    }

    fn check(&self, key: &Key, value_bytes: usize, ttl: Option<Duration>) -> Result<()> {
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err(Error::new(
                ErrorKind::InvalidTtl,
                "a time to live must be at least one millisecond; use delete to remove a value",
            ));
        }
        let bytes = counted_bytes(key.as_bytes().len(), value_bytes);
        let limit = self.store.usage().max_bytes();
        if bytes > limit {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "a value is larger than the whole memory backend; allow the backend more bytes or store less under one key",
            )
            .with("bytes", bytes)
            .with("limit", limit));
        }
        Ok(())
    }

    fn check_write(&self, write: &Write) -> Result<()> {
        self.check(&write.key, write.value.len(), write.ttl)
    }

    fn check_fill(&self, fill: &Fill) -> Result<()> {
        match &fill.outcome {
            FillOutcome::Store(value, ttl) => self.check(&fill.key, value.len(), *ttl),
            _ => Ok(()),
        }
    }

    fn set_one(&self, write: &Write, now: Moment) -> Result<bool> {
        self.check_write(write)?;
        Ok(self.store.set(write, now))
    }

    fn expire_one(&self, key: &Key, lifetime: Lifetime, now: Moment) -> bool {
        let from = self.timestamp(now);
        let soft_and_hard = encode_expiry(
            lifetime.soft.map(|soft| from.after(soft)),
            lifetime.hard.map(|hard| from.after(hard)),
        );
        self.store
            .expire(key, soft_and_hard, deadline(lifetime.hard, now), now)
    }

    fn run(&self, operation: &Operation, now: Moment) -> Result<Reply> {
        match operation {
            Operation::Get(key) => Ok(Reply::Value(self.store.get(key, now))),
            Operation::Set(write) => self.set_one(write, now).map(Reply::Done),
            Operation::Delete(key) => Ok(Reply::Done(self.store.delete(key, now))),
            Operation::Expire(key, lifetime) => {
                Ok(Reply::Done(self.expire_one(key, *lifetime, now)))
            }
            other => Err(Error::new(
                ErrorKind::Unsupported,
                "the memory backend does not know this operation",
            )
            .with("operation", format!("{other:?}"))),
        }
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::in_process()
    }

    async fn now(&self, _: &Key, _: Call) -> Result<Timestamp> {
        Ok(self.timestamp(self.moment()?))
    }

    async fn get(&self, keys: &[Key], _: Call) -> Result<Vec<Option<Bytes>>> {
        let now = self.moment()?;
        Ok(keys.iter().map(|key| self.store.get(key, now)).collect())
    }

    async fn head(&self, keys: &[Key], bytes: usize, _: Call) -> Result<Vec<Option<Head>>> {
        let now = self.moment()?;
        let head = |key| self.store.head(key, bytes, now);
        Ok(keys.iter().map(head).collect())
    }

    async fn set(&self, writes: &[Write], _: Call) -> Result<Vec<bool>> {
        let now = self.moment()?;
        for write in writes {
            self.check_write(write)?;
        }
        Ok(writes.iter().map(|w| self.store.set(w, now)).collect())
    }

    async fn delete(&self, keys: &[Key], _: Call) -> Result<u64> {
        let now = self.moment()?;
        let deleted = |key| u64::from(self.store.delete(key, now));
        Ok(keys.iter().map(deleted).sum())
    }

    async fn exists(&self, keys: &[Key], _: Call) -> Result<Vec<bool>> {
        let now = self.moment()?;
        Ok(keys.iter().map(|key| self.store.exists(key, now)).collect())
    }

    async fn ttl(&self, keys: &[Key], _: Call) -> Result<Vec<Option<Expiry>>> {
        let now = self.moment()?;
        Ok(keys.iter().map(|key| self.store.ttl(key, now)).collect())
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, _: Call) -> Result<Vec<bool>> {
        let now = self.moment()?;
        let expire = |key| self.expire_one(key, lifetime, now);
        Ok(keys.iter().map(expire).collect())
    }

    async fn lease(&self, requests: &[LeaseRequest], _: Call) -> Result<Vec<Leased>> {
        let now = self.moment()?;
        for request in requests {
            self.check(&request.key, HEADER_BYTES, Some(request.lasts))?;
        }
        let at = self.timestamp(now);
        let lease = |request| self.store.lease(request, now, at);
        Ok(requests.iter().map(lease).collect())
    }

    async fn fill(&self, fills: &[Fill], _: Call) -> Result<Vec<bool>> {
        let now = self.moment()?;
        for fill in fills {
            self.check_fill(fill)?;
        }
        let at = self.timestamp(now);
        let fill = |fill| self.store.fill(fill, now, at);
        fills.iter().map(fill).collect()
    }

    async fn mark_stale(&self, keys: &[Key], _: Call) -> Result<Vec<bool>> {
        let now = self.moment()?;
        let mark_stale = |key| self.store.mark_stale(key, now);
        Ok(keys.iter().map(mark_stale).collect())
    }

    async fn renew(&self, changes: &[EpochChange], _: Call) -> Result<()> {
        let now = self.moment()?;
        for change in changes {
            self.store.renew(change, now);
        }
        Ok(())
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        _: Call,
    ) -> Result<ScanPage> {
        let now = self.moment()?;
        self.store.page(&cursor, pattern, limit, now)
    }

    async fn pipeline(&self, operations: &[Operation], _: Call) -> Result<Vec<Result<Reply>>> {
        let now = self.moment()?;
        Ok(operations.iter().map(|op| self.run(op, now)).collect())
    }

    fn connections(&self) -> Connections {
        Connections::default()
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.store.clear();
    }
}

#[async_trait]
impl Inspect for MemoryBackend {
    async fn nodes(&self, _: Call) -> Result<Vec<Node>> {
        let now = self.moment()?;
        let usage = self.store.usage();
        let mut node = Node::new("in-process", "in-process");
        node.used_memory_bytes = Some(usage.used_bytes());
        node.max_memory_bytes = Some(usage.max_bytes());
        node.eviction_policy = Some("sieve".to_owned());
        node.evicted_keys = Some(usage.evicted());
        node.uptime = Some(now.since(self.began));
        Ok(vec![node])
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usage = self.store.usage();
        f.debug_struct("MemoryBackend")
            .field("max_bytes", &usage.max_bytes())
            .field("used_bytes", &usage.used_bytes())
            .field("evicted", &usage.evicted())
            .finish_non_exhaustive()
    }
}
