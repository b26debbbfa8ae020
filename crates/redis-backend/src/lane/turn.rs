//! One call's use of a connection, within its budget.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{ErrorKind, Result};
use tokio::time::{Instant, timeout_at};

use super::link::Link;
use super::state::Shared;
use crate::error;

/// A connection, and until when the call may use it.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    shared: &'a Shared,
    link: Arc<Link>,
    budget: Duration,
    deadline: Instant,
}

impl<'a> Turn<'a> {
    pub(super) async fn begin(shared: &'a Shared, budget: Duration) -> Result<Self> {
        let deadline = deadline(budget);
        let link = match shared.settled() {
            Some(settled) => settled?,
            None => timeout_at(deadline, shared.settle())
                .await
                .map_err(|_| error::no_connection(budget).with("node", &shared.node))??,
        };
        Ok(Self {
            shared,
            link,
            budget,
            deadline,
        })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Runs commands on the link until the budget ends.
    pub(crate) async fn run<T>(&self, commands: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout_at(self.deadline, commands).await {
            Ok(Err(broken))
                if broken.kind() == ErrorKind::Connection && self.shared.is_closed() =>
            {
                Err(error::closed())
            }
            Ok(result) => result,
            Err(_) => {
                self.link.timed_out();
                Err(error::no_answer(self.budget).with("node", &self.shared.node))
            }
        }
    }
}

/// A budget beyond all clocks is a year.
fn deadline(budget: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    Instant::now() + budget.min(YEAR)
}
