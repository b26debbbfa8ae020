//! Faults of the nodes of a cluster.

pub(crate) mod master;
pub(crate) mod network;
pub(crate) mod resharding;
pub(crate) mod shard;

use std::sync::Arc;
use std::time::Duration;

use larder::{Builder, Cache};
use larder_testkit::{RedisCluster, RedisClusterBuilder};

use crate::Failure;
use crate::measure::{Lag, Recovery, Samples, Window};
use crate::plan::Span;
use crate::scenario::{Facts, Stage, Topology};
use crate::trial::{ConnectionCount, FAR, Trial, Watch};

/// How many masters there are.
const MASTERS: usize = 3;

/// A cluster whose cache is under load, with a key of every master watched.
struct Scene {
    cluster: Arc<RedisCluster>,
    trial: Trial,
    watches: Vec<Watch>,
}

impl Scene {
    async fn begin(stage: &Stage, builder: RedisClusterBuilder) -> Result<Self, Failure> {
        let cluster = Arc::new(builder.start()?);
        let ports = (0..cluster.len()).map(|node| cluster.direct_port(node));
        let connections = ConnectionCount::Nodes(ports.collect());
        let mut trial = Trial::begin(stage, cache(&cluster), connections).await?;
        let mut watches = Vec::new();
        for master in 0..MASTERS {
            let key = key_of(&cluster, trial.cache(), master)?;
            watches.push(trial.watch(&key)?);
        }
        // Long enough for what is usual to be known.
        trial.wait_for_calm(Duration::from_secs(1)).await;
        Ok(Self {
            cluster,
            trial,
            watches,
        })
    }

    /// How the writes of every master's key went.
    async fn end_watches(&mut self) -> Vec<Samples> {
        let mut all = Vec::new();
        for watch in self.watches.drain(..) {
            all.push(watch.end().await);
        }
        all
    }
}

fn cache(cluster: &RedisCluster) -> Builder {
    larder::builder().redis_cluster(cluster.addresses())
}

/// A key of a user that a master holds.
fn key_of(cluster: &RedisCluster, cache: &Cache, master: usize) -> Result<String, Failure> {
    for number in 0..1000 {
        let key = format!("watched-{number}");
        let physical = cache.build_key(&key, FAR)?;
        if cluster.master_of(cluster.slot_of(physical.as_bytes()))? == master {
            return Ok(key);
        }
    }
    Err(format!("no key of master {master}").into())
}

/// The same, less what the machine let pass in that time.
fn net(found: Recovery, fault: Window, lag: &Lag) -> Recovery {
    match found {
        Recovery::After(time) => {
            let to = fault.from + time;
            Recovery::After(time.saturating_sub(lag.worst(Window { to, ..fault })))
        }
        Recovery::Never => Recovery::Never,
    }
}

fn facts(number: u8, name: &'static str, criterion: &'static str, fault: Span) -> Facts {
    Facts {
        topology: Topology::Cluster,
        fault,
        besides: Duration::from_secs(8),
        ..Facts::standalone(number, name, criterion)
    }
}
