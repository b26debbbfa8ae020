//! The background tasks of a cache: tracked, named, and ended together.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// How long tasks may take to notice that they are aborted.
const ABORT_TIME: Duration = Duration::from_secs(1);

/// The tasks of a cache. When it is dropped they are aborted, and nobody waits for them.
#[derive(Debug)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
    running: Arc<Running>,
    _abort_on_drop: DropGuard,
}

#[derive(Debug, Default)]
struct Running {
    next: AtomicU64,
    names: Mutex<HashMap<u64, String>>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        let token = CancellationToken::new();
        Self {
            tracker: TaskTracker::new(),
            _abort_on_drop: token.clone().drop_guard(),
            token,
            running: Arc::default(),
        }
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
        if self.tracker.is_closed() {
            return Err(closed());
        }
        let named = Named::new(Arc::clone(&self.running), name);
        let token = self.token.clone();
        let task = async move {
            let _named = named;
            token.run_until_cancelled(task).await;
        };
        self.tracker.spawn(task.in_current_span());
        Ok(())
    }

    /// Takes no more tasks, waits for those that run, aborts the rest and names them.
    pub(crate) async fn drain(&self, deadline: Duration) -> Vec<String> {
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait())
            .await
            .is_ok()
        {
            return Vec::new();
        }
        let left = self.running.names();
        self.token.cancel();
        if tokio::time::timeout(ABORT_TIME, self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = ?self.running.names(), "tasks block their thread and can't be aborted");
        }
        left
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.tracker.is_closed()
    }

    pub(crate) fn count(&self) -> usize {
        self.tracker.len()
    }
}

pub(crate) fn closed() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the cache was shut down; build another one",
    )
}

impl Running {
    fn names(&self) -> Vec<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = names.values().cloned().collect();
        names.sort();
        names
    }
}

/// Keeps a task's name listed for as long as it runs.
struct Named {
    running: Arc<Running>,
    id: u64,
}

impl Named {
    fn new(running: Arc<Running>, name: String) -> Self {
        let id = running.next.fetch_add(1, Ordering::Relaxed);
        running
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, name);
        Self { running, id }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.running
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}
