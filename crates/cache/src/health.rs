//! Whether a cache is well.

use std::fmt;
use std::time::Duration;

use larder_cache_core::{Connections, Error, Node, Result};

use crate::shared::{Budget, Shared};
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
    /// How long ago the backend last gave a sign that it had told of all changes, which is
    /// how far behind L1 may be; `None`: it does not tell of changes, or has not yet.
    pub behind: Option<Duration>,
    /// Keys whose last change failed: until they have been deleted in the backend, which
    /// is tried all the time, they are not read from it.
    pub pending_changes: usize,
    /// Tasks in the background: loads, refreshes, and the replay of failed changes.
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
        let mut budget = self.budget(None);
        let probed = self.probe(&mut budget).await;
        let (latency, error) = match probed {
            Ok(latency) => (Some(latency), None),
            Err(error) => (None, Some(error)),
        };
        let nodes = match self.backend.inspect() {
            // A server that answers is well, also when it keeps its facts to itself.
            Some(inspect) if error.is_none() => inspect.nodes(budget.call()).await,
            _ => Ok(Vec::new()),
        };
        Health {
            status: match &error {
                _ if self.tasks.is_closed() => Status::Closed,
                None => Status::Healthy,
                Some(_) => Status::Degraded,
            },
            backend: BackendHealth {
                name: self.backend.name(),
                latency,
                error,
                connections: self.backend.connections(),
                nodes: nodes.unwrap_or_default(),
            },
            l1: self.l1_stats(),
            behind: self.l1.behind(),
            pending_changes: self.pending.count(),
            background_tasks: self.tasks.count(),
        }
    }

    /// Asks the backend for something it has to look up, and says how long that took.
    async fn probe(&self, budget: &mut Budget) -> Result<Duration> {
        let key = [self.keyspace.prefix().internal("health")?];
        let began = self.clock.now();
        self.call("exists", budget, |call| self.backend.exists(&key, call))
            .await?;
        Ok(self.clock.now().since(began))
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
