//! Which server holds a key.

mod cluster;
mod lanes;
mod sentinel;

use std::sync::Arc;

use larder_cache_core::{Call, Clock, Connections, Node, Observers, Result};

pub(crate) use self::cluster::Cluster;
#[cfg(feature = "fuzzing")]
pub(crate) use self::cluster::read_and_write;
use self::lanes::Lanes;
pub(crate) use self::sentinel::Sentinel;
use crate::config::RedisConfig;
use crate::info;
use crate::lane::{Lane, Role, Start, Target};
use crate::plan::Plan;
use crate::tracking::Tracking;

/// The servers behind a backend, and which of them holds which key.
///
/// The one place that knows how many there are: commands are given a connection and keys
/// that are all on its server.
#[derive(Debug)]
pub(crate) enum Topology {
    /// One server holds all keys.
    Standalone(Lane),
    /// One server holds all keys, until it is replaced.
    Sentinel(Sentinel),
    /// Each node holds some of the keys.
    Cluster(Cluster),
}

/// Where all keys of a call are.
#[derive(Debug)]
pub(crate) enum Way<'a> {
    /// On one server.
    One(&'a Lane),
    /// On several, among which the call is divided.
    Many(&'a Cluster),
}

impl Topology {
    pub(crate) async fn connect(
        config: &RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
        tracking: &Arc<Tracking>,
    ) -> Result<Self> {
        let plan = config.plan()?;
        let lanes = Lanes::new(config, observers, clock, Arc::clone(tracking));
        let start = Start {
            at_start: config.at_start,
            max_retries: config.max_retries,
        };
        let topology = match plan {
            Plan::Standalone(endpoint) => {
                let target = Target::fixed(endpoint, Role::Master);
                Self::Standalone(lanes.open(target, start).await?)
            }
            Plan::Cluster(seeds) => {
                let cluster = Cluster::connect(seeds, lanes, config.read_from, start);
                Self::Cluster(cluster.await?)
            }
            Plan::Sentinel(service) => {
                let sentinel = Sentinel::connect(service, lanes, config.read_from, start);
                Self::Sentinel(sentinel.await?)
            }
        };
        tracking.reaches(match &topology {
            Self::Standalone(lane) => lane.reach(),
            Self::Sentinel(sentinel) => sentinel.master().reach(),
            Self::Cluster(cluster) => cluster.reach(),
        });
        Ok(topology)
    }

    /// A watcher was registered.
    pub(crate) fn watched(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.watched();
        }
    }

    pub(crate) fn way(&self) -> Way<'_> {
        match self {
            Self::Standalone(lane) => Way::One(lane),
            Self::Sentinel(sentinel) => Way::One(sentinel.master()),
            Self::Cluster(cluster) => Way::Many(cluster),
        }
    }

    /// The lane to a replica that all keys may be read from, where that is wished and there
    /// is one. A cluster sees to that by itself.
    pub(crate) fn replica(&self) -> Option<Arc<Lane>> {
        match self {
            Self::Sentinel(sentinel) => sentinel.replica(),
            Self::Standalone(_) | Self::Cluster(_) => None,
        }
    }

    pub(crate) fn connections(&self) -> Connections {
        match self {
            Self::Standalone(lane) => lane.connections(),
            Self::Sentinel(sentinel) => sentinel.connections(),
            Self::Cluster(cluster) => cluster.connections(),
        }
    }

    pub(crate) async fn nodes(&self, call: Call) -> Result<Vec<Node>> {
        match self {
            Self::Standalone(lane) => {
                let turn = lane.turn(call).await?;
                Ok(vec![info::inspect(&turn, lane.node()).await?])
            }
            Self::Sentinel(sentinel) => sentinel.nodes(call).await,
            Self::Cluster(cluster) => cluster.nodes(call).await,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Standalone(lane) => lane.close().await,
            Self::Sentinel(sentinel) => sentinel.close().await,
            Self::Cluster(cluster) => cluster.close().await,
        }
    }
}
