//! The servers of a run, and what breaks them.

use std::time::Duration;

use fastrand::Rng;
use larder_testkit::{FaultProxy, RedisCluster, RedisSentinel, RedisServer};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use super::database::Database;
use crate::fleet::Upstream;
use crate::monotonic::{self, nanos};
use crate::scenario::Topology;
use crate::{Failure, admin};

/// Servers, with proxies between them and the processes.
#[derive(Debug)]
pub(super) enum Servers {
    /// One server, behind a proxy for each process.
    Standalone {
        server: RedisServer,
        proxies: Vec<FaultProxy>,
    },
    /// Each node behind a proxy, as nodes have one address for all.
    Cluster(RedisCluster),
    /// The same for the data nodes.
    Sentinel(RedisSentinel),
}

/// Replication takes less: a master sends its replica a change together with the reply. What
/// was acknowledged so long before a master was killed may be lost with it.
pub(super) const REPLICATION_LAG: Duration = Duration::from_millis(250);

/// Sentinels take a node for down after a second: no failover comes of a shorter hole.
const LONGEST_HOLE_OF_SENTINELS: Duration = Duration::from_millis(700);
const LONGEST_HOLE: Duration = Duration::from_secs(2);

const ELECTED_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// Clients find the new master before the old one is back.
const SETTLING: Duration = Duration::from_secs(1);

/// The number of a slot that some master holds.
const SLOTS: u16 = 16_384;

impl Servers {
    pub(super) async fn start(topology: Topology, processes: usize) -> Result<Self, Failure> {
        match topology {
            Topology::Standalone => {
                let server = block_in_place(RedisServer::start)?;
                let mut proxies = Vec::new();
                for _ in 0..processes {
                    proxies.push(FaultProxy::start(("127.0.0.1", server.port())).await?);
                }
                Ok(Self::Standalone { server, proxies })
            }
            Topology::Cluster => {
                let start = || RedisCluster::builder().proxied().start();
                Ok(Self::Cluster(block_in_place(start)?))
            }
            Topology::Sentinel => {
                let start = || RedisSentinel::builder().proxied().start();
                Ok(Self::Sentinel(block_in_place(start)?))
            }
        }
    }

    /// How a process reaches them.
    pub(super) fn upstream(&self, process: usize) -> Upstream {
        match self {
            Self::Standalone { proxies, .. } => Upstream::Url(proxies[process].url()),
            Self::Cluster(cluster) => Upstream::Cluster(cluster.addresses()),
            Self::Sentinel(group) => Upstream::Url(group.url()),
        }
    }

    /// Some proxy that connections go through, and what it stands before.
    pub(super) fn proxy(&self, rng: &mut Rng) -> Result<(&FaultProxy, String), Failure> {
        match self {
            Self::Standalone { proxies, .. } => {
                let process = rng.usize(..proxies.len());
                Ok((&proxies[process], format!("process {process}")))
            }
            Self::Cluster(cluster) => {
                let node = self.master(rng)?;
                Ok((cluster.proxy(node), format!("node {node}")))
            }
            Self::Sentinel(group) => {
                let node = self.master(rng)?;
                Ok((group.proxy(node), format!("node {node}")))
            }
        }
    }

    pub(super) fn longest_hole(&self) -> Duration {
        match self {
            Self::Sentinel(_) => LONGEST_HOLE_OF_SENTINELS,
            _ => LONGEST_HOLE,
        }
    }

    /// Ends all connections of programs to a master, by order to the server.
    pub(super) async fn kill_clients(&self, rng: &mut Rng) -> Result<(), Failure> {
        let port = self.port(self.master(rng)?);
        for kind in ["normal", "pubsub"] {
            admin::ask(port, &format!("CLIENT KILL TYPE {kind}")).await?;
        }
        Ok(())
    }

    pub(super) fn can_fail_over(&self) -> bool {
        !matches!(self, Self::Standalone { .. })
    }

    /// Kills a master whose replica follows it, waits until that has taken over, and starts it
    /// again. `None` where no replica follows now. What was acknowledged while the replica may
    /// have been behind is excused, as window `number`.
    pub(super) async fn fail_over(
        &self,
        rng: &mut Rng,
        database: &Database,
        number: usize,
    ) -> Result<Option<usize>, Failure> {
        let slot = rng.u16(..SLOTS);
        let old = self.master_of(slot)?;
        if !is_followed(self.port(old)).await? {
            return Ok(None);
        }
        let lag = nanos(REPLICATION_LAG);
        let from = monotonic::now().saturating_sub(lag);
        // The end is known when it is dead; until then nothing of it is judged.
        database.excuse(number, from, u64::MAX)?;
        block_in_place(|| match self {
            Self::Standalone { .. } => {}
            Self::Cluster(cluster) => cluster.kill(old),
            Self::Sentinel(group) => group.kill(old),
        });
        // A reply that was under way arrives after its sender has died.
        database.excuse(number, from, monotonic::now() + lag)?;
        let killed = Instant::now();
        while self.master_of(slot).map_or(true, |master| master == old) {
            if killed.elapsed() > ELECTED_WITHIN {
                return Err(format!("nobody took over from node {old}").into());
            }
            sleep(POLL).await;
        }
        sleep(SETTLING).await;
        block_in_place(|| match self {
            Self::Standalone { .. } => Ok(()),
            Self::Cluster(cluster) => cluster.restart(old),
            Self::Sentinel(group) => group.restart(old),
        })?;
        Ok(Some(old))
    }

    fn master(&self, rng: &mut Rng) -> Result<usize, Failure> {
        self.master_of(rng.u16(..SLOTS))
    }

    fn master_of(&self, slot: u16) -> Result<usize, Failure> {
        Ok(match self {
            Self::Standalone { .. } => 0,
            Self::Cluster(cluster) => block_in_place(|| cluster.master_of(slot))?,
            Self::Sentinel(group) => block_in_place(|| group.master())?,
        })
    }

    /// The port of a node itself, past its proxy.
    fn port(&self, node: usize) -> u16 {
        match self {
            Self::Standalone { server, .. } => server.port(),
            Self::Cluster(cluster) => cluster.direct_port(node),
            Self::Sentinel(group) => group.direct_port(node),
        }
    }
}

async fn is_followed(port: u16) -> Result<bool, Failure> {
    let info = admin::ask(port, "INFO replication").await?;
    Ok(info.contains("state=online"))
}
