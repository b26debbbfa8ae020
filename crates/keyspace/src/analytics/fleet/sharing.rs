//! Publishing now and then.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Backend, KeyPrefix};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::analytics::observer::Analytics;

/// A process must publish more often than its snapshot stays.
const LONGEST: Duration = Duration::from_secs(30);

/// Publishes the analytics of this process now and then, until it is dropped.
///
/// A publication that fails is not repeated before the next one is due.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Sharing {
    task: JoinHandle<()>,
}

impl Analytics {
    /// Publishes now and then: at once, and then each time so much has passed, a second at
    /// least and 30 seconds at most. Has to be called within a tokio runtime.
    pub fn share(
        self: &Arc<Self>,
        backend: Arc<dyn Backend>,
        prefix: KeyPrefix,
        every: Duration,
    ) -> Sharing {
        let (shortest, longest) = (Duration::from_secs(1), LONGEST);
        let analytics = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut due = tokio::time::interval(every.clamp(shortest, longest));
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                due.tick().await;
                // A backend that is down will be told later.
                let _ = analytics.publish(&*backend, &prefix).await;
            }
        });
        Sharing { task }
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.task.abort();
    }
}
