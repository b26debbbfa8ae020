//! The operations of a backend on values as they are stored, wherever their servers are.

use std::sync::Arc;

use bytes::Bytes;
use larder_cache_core::{
    Call, Clock, Connections, Cursor, Error, Expiry, Glob, Head, Key, Lifetime, Node, Observers,
    Operation, Reply, Result, ScanPage, Timestamp, Write,
};

use crate::address::Endpoint;
use crate::commands;
use crate::config::RedisConfig;
use crate::lane::Turn;
use crate::topology::{Topology, Way};

/// The servers of a backend.
///
/// What a cluster does is boxed: every call is allocated at the size of its largest way, and
/// the way to one server is small.
#[derive(Debug)]
pub(crate) struct Servers {
    topology: Topology,
    scan_page_limit: usize,
}

impl Servers {
    pub(crate) async fn connect(
        config: &RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self {
            topology: Topology::connect(config, observers, clock).await?,
            scan_page_limit: config.scan_page_limit,
        })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.topology.way(), Way::Many(_))
    }

    /// Where the server is that takes the writes of a key now.
    pub(crate) async fn endpoint_of(&self, key: &Key, call: Call) -> Result<Arc<Endpoint>> {
        match self.topology.way() {
            Way::One(lane) => Ok(Arc::clone(lane.turn(call).await?.link().endpoint())),
            Way::Many(cluster) => Box::pin(cluster.endpoint_of(key, call)).await,
        }
    }

    /// Whether another server may take the writes of a key by now, after a refusal by the
    /// one that did; where it may, it is looked for.
    pub(crate) fn may_have_moved(&self, refusal: &Error) -> bool {
        match self.topology.way() {
            Way::Many(cluster) if refusal.is_replay_safe() => {
                cluster.look_again();
                true
            }
            _ => false,
        }
    }

    pub(crate) async fn now(&self, key: &Key, call: Call) -> Result<Timestamp> {
        match self.topology.way() {
            Way::One(lane) => lane.now(call).await,
            Way::Many(cluster) => Box::pin(cluster.now(key, call)).await,
        }
    }

    pub(crate) async fn get(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Bytes>>> {
        if let Some(lane) = self.topology.replica()
            && let Ok(turn) = Box::pin(lane.turn(half(call))).await
            && let Ok(found) = Box::pin(read(&turn, keys)).await
        {
            return Ok(found);
        }
        match self.topology.way() {
            Way::One(lane) => read(&lane.turn(call).await?, keys).await,
            Way::Many(cluster) => Box::pin(cluster.get(keys, call)).await,
        }
    }

    pub(crate) async fn head(
        &self,
        keys: &[Key],
        bytes: usize,
        call: Call,
    ) -> Result<Vec<Option<Head>>> {
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
            Way::Many(cluster) => Box::pin(cluster.head(keys, bytes, call)).await,
        }
    }

    pub(crate) async fn set(&self, writes: &[Write], call: Call) -> Result<Vec<bool>> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                match writes {
                    [write] => Ok(vec![turn.set(write).await?]),
                    _ => Box::pin(turn.run(commands::set(turn.link(), writes))).await,
                }
            }
            Way::Many(cluster) => Box::pin(cluster.set(writes, call)).await,
        }
    }

    pub(crate) async fn delete(&self, keys: &[Key], call: Call) -> Result<u64> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::delete(turn.link(), keys)).await
            }
            Way::Many(cluster) => Box::pin(cluster.delete(keys, call)).await,
        }
    }

    pub(crate) async fn exists(&self, keys: &[Key], call: Call) -> Result<Vec<bool>> {
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
            Way::Many(cluster) => Box::pin(cluster.exists(keys, call)).await,
        }
    }

    pub(crate) async fn ttl(&self, keys: &[Key], call: Call) -> Result<Vec<Option<Expiry>>> {
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
            Way::Many(cluster) => Box::pin(cluster.ttl(keys, call)).await,
        }
    }

    pub(crate) async fn expire(
        &self,
        keys: &[Key],
        lifetime: Lifetime,
        call: Call,
    ) -> Result<Vec<bool>> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::expire(turn.link(), keys, lifetime))
                    .await
            }
            Way::Many(cluster) => Box::pin(cluster.expire(keys, lifetime, call)).await,
        }
    }

    pub(crate) async fn scan(
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
            Way::Many(cluster) => Box::pin(cluster.scan(cursor, pattern, limit, call)).await,
        }
    }

    pub(crate) async fn pipeline(
        &self,
        operations: &[Operation],
        call: Call,
    ) -> Result<Vec<Result<Reply>>> {
        match self.topology.way() {
            Way::One(lane) => {
                let turn = lane.turn(call).await?;
                turn.run(commands::pipeline(turn.link(), operations)).await
            }
            Way::Many(cluster) => Box::pin(cluster.pipeline(operations, call)).await,
        }
    }

    pub(crate) fn connections(&self) -> Connections {
        self.topology.connections()
    }

    pub(crate) async fn nodes(&self, call: Call) -> Result<Vec<Node>> {
        self.topology.nodes(call).await
    }

    pub(crate) async fn close(&self) {
        self.topology.close().await;
    }
}

async fn read(turn: &Turn<'_>, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
    match keys {
        [key] => Ok(vec![turn.get(key).await?]),
        _ => Box::pin(turn.run(commands::get(turn.link(), keys))).await,
    }
}

/// For a replica, so that the primary has its turn when it does not answer.
fn half(call: Call) -> Call {
    Call::within(call.budget / 2)
}
