//! The backend.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use larder_cache_core::{
    Backend, Call, Capabilities, Clock, Connections, Cursor, Expiry, Glob, Head, Inspect, Key,
    Lifetime, Node, Observers, Operation, Reply, Result, ScanPage, Timestamp, Write,
};

use crate::commands;
use crate::config::RedisConfig;
use crate::lane::Turn;
use crate::topology::{Topology, Way};

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
/// read is handed on in the buffer that the client library put it into.
///
/// # Cancel safety
/// A call that is dropped may still be carried out by the server.
#[derive(Debug)]
pub struct RedisBackend {
    topology: Topology,
    scan_page_limit: usize,
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
    /// old, for nodes that are no cluster and for a service that no Sentinel knows; kind `Auth` where the login is refused; kind `Connection` where something
    /// else than Redis answers. A server that is down, silent or loading its data is an
    /// error with [`AtStart::Required`](crate::AtStart::Required) alone.
    pub async fn connect(
        config: RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self {
            topology: Topology::connect(&config, observers, clock).await?,
            scan_page_limit: config.scan_page_limit,
        })
    }
}

#[async_trait]
impl Backend for RedisBackend {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::shared_server()
    }

    async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        match self.topology.way() {
            Way::One(lane) => lane.now(call).await,
            Way::Many(cluster) => cluster.now(key, call).await,
        }
    }

    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = lane.turn(half(call)).await
            && let Ok(found) = read(&turn, keys).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => read(&lane.turn(call).await?, keys).await,
            Way::Many(cluster) => cluster.get(keys, call).await,
        }
    }

    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = lane.turn(half(call)).await
            && let Ok(found) = turn.run(commands::head(turn.link(), keys, bytes)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::head(turn.link(), keys, bytes)).await
            }
            Way::Many(cluster) => cluster.head(keys, bytes, call).await,
        }
    }

    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                match writes {
                    [write] => Ok(vec![turn.set(write).await?]),
                    _ => turn.run(commands::set(turn.link(), writes)).await,
                }
            }
            Way::Many(cluster) => cluster.set(writes, call).await,
        }
    }

    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::delete(turn.link(), keys)).await
            }
            Way::Many(cluster) => cluster.delete(keys, call).await,
        }
    }

    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = lane.turn(half(call)).await
            && let Ok(found) = turn.run(commands::exists(turn.link(), keys)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::exists(turn.link(), keys)).await
            }
            Way::Many(cluster) => cluster.exists(keys, call).await,
        }
    }

    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = lane.turn(half(call)).await
            && let Ok(found) = turn.run(commands::ttl(turn.link(), keys)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::ttl(turn.link(), keys)).await
            }
            Way::Many(cluster) => cluster.ttl(keys, call).await,
        }
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::expire(turn.link(), keys, lifetime))
                    .await
            }
            Way::Many(cluster) => cluster.expire(keys, lifetime, call).await,
        }
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        let limit = limit.clamp(1, self.scan_page_limit);
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::scan(turn.link(), &cursor, pattern, limit))
                    .await
            }
            Way::Many(cluster) => cluster.scan(cursor, pattern, limit, call).await,
        }
    }

    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>> {
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::pipeline(turn.link(), operations)).await
            }
            Way::Many(cluster) => cluster.pipeline(operations, call).await,
        }
    }

    fn connections(&self) -> Connections {
        self.topology.connections()
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }

    async fn close(&self) {
        self.topology.close().await;
    }
}

#[async_trait]
impl Inspect for RedisBackend {
    async fn nodes(&self, call: Call) -> Result<Vec<Node>> {
        self.topology.nodes(call).await
    }
}

async fn read(turn: &Turn<'_>, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
    match keys {
        [key] => Ok(vec![turn.get(key).await?]),
        _ => turn.run(commands::get(turn.link(), keys)).await,
    }
}

/// For a replica, so that the primary has its turn when it does not answer.
fn half(call: Call) -> Call {
    Call::within(call.budget / 2)
}
