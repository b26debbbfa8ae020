//! One connection: asks, and knows when it should be given up.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use larder_cache_core::{Error, Result};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, ServerError, Value};
use tokio::sync::Notify;

use crate::error;

/// An open connection that all callers share; commands are pipelined in the order asked.
///
/// What goes wrong on it is noted on it, so that a late failure can't be held against a
/// newer connection.
pub(crate) struct Link {
    node: Arc<str>,
    incarnation: u64,
    connection: MultiplexedConnection,
    timeouts: AtomicU32,
    dismissed: OnceLock<Error>,
    alarm: Notify,
}

/// So many calls in a row without an answer make the supervisor ask for a sign of life.
const SUSPICIOUS_TIMEOUTS: u32 = 3;

/// Answers after which the server must be looked at anew: it was demoted, or forgot who
/// we are.
const DISMISSING: [&str; 3] = ["READONLY", "MASTERDOWN", "NOAUTH"];

impl Link {
    pub(super) fn new(node: Arc<str>, incarnation: u64, connection: MultiplexedConnection) -> Self {
        Self {
            node,
            incarnation,
            connection,
            timeouts: AtomicU32::new(0),
            dismissed: OnceLock::new(),
            alarm: Notify::new(),
        }
    }

    /// Differs for every connection that the lane has had.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Sends a command and waits for its reply.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value> {
        let mut connection = self.connection.clone();
        match connection.send_packed_command(command).await {
            Ok(reply) => self.read(reply),
            Err(failure) => Err(self.failure(&failure)),
        }
    }

    /// Sends commands in one go and waits for all replies, each a result of its own.
    pub(crate) async fn ask_all(&self, commands: &Pipeline) -> Result<Vec<Result<Value>>> {
        let replies = self.send_all(commands).await?;
        Ok(replies.into_iter().map(|reply| self.read(reply)).collect())
    }

    /// Sends commands in one go and waits for all replies; [`read`](Link::read) tells the
    /// refusals among them.
    pub(crate) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connection.clone();
        connection
            .send_packed_commands(commands, 0, commands.len())
            .await
            .map_err(|failure| self.failure(&failure))
    }

    /// A reply, or the refusal that it is.
    pub(crate) fn read(&self, reply: Value) -> Result<Value> {
        if self.timeouts.load(Ordering::Relaxed) != 0 {
            self.timeouts.store(0, Ordering::Relaxed);
        }
        match reply {
            Value::ServerError(answer) => Err(self.refusal(&answer)),
            reply => Ok(reply),
        }
    }

    /// A call ended without an answer.
    pub(super) fn timed_out(&self) {
        if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= SUSPICIOUS_TIMEOUTS {
            self.alarm.notify_one();
        }
    }

    /// Waits until the link is suspicious or dismissed.
    pub(super) async fn alarmed(&self) {
        self.alarm.notified().await;
    }

    /// Why the link must be given up, if it must.
    pub(super) fn dismissed(&self) -> Option<&Error> {
        self.dismissed.get()
    }

    /// Gives the link up, for a reason that calls under way are told.
    pub(super) fn dismiss(&self, why: &Error) {
        if self.dismissed.set(why.clone()).is_ok() {
            self.alarm.notify_one();
        }
    }

    fn refusal(&self, answer: &ServerError) -> Error {
        let refused = error::refused(answer).with("node", &self.node);
        if DISMISSING.contains(&answer.code()) {
            self.dismiss(&refused);
        }
        refused
    }

    fn failure(&self, failure: &redis::RedisError) -> Error {
        match self.dismissed() {
            Some(why) => error::given_up(why),
            None => error::reported(failure).with("node", &self.node),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("node", &self.node)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}
