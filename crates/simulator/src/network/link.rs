//! The state of connections.

use std::collections::VecDeque;
use std::sync::Arc;

use larder_cache_core::{Key, Watch};
use tokio::sync::{Notify, oneshot};

use crate::server::{Answer, Command};

/// What a process has of the network.
#[derive(Debug)]
pub(super) struct Link {
    /// The connection that is open or being opened.
    pub(super) opened: Option<u64>,
    /// The connection that requests go to.
    pub(super) current: Option<u64>,
    pub(super) watch: Option<Watch>,
    /// The life of the server that answered last; 0: none yet.
    pub(super) life: u64,
    /// The connection broke.
    pub(super) closed: Arc<Notify>,
    /// There is a connection again.
    pub(super) ready: Arc<Notify>,
}

/// One connection from its begin to its end.
#[derive(Debug)]
pub(super) struct Incarnation {
    pub(super) id: u64,
    pub(super) process: u32,
    /// Its process still listens.
    pub(super) open: bool,
    /// Changes are told on it.
    pub(super) tells: bool,
    /// Changes that are kept back for a moment, as Redis does until the end of a turn of its
    /// event loop.
    pub(super) untold: Vec<Key>,
    /// The moment of the first of them.
    pub(super) untold_since: u64,
    pub(super) to_server: VecDeque<Sent>,
    pub(super) to_client: VecDeque<(u64, Message)>,
    pub(super) last_arrival: u64,
    pub(super) last_delivery: u64,
    /// Nothing arrives before, in either direction.
    pub(super) stalled_until: u64,
    pub(super) arrivals: Arc<Notify>,
    pub(super) deliveries: Arc<Notify>,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) due: u64,
    pub(super) sent: u64,
    /// Its place among all that was sent and changed.
    pub(super) moment: u64,
    pub(super) command: Command,
    /// `None`: the connection broke.
    pub(super) reply: Option<oneshot::Sender<Answer>>,
}

/// What is under way to a process.
#[derive(Debug)]
pub(super) enum Message {
    Reply(oneshot::Sender<Answer>, Answer),
    Changed(Vec<Key>),
    /// The answer to a ping that was sent at this time.
    Beat(u64),
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            opened: None,
            current: None,
            watch: None,
            life: 0,
            closed: Arc::default(),
            ready: Arc::default(),
        }
    }
}

impl Incarnation {
    pub(super) fn new(id: u64, process: u32) -> Self {
        Self {
            id,
            process,
            open: true,
            tells: false,
            untold: Vec::new(),
            untold_since: 0,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            last_arrival: 0,
            last_delivery: 0,
            stalled_until: 0,
            arrivals: Arc::default(),
            deliveries: Arc::default(),
        }
    }
}
