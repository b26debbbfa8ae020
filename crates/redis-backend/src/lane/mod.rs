//! A lane: the supervised connection to one server.
//!
//! ```text
//! caller --turn--> State --Link--> driver task --> server
//!                    ^                |
//!                    +-- supervisor --+   connects, listens for a heartbeat, connects again
//! ```

mod backoff;
mod circuit;
mod dial;
mod driver;
mod handshake;
mod link;
mod server_time;
mod state;
mod supervisor;
mod turn;

use std::sync::{Arc, Mutex, PoisonError};

use larder_cache_core::{Call, Clock, Connections, Observers, Result, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::backoff::Backoff;
use self::circuit::CircuitPolicy;
use self::dial::Dialer;
use self::state::Shared;
use self::supervisor::Supervisor;
use crate::config::RedisConfig;
use crate::error;

pub(crate) use self::driver::{Frame, number, word, words};
pub(crate) use self::link::Link;
pub(crate) use self::turn::Turn;

/// The supervised connection to one server.
#[derive(Debug)]
pub(crate) struct Lane {
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Lane {
    /// Connects, as far as the settings ask for it.
    pub(crate) async fn open(
        config: &RedisConfig,
        observers: Observers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let endpoint = config.endpoint()?;
        let node: Arc<str> = endpoint.address.to_string().into();
        let shared = Shared::new(
            Arc::clone(&node),
            Arc::clone(&clock),
            observers,
            CircuitPolicy {
                failures: config.circuit_failures,
                open_for: config.circuit_open_for,
            },
        );
        let shared = Arc::new(shared);
        let mut supervisor = Supervisor {
            shared: Arc::clone(&shared),
            dialer: Dialer {
                endpoint,
                node,
                timeout: config.connect_timeout,
                clock,
            },
            backoff: Backoff::new(config.retry_delay),
            heartbeat: config.heartbeat,
            last_attempt: Instant::now(),
        };
        let first = supervisor
            .start(config.at_start, config.max_retries)
            .await?;
        let supervisor = Mutex::new(Some(tokio::spawn(supervisor.run(first))));
        Ok(Self { shared, supervisor })
    }

    /// Host and port, or the path of the socket.
    pub(crate) fn node(&self) -> &str {
        &self.shared.node
    }

    /// A turn on the connection. Waits for the connection, within the call's budget, only
    /// while it is being made; takes the connection as it is otherwise.
    pub(crate) async fn turn(&self, call: Call) -> Result<Turn<'_>> {
        Turn::begin(&self.shared, call.budget).await
    }

    /// The server's time. Needs a connection only until the first one was made.
    pub(crate) async fn now(&self, call: Call) -> Result<Timestamp> {
        if self.shared.is_closed() {
            return Err(error::closed());
        }
        loop {
            if let Some(now) = self.shared.time.at(self.shared.clock.now()) {
                return Ok(now);
            }
            self.turn(call).await?;
        }
    }

    pub(crate) fn connections(&self) -> Connections {
        self.shared.connections()
    }

    /// Ends the connection and its supervisor, and waits until they have ended.
    pub(crate) async fn close(&self) {
        let Some(supervisor) = self.take_supervisor() else {
            return;
        };
        supervisor.abort();
        // It ends by being aborted: that is no news.
        let _aborted = supervisor.await;
    }

    fn take_supervisor(&self) -> Option<JoinHandle<()>> {
        self.supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(supervisor) = self.take_supervisor() {
            supervisor.abort();
        }
    }
}
