use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use larder_testkit::FaultProxy;
use tokio::time::timeout;

use crate::{Failure, admin};

/// Where the connections of a cache are counted: not where it counts them itself.
#[derive(Clone, Debug)]
pub(crate) enum ConnectionCount {
    /// At the server on this port.
    Server(u16),
    /// At a proxy.
    Proxy(Arc<FaultProxy>),
    /// At all servers on these ports that answer. Which of them a cache is connected to
    /// changes with their roles, and so does how often.
    Nodes(Vec<u16>),
}

/// A node that is down or frozen has no connections that count.
const PATIENCE: Duration = Duration::from_millis(300);

impl ConnectionCount {
    pub(crate) async fn count(&self) -> Result<usize, Failure> {
        match self {
            Self::Server(port) => admin::clients(*port).await,
            Self::Proxy(proxy) => Ok(proxy.connections()),
            Self::Nodes(ports) => {
                let counts = ports
                    .iter()
                    .map(|port| timeout(PATIENCE, admin::clients(*port)));
                let counts = join_all(counts).await;
                Ok(counts.into_iter().flatten().flatten().sum())
            }
        }
    }

    /// By how many connections the cache may be richer after a fault.
    pub(crate) fn allowance(&self) -> usize {
        match self {
            Self::Server(_) | Self::Proxy(_) => 0,
            Self::Nodes(ports) => ports.len(),
        }
    }
}
