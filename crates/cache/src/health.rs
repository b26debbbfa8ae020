//! Whether a cache is well.

use std::fmt;
use std::time::Duration;

use larder_cache_core::{Call, Connections, Error, Node, Result};

use crate::shared::Shared;
use crate::stats::L1Stats;

/// Whether a cache is well, asked now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The verdict.
    pub status: Status,
    /// What stands behind the cache.
    pub backend: BackendHealth,
    /// Process memory.
    pub l1: L1Stats,
    /// Tasks in the background: loads and refreshes.
    pub background_tasks: usize,
}

/// The verdict on a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// All works.
    Healthy,
    /// The backend does not answer: reads come from L1 and from the loaders.
    Degraded,
    /// The cache was shut down.
    Closed,
}

/// What stands behind a cache.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackendHealth {
    /// Its name, such as `redis`.
    pub name: &'static str,
    /// How long it took to answer; `None`: it did not.
    pub latency: Option<Duration>,
    /// Why it did not answer.
    pub error: Option<Error>,
    /// Its connections.
    pub connections: Connections,
    /// Its servers, where it can tell.
    pub nodes: Vec<Node>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Closed => "closed",
        })
    }
}

impl Shared {
    pub(crate) async fn health(&self) -> Health {
        let began = self.clock.now();
        let probed = self.probe().await;
        let latency = self.clock.now().since(began);
        let (nodes, error) = match probed {
            Ok(nodes) => (nodes, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Health {
            status: match &error {
                _ if self.tasks.is_closed() => Status::Closed,
                None => Status::Healthy,
                Some(_) => Status::Degraded,
            },
            backend: BackendHealth {
                name: self.backend.name(),
                latency: error.is_none().then_some(latency),
                error,
                connections: self.backend.connections(),
                nodes,
            },
            l1: self.l1_stats(),
            background_tasks: self.tasks.count(),
        }
    }

    /// Asks the backend for something it has to look up, and for its nodes.
    async fn probe(&self) -> Result<Vec<Node>> {
        let key = self.keyspace.prefix().internal("health")?;
        let mut budget = self.budget(None);
        self.call("exists", &mut budget, |call| async move {
            self.backend.exists(&[key], call).await
        })
        .await?;
        match self.backend.inspect() {
            None => Ok(Vec::new()),
            // A server that answers is well, also when it keeps its facts to itself.
            Some(inspect) => Ok(inspect
                .nodes(Call::within(self.budget))
                .await
                .unwrap_or_default()),
        }
    }

    pub(crate) fn l1_stats(&self) -> L1Stats {
        let (entries, bytes, max_bytes) = self.l1.size();
        L1Stats {
            entries,
            bytes,
            max_bytes,
        }
    }
}
