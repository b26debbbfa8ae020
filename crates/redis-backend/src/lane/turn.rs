//! One call's use of a connection, within its budget.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_cache_core::{Call, Error, ErrorKind, Key, Result, Write};
use tokio::time::{Instant, timeout_at};

use super::circuit::Leave;
use super::driver::{Frame, Unanswered};
use super::link::Link;
use super::state::Shared;
use crate::{commands, error};

/// A connection, and until when the call may use it.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    shared: &'a Shared,
    link: Arc<Link>,
    leave: Leave<'a>,
    budget: Duration,
    deadline: Instant,
}

impl<'a> Turn<'a> {
    pub(super) async fn begin(shared: &'a Shared, budget: Duration) -> Result<Self> {
        let deadline = deadline(budget);
        let link = match shared.settled() {
            Some(settled) => settled?,
            None => Box::pin(timeout_at(deadline, shared.settle()))
                .await
                .map_err(|_| error::no_connection(budget).with("node", &shared.node))??,
        };
        Ok(Self {
            shared,
            link,
            leave: shared.circuit.admit()?,
            budget,
            deadline,
        })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Reads one value.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let answer = self.link.get(key, self.deadline).await;
        self.answered(answer, |frame| frame.string(), "a string or nothing")
    }

    /// Stores one value, if its condition holds.
    pub(crate) async fn set(&self, write: &Write) -> Result<bool> {
        let write = |out: &mut Vec<u8>| commands::write_set(out, write);
        let answer = self.link.command(write, self.deadline).await;
        self.answered(answer, |frame| frame.stored(), "OK or nothing")
    }

    /// Runs commands on the link until the budget ends.
    pub(crate) async fn run<T>(&self, commands: impl Future<Output = Result<T>>) -> Result<T> {
        let ended = timeout_at(self.deadline, commands).await;
        self.end(ended.unwrap_or_else(|_| Err(self.late(error::no_answer(self.budget)))))
    }

    fn answered<T>(
        &self,
        answer: Result<Result<Frame>, Unanswered>,
        read: impl FnOnce(&Frame) -> Option<T>,
        expected: &'static str,
    ) -> Result<T> {
        self.end(match answer {
            Ok(Ok(frame)) => read(&frame).ok_or_else(|| error::unexpected_reply(expected)),
            Ok(Err(refused)) => Err(refused),
            Err(Unanswered::Late) => Err(self.late(error::no_answer(self.budget))),
            Err(Unanswered::NeverSent) => Err(self.late(error::not_sent(self.budget))),
            Err(broken) => Err(self.link.failure(broken)),
        })
    }

    fn late(&self, error: Error) -> Error {
        self.link.timed_out();
        error.with("node", &self.shared.node)
    }

    /// Tells the circuit how the call went.
    fn end<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(found) => {
                self.leave.succeeded();
                Ok(found)
            }
            Err(broken) if broken.kind() == ErrorKind::Connection && self.shared.is_closed() => {
                Err(error::closed())
            }
            Err(error) => {
                // Replies that have gone astray, if it is still open.
                if error.kind() == ErrorKind::Connection {
                    self.link.dismiss(&error);
                }
                if self.leave.failed(&error) {
                    self.link.suspect();
                }
                Err(error)
            }
        }
    }
}

/// When a call's budget ends.
pub(crate) fn deadline_of(call: Call) -> Instant {
    deadline(call.budget)
}

/// A budget beyond all clocks is a year.
fn deadline(budget: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    Instant::now() + budget.min(YEAR)
}
