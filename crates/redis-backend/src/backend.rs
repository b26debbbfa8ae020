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
use crate::info;
use crate::topology::Topology;

/// A Redis or Valkey server as the store of a cache.
///
/// All callers share one connection, which pipelines their commands. A background task
/// keeps it: it asks for a sign of life every
/// [`heartbeat`](RedisConfig::heartbeat), and connects again when the connection is lost.
///
/// # Concurrency
/// Any number of calls may run at once; they don't wait for each other but for the
/// server, which answers in the order asked. While a first or a lost connection is made,
/// calls wait for it within their budget; once that has failed, calls fail at once until
/// the server is back.
///
/// # Cost
/// One round trip per call and per 1,000 keys of it; [`pipeline`](Backend::pipeline) is
/// always one. A value that is read is handed on in the buffer that the client library
/// put it into.
///
/// # Cancel safety
/// A call that is dropped may still be carried out by the server.
#[derive(Debug)]
pub struct RedisBackend {
    topology: Topology,
    scan_page_limit: usize,
}

impl RedisBackend {
    /// Connects to the server of a configuration.
    ///
    /// Must be called within a Tokio runtime, which the backend's task lives in: when
    /// that runtime ends, the backend is closed.
    ///
    /// # Cost
    /// Three round trips. Where the server is down, up to
    /// [`max_retries`](RedisConfig::max_retries) further attempts with pauses between.
    ///
    /// # Errors
    /// Kind `Config` for settings that can't work, for a replica and for a server that is
    /// too old; kind `Auth` where the login is refused; kind `Connection` where something
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
        self.topology.lane_of(key).now(call).await
    }

    async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if let [key] = keys {
            let turn = self.topology.lane_of(key).turn(call).await?;
            return Ok(vec![turn.get(key).await?]);
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::get(turn.link(), keys)).await
    }

    async fn head(&self, keys: &[Key], bytes: usize, call: Call) -> Result<Vec<Option<Head>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::head(turn.link(), keys, bytes)).await
    }

    async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        if let [write] = writes {
            let turn = self.topology.lane_of(&write.key).turn(call).await?;
            return Ok(vec![turn.set(write).await?]);
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::set(turn.link(), writes)).await
    }

    async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::delete(turn.link(), keys)).await
    }

    async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::exists(turn.link(), keys)).await
    }

    async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::ttl(turn.link(), keys)).await
    }

    async fn expire(&self, keys: &[Key], lifetime: Lifetime, call: Call) -> Result<Vec<bool>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::expire(turn.link(), keys, lifetime))
            .await
    }

    async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        let limit = limit.clamp(1, self.scan_page_limit);
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::scan(turn.link(), &cursor, pattern, limit))
            .await
    }

    async fn pipeline(&self, operations: &[Operation], call: Call) -> Result<Vec<Result<Reply>>> {
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        let turn = self.topology.lane_of_all().turn(call).await?;
        turn.run(commands::pipeline(turn.link(), operations)).await
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
        let lane = self.topology.lane_of_all();
        let turn = lane.turn(call).await?;
        Ok(vec![info::inspect(&turn, lane.node()).await?])
    }
}
