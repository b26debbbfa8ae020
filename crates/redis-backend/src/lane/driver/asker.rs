//! The callers' end of a connection.

use std::sync::Arc;

use larder_cache_core::Key;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::queue::Queue;
use super::request::{Answer, Ask, Unanswered};

/// The callers' end of a connection.
#[derive(Clone, Debug)]
pub(in crate::lane) struct Asker(pub(super) Arc<Queue>);

impl Asker {
    /// Whether reads of single values may be joined in one command, which a server of a
    /// cluster refuses. They are not, until this is called.
    pub(in crate::lane) fn join_gets(&self, joins: bool) {
        self.0.join_gets(joins);
    }

    pub(in crate::lane) fn joins_gets(&self) -> bool {
        self.0.joins_gets()
    }

    /// Reads a value.
    ///
    /// # Cancel safety
    /// A request that is dropped before it was sent is not sent.
    pub(in crate::lane) async fn get(&self, key: &Key, deadline: Option<Instant>) -> Answer {
        self.ask(|_| Ask::Get(key.clone()), deadline).await
    }

    /// Sends the commands that are written down and waits for so many replies.
    ///
    /// # Cancel safety
    /// Commands that are dropped before they were sent are not sent.
    pub(in crate::lane) async fn commands(
        &self,
        write: impl FnOnce(&mut Vec<u8>),
        replies: usize,
        deadline: Option<Instant>,
    ) -> Answer {
        let stage = |staged: &mut Vec<u8>| {
            let before = staged.len();
            write(staged);
            let bytes = staged.len() - before;
            Ask::Commands { bytes, replies }
        };
        self.ask(stage, deadline).await
    }

    async fn ask(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> Ask,
        deadline: Option<Instant>,
    ) -> Answer {
        let (caller, answer) = oneshot::channel();
        self.0.push(write, deadline, caller);
        answer.await.unwrap_or(Err(Unanswered::Broken(None)))
    }
}
