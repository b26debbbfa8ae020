//! Which stale values are being refreshed, so that each is refreshed once at a time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys that are being refreshed.
#[derive(Debug, Default)]
pub(crate) struct Refreshing {
    keys: Mutex<HashSet<(u32, Box<str>)>>,
}

/// A key's refresh; dropped when it ends, however it ends.
#[derive(Debug)]
pub(crate) struct Refresh {
    refreshing: Arc<Refreshing>,
    key: (u32, Box<str>),
}

impl Refreshing {
    /// Begins the refresh of a key; `None` when one is under way.
    pub(crate) fn begin(self: &Arc<Self>, space: u32, key: &str) -> Option<Refresh> {
        let key = (space, Box::from(key));
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.clone()).then(|| Refresh {
            refreshing: Arc::clone(self),
            key,
        })
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        let keys = &self.refreshing.keys;
        keys.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}
