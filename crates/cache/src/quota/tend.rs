//! The task that looks at a quota when it is due.

use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_keyspace::Registered;
use tokio::time::sleep;

use crate::shared::Shared;
use crate::spaces::SpaceState;

/// How long a task that waits keeps a shutdown waiting.
const NAP: Duration = Duration::from_millis(100);

impl Shared {
    /// Bytes were stored: where the namespace has a quota and it is due, sees to it that it is
    /// kept, in the background.
    pub(crate) fn tend_quota(&self, space: &SpaceState, stored: usize) {
        let settings = space.settings();
        let Some(quota) = settings.quota_bytes else {
            return;
        };
        let stored = u64::try_from(stored).unwrap_or(u64::MAX);
        let Some(pause) = space.quota.note(stored, quota, self.clock.coarse()) else {
            return;
        };
        let (me, registered) = (Weak::clone(&self.me), Arc::clone(&space.registered));
        let name = format!("quota {}", settings.name);
        if self.tasks.spawn(name, tend(me, registered, pause)).is_err() {
            space.quota.gave_up();
            tracing::debug!("the cache is shut down: quotas are left to others");
        }
    }

    /// Looks at the quota; says after which pause to look again.
    async fn look_at_quota(&self, space: &SpaceState) -> Option<Duration> {
        let settings = space.settings();
        let Some(quota) = settings.quota_bytes else {
            space.quota.gave_up();
            return None;
        };
        let stored = space.quota.stored();
        let looked = self.keep_quota(space, &settings, (stored, quota)).await;
        if let Err(error) = &looked {
            let namespace = space.registered.name();
            tracing::debug!(%error, namespace, "its quota waits");
        }
        let now = self.clock.coarse();
        space.quota.looked(&looked, (stored, quota), now)
    }
}

/// Looks after a pause, and again where that is due. The cache is not held while it waits.
async fn tend(me: Weak<Shared>, registered: Arc<Registered>, first: Duration) {
    let mut pause = Some(first);
    while let Some(left) = pause {
        let nap = left.min(NAP);
        if !nap.is_zero() {
            sleep(nap).await;
        }
        let Some(shared) = me.upgrade() else { return };
        if shared.tasks.is_closed() {
            return;
        }
        pause = match left - nap {
            Duration::ZERO => {
                let space = shared.spaces.of(Arc::clone(&registered));
                shared.look_at_quota(&space).await
            }
            left => Some(left),
        };
    }
}
