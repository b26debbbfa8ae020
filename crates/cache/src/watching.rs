//! Being told by the backend what others change.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use larder_cache_core::{Moment, Watch, Watcher};
use larder_keyspace::Located;

use crate::shared::Shared;

impl Shared {
    /// Asks the backend to tell of changes: of epochs, and of values where L1 holds some.
    pub(crate) fn watch_backend(&self, has_l1: bool) {
        if !self.is_shared() {
            return;
        }
        let prefix = self.keyspace.prefix();
        let values = has_l1.then(|| prefix.values_start());
        let watcher: Weak<dyn Watcher> = self.me.clone();
        let watched = self.backend.watch(Watch {
            prefixes: values.into_iter().chain([prefix.epochs_start()]).collect(),
            watcher,
        });
        self.watched.store(watched, Ordering::Relaxed);
    }
}

/// Whoever made a change, what is known of the key is dropped: the backend merges the news
/// of several changes, so that one can't tell that it was only an own one.
impl Watcher for Shared {
    fn changed(&self, key: &[u8]) {
        // What is not UTF-8 is none of ours.
        let text = std::str::from_utf8(key).unwrap_or_default();
        match self.keyspace.locate(text) {
            Some(Located::Value { namespace, key }) => self.l1.invalidate(namespace, &key),
            Some(Located::Epoch) => self.l1.outdate_epoch(key),
            _ => {}
        }
    }

    fn changed_all(&self) {
        self.l1.outdate_all();
    }

    fn told_until(&self, moment: Moment) {
        self.l1.told_until(moment);
    }

    fn may_have_forgotten(&self) {
        self.doubt_what_was_made();
    }
}
