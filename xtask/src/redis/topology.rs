use std::path::PathBuf;

use larder_testkit::{
    DetachedRedisServer, RedisCluster, RedisSentinel, RedisServer, RedisServerError,
};

/// What can be started; one of each at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Standalone,
    Cluster,
    Sentinel,
}

/// Servers that still end with this process.
pub(super) enum Running {
    Standalone(RedisServer),
    Cluster(RedisCluster),
    Sentinel(RedisSentinel),
}

impl Topology {
    pub(super) const ALL: [Self; 3] = [Self::Standalone, Self::Cluster, Self::Sentinel];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|topology| topology.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        }
    }

    pub(super) fn start(self, binary: PathBuf) -> Result<Running, RedisServerError> {
        match self {
            Self::Standalone => {
                let server = RedisServer::builder().binary(binary).start();
                server.map(Running::Standalone)
            }
            Self::Cluster => {
                let cluster = RedisCluster::builder().binary(binary).start();
                cluster.map(Running::Cluster)
            }
            Self::Sentinel => {
                let group = RedisSentinel::builder().binary(binary).start();
                group.map(Running::Sentinel)
            }
        }
    }
}

impl Running {
    /// The setting that makes a program use it.
    pub(super) fn export(&self) -> String {
        match self {
            Self::Standalone(server) => format!("REDIS_URL={}", server.url()),
            Self::Cluster(cluster) => {
                format!("REDIS_CLUSTER_NODES={}", cluster.addresses().join(","))
            }
            Self::Sentinel(group) => format!("REDIS_URL={}", group.url()),
        }
    }

    pub(super) fn servers(&self) -> Result<Vec<DetachedRedisServer>, RedisServerError> {
        match self {
            Self::Standalone(server) => Ok(vec![server.remember()?]),
            Self::Cluster(cluster) => cluster.remember(),
            Self::Sentinel(group) => group.remember(),
        }
    }

    pub(super) fn detach(self) {
        match self {
            Self::Standalone(server) => server.detach(),
            Self::Cluster(cluster) => cluster.detach(),
            Self::Sentinel(group) => group.detach(),
        }
    }
}
