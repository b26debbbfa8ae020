//! One connection: asks, and knows when it should be given up.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use larder_cache_core::{Error, Key, Result};
use redis::{Cmd, Pipeline, ServerError, Value};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::driver::{Asker, Frame, Frames, Unanswered};
use crate::address::Endpoint;
use crate::error;

/// An open connection that all callers share; commands are pipelined in the order asked.
///
/// What goes wrong on it is noted on it, so that a late failure can't be held against a
/// newer connection.
pub(crate) struct Link {
    node: Arc<str>,
    endpoint: Arc<Endpoint>,
    incarnation: u64,
    connection: u64,
    asker: Asker,
    timeouts: AtomicU32,
    dismissed: OnceLock<Error>,
    alarm: Notify,
}

/// Counts the connections of this process.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// So many calls in a row without an answer make the supervisor ask for a sign of life.
const SUSPICIOUS_TIMEOUTS: u32 = 3;

/// Answers after which the server must be looked at anew: it was demoted, or forgot who
/// we are.
const DISMISSING: [&str; 3] = ["READONLY", "MASTERDOWN", "NOAUTH"];

impl Link {
    pub(super) fn new(
        node: Arc<str>,
        endpoint: Arc<Endpoint>,
        incarnation: u64,
        asker: Asker,
    ) -> Self {
        Self {
            node,
            endpoint,
            incarnation,
            connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            asker,
            timeouts: AtomicU32::new(0),
            dismissed: OnceLock::new(),
            alarm: Notify::new(),
        }
    }

    /// Host and port of the server, or the path of its socket.
    pub(crate) fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Where the server is, and the login there.
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Differs for every connection that the lane has had.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Differs for every connection that this process has had.
    pub(crate) fn connection(&self) -> u64 {
        self.connection
    }

    /// Whether single reads may be joined: a server of a cluster would refuse.
    pub(super) fn join_gets(&self, joins: bool) {
        self.asker.join_gets(joins);
    }

    /// Whether the server is a node of a cluster, as it has said.
    pub(super) fn is_of_cluster(&self) -> bool {
        !self.asker.joins_gets()
    }

    /// Sends a command and waits for its reply.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value> {
        let write = |out: &mut Vec<u8>| command.write_packed_command(out);
        self.one(write).await?.value()
    }

    /// Sends commands in one go and waits for all replies, each a result of its own.
    pub(crate) async fn ask_all(&self, commands: &Pipeline) -> Result<Vec<Result<Value>>> {
        let replies = self.send_all(commands).await?;
        Ok(replies.into_iter().map(|reply| self.read(reply)).collect())
    }

    /// Sends commands in one go and waits for all replies; [`read`](Link::read) tells the
    /// refusals among them.
    pub(crate) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>> {
        let write = |out: &mut Vec<u8>| {
            let each = commands.cmd_iter();
            each.for_each(|command| command.write_packed_command(out));
        };
        let frames = self.several(write, commands.len()).await?;
        frames.iter().map(Frame::value).collect()
    }

    /// Sends the one command that is written down and waits for its reply as it came.
    pub(crate) async fn one(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<Frame> {
        let answer = self.asker.commands(write, 1, None).await;
        self.accept(answer).map_err(|why| self.failure(why))?
    }

    /// Sends the commands that are written down and waits for their replies as they came.
    pub(crate) async fn several(
        &self,
        write: impl FnOnce(&mut Vec<u8>),
        replies: usize,
    ) -> Result<Vec<Frame>> {
        if replies == 0 {
            return Ok(Vec::new());
        }
        match self.asker.commands(write, replies, None).await {
            Ok(Frames::One(frame)) => Ok(vec![frame]),
            Ok(Frames::Several(frames)) => Ok(frames),
            Err(why) => Err(self.failure(why)),
        }
    }

    /// Reads one value by the deadline.
    pub(super) async fn get(
        &self,
        key: &Key,
        deadline: Instant,
    ) -> Result<Result<Frame>, Unanswered> {
        self.accept(self.asker.get(key, Some(deadline)).await)
    }

    /// Sends the one command that is written down, for a reply by the deadline.
    pub(super) async fn command(
        &self,
        write: impl FnOnce(&mut Vec<u8>),
        deadline: Instant,
    ) -> Result<Result<Frame>, Unanswered> {
        self.accept(self.asker.commands(write, 1, Some(deadline)).await)
    }

    /// The reply to a single command, or the refusal that it is.
    fn accept(&self, answer: Result<Frames, Unanswered>) -> Result<Result<Frame>, Unanswered> {
        let frame = match answer? {
            Frames::One(frame) => frame,
            Frames::Several(_) => return Ok(Err(error::unexpected_reply("one reply"))),
        };
        self.heard();
        Ok(match frame.refusal() {
            Some(refusal) => Err(self.refusal(&refusal)),
            None => Ok(frame),
        })
    }

    /// A reply as it came, or the refusal that it is.
    pub(crate) fn checked<'f>(&self, reply: &'f Frame) -> Result<&'f Frame> {
        self.heard();
        match reply.refusal() {
            Some(refusal) => Err(self.refusal(&refusal)),
            None => Ok(reply),
        }
    }

    /// A reply, or the refusal that it is.
    pub(crate) fn read(&self, reply: Value) -> Result<Value> {
        self.heard();
        match reply {
            Value::ServerError(answer) => Err(self.refusal(&answer)),
            reply => Ok(reply),
        }
    }

    /// The server has answered.
    fn heard(&self) {
        if self.timeouts.load(Ordering::Relaxed) != 0 {
            self.timeouts.store(0, Ordering::Relaxed);
        }
    }

    /// A call ended without an answer.
    pub(super) fn timed_out(&self) {
        if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= SUSPICIOUS_TIMEOUTS {
            self.suspect();
        }
    }

    /// Asks the supervisor to look after the link.
    pub(super) fn suspect(&self) {
        self.alarm.notify_one();
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

    /// Why there is no reply, where it was not the caller's time that ended.
    pub(super) fn failure(&self, why: Unanswered) -> Error {
        let reason = |known: Option<Error>| {
            let dismissed = self.dismissed().cloned();
            dismissed.or(known).unwrap_or_else(error::hung_up)
        };
        match why {
            Unanswered::Full => error::too_many_waiting(),
            Unanswered::NeverSentOn(why) => error::never_sent(&reason(why)),
            Unanswered::Broken(why) => error::given_up(&reason(why)),
            Unanswered::NeverSent | Unanswered::Late => error::given_up(&error::hung_up()),
        }
        .with("node", &self.node)
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
