//! The backend.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use larder_cache_core::entry::is_stub;
use larder_cache_core::{
    Backend, Call, Capabilities, Clock, Connections, Cursor, EpochChange, Expiry, Fill,
    FillOutcome, Glob, Head, Inspect, Key, LeaseRequest, Leased, Lifetime, Node, Observers,
    Operation, Reply, Result, ScanPage, Timestamp, Watch, Write,
};

use tokio::time::Instant;

use crate::bulk::{self, Bulk, Large, MAX_STUB_BYTES};
use crate::config::RedisConfig;
use crate::journal::{RedisStreamJournal, StreamJournalOptions};
use crate::lane::deadline_of;
use crate::servers::Servers;

/// Redis or Valkey as the store of a cache: one server, the master behind Sentinels, or a
/// cluster.
///
/// All callers share one connection to each server, which pipelines their commands. A
/// background task keeps it: it asks for a sign of life every
/// [`heartbeat`](RedisConfig::heartbeat), and connects again when the connection is lost.
///
/// In a cluster a batch is divided among the nodes that hold its keys, and keys that have
/// moved are followed within the call: no caller ever sees a redirection. A node that is
/// down fails the calls for its keys at once, and no others; meanwhile the other nodes are
/// asked for its successor every 100 to 300 milliseconds. Behind Sentinels the master is
/// left as soon as they name another one, or it says that it is none any more.
///
/// # Concurrency
/// Any number of calls may run at once; they don't wait for each other but for the
/// server, which answers in the order asked. While a first or a lost connection is made,
/// calls wait for it within their budget; once that has failed, calls fail at once until
/// the server is back. Operations on one key keep their order within a call; those on
/// keys of different nodes have none.
///
/// # Cost
/// One round trip per call and per 1,000 keys of it, to each node at the same time;
/// [`pipeline`](Backend::pipeline) is always one where there is one server. A value that is
/// read is handed on in the buffer it was read into: a small one keeps up to 64 KiB of its
/// neighbours in memory for as long as it lives.
///
/// A lease is one script. A fill is the value under a name for the time being and a script that
/// puts it in place, both in one go. While changes are [watched](Backend::watch), each server
/// that takes writes is asked for its role every 100 ms.
///
/// A value above [`bulk_from`](RedisConfig::bulk_from) goes over connections of its own: one
/// round trip more to read it and two more to store it, each with a sign of life of the
/// connection before. A pipeline that reads such a value and then replaces or deletes it
/// finds nothing there.
///
/// # Cancel safety
/// A call that is dropped may still be carried out by the server.
#[derive(Debug)]
pub struct RedisBackend {
    servers: Arc<Servers>,
    bulk: Bulk,
}

impl RedisBackend {
    /// Connects to the servers of a configuration.
    ///
    /// Must be called within a Tokio runtime, which the backend's tasks live in: when
    /// that runtime ends, the backend is closed.
    ///
    /// # Cost
    /// Three round trips to each server. Where the server is down, up to
    /// [`max_retries`](RedisConfig::max_retries) further attempts with pauses between.
    ///
    /// # Errors
    /// Kind `Config` for settings that can't work, for a replica, for a server that is too
    /// old, for nodes that are no cluster and for a service that no Sentinel knows; kind
    /// `Auth` where the login is refused; kind `Connection` where something else than Redis
    /// answers. A server that is down, silent or loading its data is an
    /// error with [`AtStart::Required`](crate::AtStart::Required) alone.
    pub async fn connect(
        config: RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self {
            bulk: Bulk::new(&config),
            servers: Arc::new(Servers::connect(&config, observers, clock).await?),
        })
    }

    /// A journal on the same servers and over the same connections: what is stored and what is
    /// appended at the same time leaves together. It ends with the backend.
    ///
    /// # Cost
    /// Three round trips to each server.
    ///
    /// # Errors
    /// Those of [`RedisStreamJournal::connect`].
    pub async fn journal(&self, options: StreamJournalOptions) -> Result<RedisStreamJournal> {
        RedisStreamJournal::over(Arc::clone(&self.servers), options).await
    }

    fn large(&self, deadline: Instant) -> Large<'_> {
        Large::new(&self.servers, &self.bulk, deadline)
    }
}

#[async_trait]
impl Backend for RedisBackend {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn capabilities(&self) -> Capabilities {
        match self.servers.is_cluster() {
            true => Capabilities::shared_servers(),
            false => Capabilities::shared_server(),
        }
    }

    async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        self.servers.now(key, call).await
    }

    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = deadline_of(call);
        let mut found = self.servers.get(keys, call).await?;
        if found.iter().flatten().any(|stored| is_stub(stored)) {
            let large = self.large(deadline);
            Box::pin(large.fetch(keys, &mut found)).await?;
        }
        Ok(found)
    }

    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let heads = self.servers.head(keys, bytes.max(MAX_STUB_BYTES), call);
        let shown = |head| bulk::shown_head(head, bytes);
        Ok(heads
            .await?
            .into_iter()
            .map(|head| head.map(shown))
            .collect())
    }

    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        if writes.iter().any(|write| self.bulk.is_for(&write.value)) {
            let large = self.large(deadline_of(call));
            return Box::pin(large.set(writes)).await;
        }
        self.servers.set(writes, call).await
    }

    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.servers.delete(keys, call).await
    }

    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.servers.exists(keys, call).await
    }

    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.servers.ttl(keys, call).await
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.servers.expire(keys, lifetime, call).await
    }

    async fn lease(&self, requests: &[LeaseRequest], call: Call) -> Result<Vec<Leased>> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        self.servers.lease(requests, call).await
    }

    async fn fill(&self, fills: &[Fill], call: Call) -> Result<Vec<bool>> {
        let is_large = |fill: &Fill| match &fill.outcome {
            FillOutcome::Store(value, _) => self.bulk.is_for(value),
            _ => false,
        };
        if fills.is_empty() {
            return Ok(Vec::new());
        }
        if fills.iter().any(is_large) {
            let large = self.large(deadline_of(call));
            return Box::pin(large.fill(fills)).await;
        }
        self.servers.fill(fills, call).await
    }

    async fn mark_stale(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.servers.mark_stale(keys, call).await
    }

    async fn renew(&self, changes: &[EpochChange], call: Call) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.servers.renew(changes, call).await
    }

    /// Changes are told on the connections that carry the data. `false` with
    /// [`ReadFrom::Replica`](crate::ReadFrom::Replica) alone: a server that does not want to
    /// tell is logged, and nothing counts as told.
    fn watch(&self, watch: Watch) -> bool {
        self.servers.watch(watch)
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        self.servers.scan(cursor, pattern, limit, call).await
    }

    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>> {
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = deadline_of(call);
        let is_large = |operation: &Operation| match operation {
            Operation::Set(write) => self.bulk.is_for(&write.value),
            _ => false,
        };
        if operations.iter().any(is_large) {
            let large = self.large(deadline);
            return Box::pin(large.pipeline(operations)).await;
        }
        let mut replies = self.servers.pipeline(operations, call).await?;
        self.large(deadline)
            .fetch_replies(operations, &mut replies)
            .await;
        Ok(replies)
    }

    fn connections(&self) -> Connections {
        let mut connections = self.servers.connections();
        connections.active += self.bulk.open();
        connections
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }

    async fn close(&self) {
        self.bulk.close();
        self.servers.close().await;
    }
}

#[async_trait]
impl Inspect for RedisBackend {
    async fn nodes(&self, call: Call) -> Result<Vec<Node>> {
        self.servers.nodes(call).await
    }
}
