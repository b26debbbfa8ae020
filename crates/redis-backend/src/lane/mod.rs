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
mod target;
mod tracker;
mod turn;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use larder_cache_core::{Call, Clock, Connections, Error, Moment, Observers, Result, Timestamp};
use tokio::task::JoinHandle;

use self::dial::Live;
use self::state::Shared;
use self::supervisor::Supervisor;
use crate::config::AtStart;
use crate::error;
use crate::tracking::{Reach, Registered, Tracking};

pub(crate) use self::circuit::CircuitPolicy;
pub(crate) use self::dial::connect_tcp;
pub(crate) use self::driver::{Frame, number, word, words};
pub(crate) use self::link::Link;
pub(crate) use self::target::{Place, Role, Target, Whereabouts};
pub(crate) use self::tracker::is_master;
pub(crate) use self::turn::{Turn, deadline_of};

/// The supervised connection to one server.
#[derive(Debug)]
pub(crate) struct Lane {
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

/// How patient a lane is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// For connecting, and for a sign of life.
    pub(crate) timeout: Duration,
    /// The longest pause between two attempts to connect.
    pub(crate) retry_delay: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) circuit: CircuitPolicy,
}

/// What the first attempts to connect must bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) at_start: AtStart,
    pub(crate) max_retries: u32,
}

impl Lane {
    /// Connects, as far as the start asks for it.
    pub(crate) async fn open(
        target: Target,
        pace: Pace,
        start: Start,
        observers: Observers,
        clock: Arc<dyn Clock>,
        tracking: Arc<Tracking>,
    ) -> Result<Self> {
        let mut supervisor = Supervisor::new(target, pace, observers, clock, tracking);
        let first = supervisor.start(start.at_start, start.max_retries).await?;
        Ok(Self::supervised(supervisor, first))
    }

    /// Begins to connect; callers wait for the connection meanwhile. Must be called within
    /// the runtime that the lane shall live in.
    pub(crate) fn begin(
        target: Target,
        pace: Pace,
        observers: Observers,
        clock: Arc<dyn Clock>,
        tracking: Arc<Tracking>,
    ) -> Self {
        let supervisor = Supervisor::new(target, pace, observers, clock, tracking);
        Self::supervised(supervisor, None)
    }

    fn supervised(supervisor: Supervisor, first: Option<Live>) -> Self {
        let shared = Arc::clone(&supervisor.shared);
        let supervisor = Mutex::new(Some(tokio::spawn(supervisor.run(first))));
        Self { shared, supervisor }
    }

    /// Who knows until when this lane has told a watcher everything.
    pub(crate) fn reach(&self) -> Weak<dyn Reach> {
        let shared: Weak<Shared> = Arc::downgrade(&self.shared);
        shared
    }

    /// Until when this lane has told a watcher everything.
    pub(crate) fn told_until(&self, registered: &Registered) -> Option<Moment> {
        self.shared.told_until(registered)
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
        match self.shared.time.at(self.shared.clock.now()) {
            Some(now) => Ok(now),
            None => Box::pin(self.first_now(call)).await,
        }
    }

    async fn first_now(&self, call: Call) -> Result<Timestamp> {
        loop {
            self.turn(call).await?;
            if let Some(now) = self.shared.time.at(self.shared.clock.now()) {
                return Ok(now);
            }
        }
    }

    /// Gives the present connection up, for a reason that calls under way are told; where
    /// there is none, gives up the attempt to make it. Another is made at once.
    pub(crate) fn dismiss(&self, why: &Error) {
        match self.shared.settled() {
            Some(Ok(link)) => link.dismiss(why),
            Some(Err(_)) | None => self.shared.hurry(),
        }
    }

    /// Whether there is a connection.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.shared.settled(), Some(Ok(_)))
    }

    /// Whether the last attempt to connect failed.
    pub(crate) fn is_down(&self) -> bool {
        self.shared.is_down()
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
