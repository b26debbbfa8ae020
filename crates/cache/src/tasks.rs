//! The background tasks of a cache: tracked, named, and ended together.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// How long tasks may take to notice that they are aborted.
const ABORT_TIME: Duration = Duration::from_secs(1);

/// The tasks of a cache.
#[derive(Debug)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    state: State,
    spawned: u64,
    names: BTreeMap<u64, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closed,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            tracker: TaskTracker::new(),
            token: CancellationToken::new(),
            running: Arc::default(),
        }
    }

    /// Aborts all tasks when it is dropped; nobody waits for them.
    pub(crate) fn abort_on_drop(&self) -> DropGuard {
        self.token.clone().drop_guard()
    }

    /// Runs a task in the caller's tracing span.
    ///
    /// # Errors
    /// Kind `Closed` after [`drain`](Tasks::drain) has begun.
    pub(crate) fn spawn(
        &self,
        name: String,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        // Under one lock with `drain`, which then waits for this task or prevents it.
        let mut running = lock(&self.running);
        if running.state == State::Closed {
            return Err(closed());
        }
        let named = Named {
            running: Arc::clone(&self.running),
            number: running.spawned,
        };
        running.spawned += 1;
        running.names.insert(named.number, name);
        let token = self.token.clone();
        let task = task.in_current_span();
        let task = self.tracker.track_future(async move {
            let _named = named;
            // The end first: what it frees, such as a place among the loads, must not let
            // another task begin.
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = task => {}
            }
        });
        drop(running);
        tokio::spawn(task);
        Ok(())
    }

    /// Takes no more tasks, waits for those that run, aborts the rest and names them.
    pub(crate) async fn drain(&self, deadline: Duration) -> Vec<String> {
        lock(&self.running).state = State::Closed;
        self.tracker.close();
        let ended = tokio::time::timeout(deadline, self.tracker.wait()).await;
        if ended.is_ok() {
            return Vec::new();
        }
        let left = self.names();
        self.token.cancel();
        let aborted = tokio::time::timeout(ABORT_TIME, self.tracker.wait()).await;
        if aborted.is_err() {
            let tasks = self.names();
            tracing::warn!(?tasks, "tasks block their thread and can't be aborted");
        }
        left
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.running).state == State::Closed
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.running).names.len()
    }

    fn names(&self) -> Vec<String> {
        lock(&self.running).names.values().cloned().collect()
    }
}

pub(crate) fn closed() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the cache was shut down; build another one",
    )
}

/// Keeps a task's name listed for as long as it runs.
struct Named {
    running: Arc<Mutex<Running>>,
    number: u64,
}

impl Drop for Named {
    fn drop(&mut self) {
        lock(&self.running).names.remove(&self.number);
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
