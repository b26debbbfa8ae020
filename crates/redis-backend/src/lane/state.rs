//! What callers and the supervisor of a lane share: the state of its connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use larder_cache_core::{
    CircuitState, Clock, Connections, Error, Event, Moment, Observers, Result,
};
use tokio::sync::{Notify, watch};

use super::circuit::{Circuit, CircuitPolicy};
use super::link::Link;
use super::server_time::ServerTime;
use crate::error;
use crate::tracking::{Reach, Registered};

/// The state of a lane's connection.
#[derive(Debug)]
pub(super) enum State {
    /// There will be a connection or an error soon: callers wait for it.
    Connecting,
    /// Connected.
    Up(Arc<Link>),
    /// The last attempt failed: callers fail at once while the supervisor goes on trying.
    Down(Error),
    /// For good.
    Closed,
}

/// What callers and the supervisor share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) node: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) time: ServerTime,
    pub(super) circuit: Circuit,
    state: watch::Sender<State>,
    observers: Observers,
    opened: AtomicU64,
    last_error: Mutex<Option<Error>>,
    /// The number of a watch, and until when it has been told everything.
    told: Mutex<Option<(u64, Moment)>>,
    hurry: Notify,
}

impl Shared {
    pub(super) fn new(
        node: Arc<str>,
        clock: Arc<dyn Clock>,
        observers: Observers,
        policy: CircuitPolicy,
    ) -> Self {
        let circuit = Circuit::new(
            Arc::clone(&node),
            Arc::clone(&clock),
            observers.clone(),
            policy,
        );
        Self {
            circuit,
            node,
            clock,
            time: ServerTime::new(),
            state: watch::Sender::new(State::Connecting),
            observers,
            opened: AtomicU64::new(0),
            last_error: Mutex::new(None),
            told: Mutex::new(None),
            hurry: Notify::new(),
        }
    }

    /// The connection, or why there is none; `None`: one has to wait.
    pub(super) fn settled(&self) -> Option<Result<Arc<Link>>> {
        settled(&self.state.borrow())
    }

    /// Waits for the connection, or for why there is none.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn settle(&self) -> Result<Arc<Link>> {
        let mut states = self.state.subscribe();
        loop {
            let settled = settled(&states.borrow_and_update());
            if let Some(settled) = settled {
                return settled;
            }
            if states.changed().await.is_err() {
                return Err(error::closed());
            }
        }
    }

    /// Makes an attempt to connect begin anew, without the pause before it.
    pub(super) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Waits for that.
    pub(super) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// Whether the last attempt to connect failed.
    pub(super) fn is_down(&self) -> bool {
        matches!(*self.state.borrow(), State::Down(_))
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.state.borrow(), State::Closed)
    }

    /// The number of the next connection.
    pub(super) fn next_incarnation(&self) -> u64 {
        self.opened.load(Ordering::Relaxed) + 1
    }

    pub(super) fn up(&self, link: Arc<Link>) {
        self.opened.store(link.incarnation(), Ordering::Relaxed);
        self.circuit.close();
        let node = Arc::clone(link.node());
        self.state.send_replace(State::Up(link));
        tracing::info!(%node, "connected to Redis");
        self.observers.emit(&Event::Connected { node: &node });
    }

    /// The connection was lost; `next` is what callers see from now on.
    pub(super) fn lost(&self, why: &Error, next: State) {
        self.remember(why);
        *self.told() = None;
        if let State::Up(link) = self.state.send_replace(next) {
            tracing::warn!(node = %link.node(), error = %why, "lost the connection to Redis");
            self.tell_disconnected(link.node(), why);
        }
    }

    /// An attempt to connect failed.
    pub(super) fn down(&self, why: Error) {
        tracing::debug!(node = %self.node, error = %why, "could not connect to Redis");
        self.remember(&why);
        self.state.send_replace(State::Down(why.replay_safe()));
    }

    pub(super) fn close(&self) {
        *self.told() = None;
        let before = self.state.send_replace(State::Closed);
        if let State::Up(link) = before {
            self.tell_disconnected(link.node(), &error::closed());
        }
    }

    /// The server has told a watcher everything until a moment.
    pub(super) fn tell(&self, registered: &Registered, until: Moment) {
        *self.told() = Some((registered.number, until));
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Option<(u64, Moment)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connections(&self) -> Connections {
        let (active, broken) = match *self.state.borrow() {
            State::Up(_) => (1, 0),
            // It has not failed yet.
            State::Connecting if self.opened.load(Ordering::Relaxed) == 0 => (0, 0),
            State::Connecting | State::Down(_) => (0, 1),
            State::Closed => (0, 0),
        };
        let mut connections = Connections::default();
        connections.active = active;
        connections.broken = broken;
        connections.open_circuits = usize::from(self.circuit.state() != CircuitState::Closed);
        connections.opened = self.opened.load(Ordering::Relaxed);
        connections.last_error = self.last_error().clone();
        connections
    }

    fn tell_disconnected(&self, node: &str, error: &Error) {
        self.observers.emit(&Event::Disconnected { node, error });
    }

    fn remember(&self, why: &Error) {
        *self.last_error() = Some(why.clone());
    }

    fn last_error(&self) -> std::sync::MutexGuard<'_, Option<Error>> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reach for Shared {
    fn told_until(&self, registered: &Registered) -> Option<Moment> {
        let told = *self.told();
        let (_, until) = told.filter(|(number, _)| *number == registered.number)?;
        Some(until)
    }
}

fn settled(state: &State) -> Option<Result<Arc<Link>>> {
    match state {
        State::Connecting => None,
        State::Up(link) => Some(Ok(Arc::clone(link))),
        State::Down(why) => Some(Err(why.clone())),
        State::Closed => Some(Err(error::closed())),
    }
}
