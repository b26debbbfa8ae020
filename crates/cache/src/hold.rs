//! What keeps a cache alive.

use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::DropGuard;

use crate::shared::Shared;

/// A handle's hold on the cache. When the last one goes, the tasks in the background are
/// aborted at once, whatever they wait for.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    shared: Arc<Shared>,
    _abort: Arc<DropGuard>,
}

impl Hold {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            _abort: Arc::new(shared.tasks.abort_on_drop()),
            shared,
        }
    }
}

impl Deref for Hold {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.shared
    }
}
