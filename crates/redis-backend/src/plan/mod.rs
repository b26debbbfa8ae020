//! What a configuration comes to: which servers, found how.

mod cluster;
mod sentinel;

use larder_cache_core::{Error, ErrorKind, Result};

pub(crate) use self::sentinel::Service;
use crate::address::{Endpoint, refuse};
use crate::config::{ReadFrom, RedisConfig};

/// Which servers, found how.
#[derive(Debug)]
pub(crate) enum Plan {
    /// One server.
    Standalone(Endpoint),
    /// A cluster, found through these of its nodes: at least one. All have one login.
    Cluster(Vec<Endpoint>),
    /// The master of a service.
    Sentinel(Service),
}

impl Plan {
    pub(crate) fn of(config: &RedisConfig) -> Result<Self> {
        let is_sentinel = config.url.contains("+sentinel:");
        if config.sentinel_login.is_some() && (!is_sentinel || !config.cluster_nodes.is_empty()) {
            let message = "there is a login for Sentinels but no Sentinel: write \
                           redis+sentinel://host[:port]/service-name, or leave it out";
            return Err(wrong(message));
        }
        if !config.cluster_nodes.is_empty() {
            return cluster::seeds(config).map(Self::Cluster);
        }
        if is_sentinel {
            return Service::of(config).map(Self::Sentinel);
        }
        if config.url.is_empty() {
            let message = "no server is named: give the URL of one, or nodes of a cluster";
            return Err(wrong(message));
        }
        if config.read_from == ReadFrom::Replica {
            let message = "reading from replicas needs to know them: name the nodes of a cluster \
                           or Sentinels instead of one server, or read from the primary";
            return Err(refuse(&config.url, message));
        }
        Endpoint::of(&config.url, config).map(Self::Standalone)
    }
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::Config, message)
}
