//! Connections of one's own to a server, for what would hold up everybody else.

use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, PoolConfig, PoolError, Runtime, Timeouts};
use larder_cache_core::{Error, ErrorKind, Result};
use redis::AsyncConnectionConfig;
use tokio::time::Instant;

use crate::address::Endpoint;
use crate::error;

/// A pool of connections to one server, each used by one call at a time. It is `deadpool`'s:
/// each checkout asks the connection for a sign of life first, which is nothing next to
/// what follows.
#[derive(Clone)]
pub(super) struct Exclusive {
    node: String,
    pool: Pool,
    connect_timeout: Duration,
}

impl Exclusive {
    pub(super) fn to(endpoint: &Endpoint, most: usize, connect_timeout: Duration) -> Result<Self> {
        // Every call has its own time limit, and so has every attempt to connect.
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let manager = endpoint
            .connection_info()
            .and_then(|info| Manager::new_with_config(info, settings))
            .map_err(|failed| error::reported(&failed))?;
        let pool = Pool::builder(manager)
            .config(PoolConfig::new(most))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|failed| Error::new(ErrorKind::Config, failed.to_string()))?;
        Ok(Self {
            node: endpoint.address.to_string(),
            pool,
            connect_timeout,
        })
    }

    /// A connection, by the deadline.
    ///
    /// # Errors
    /// Kind `Backpressure` where all connections are in use for so long.
    pub(super) async fn connection(&self, deadline: Instant) -> Result<Connection> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = Some(left.min(self.connect_timeout));
        let timeouts = Timeouts {
            wait: Some(left),
            create: limit,
            recycle: limit,
        };
        let got = self.pool.timeout_get(&timeouts).await;
        got.map_err(|failed| self.refused(&failed).with("node", &self.node))
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        self.pool.status().size
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    fn refused(&self, failed: &PoolError) -> Error {
        use deadpool_redis::TimeoutType;
        match failed {
            PoolError::Timeout(TimeoutType::Wait) => Error::new(
                ErrorKind::Backpressure,
                "all connections for large values are in use; this one was not sent",
            )
            .with("connections", self.pool.status().max_size),
            PoolError::Timeout(_) => Error::new(
                ErrorKind::Timeout,
                "no connection for large values in time; nothing was sent",
            )
            .replay_safe(),
            PoolError::Backend(reason) => error::reported(reason).replay_safe(),
            PoolError::Closed => error::closed(),
            other => Error::new(ErrorKind::Connection, other.to_string()).replay_safe(),
        }
    }
}

impl std::fmt::Debug for Exclusive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exclusive")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
