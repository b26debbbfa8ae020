//! Who is told what changes on the servers, and how far the telling has come.
//!
//! Servers tell of changes on the connections that carry the data: what is read there and
//! what has changed since come from one server, in one order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use larder_cache_core::{Moment, Watch, Watcher};
use tokio::sync::watch;

/// The watcher of a backend, if it has one.
#[derive(Debug)]
pub(crate) struct Tracking {
    registered: watch::Sender<Option<Arc<Registered>>>,
    reach: OnceLock<Weak<dyn Reach>>,
    /// What the watcher was told last; held while it is told, and while the map changes.
    told: Mutex<Option<Moment>>,
    /// That a server does not want to tell.
    pub(crate) refusal: Warning,
    /// That a server may keep more for a connection than it has room for.
    pub(crate) memory: Warning,
}

/// What is logged once.
#[derive(Debug, Default)]
pub(crate) struct Warning(AtomicBool);

/// A watch, told from others of the same backend.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) number: u64,
    pub(crate) watch: Watch,
}

/// Knows the connections that matter.
pub(crate) trait Reach: std::fmt::Debug + Send + Sync {
    /// Until when all of them have told the watcher everything; `None` while one of them does
    /// not tell.
    fn told_until(&self, registered: &Registered) -> Option<Moment>;
}

impl Default for Tracking {
    fn default() -> Self {
        Self {
            registered: watch::Sender::new(None),
            reach: OnceLock::new(),
            told: Mutex::new(None),
            refusal: Warning::default(),
            memory: Warning::default(),
        }
    }
}

impl Tracking {
    /// Says who knows the connections that matter.
    pub(crate) fn reaches(&self, reach: Weak<dyn Reach>) {
        let _known = self.reach.set(reach);
    }

    /// Takes the place of an earlier watch.
    pub(crate) fn register(&self, watch: Watch) {
        let mut told = self.told();
        let number = self.registered().map_or(1, |before| before.number + 1);
        let registered = Registered { number, watch };
        self.registered.send_replace(Some(Arc::new(registered)));
        *told = None;
    }

    pub(crate) fn registered(&self) -> Option<Arc<Registered>> {
        self.registered.borrow().clone()
    }

    pub(crate) fn registrations(&self) -> watch::Receiver<Option<Arc<Registered>>> {
        self.registered.subscribe()
    }

    pub(crate) fn watcher(&self) -> Option<Arc<dyn Watcher>> {
        self.registered.borrow().as_ref()?.watch.watcher.upgrade()
    }

    pub(crate) fn changed(&self, key: &[u8]) {
        if let Some(watcher) = self.watcher() {
            watcher.changed(key);
        }
    }

    pub(crate) fn changed_all(&self) {
        if let Some(watcher) = self.watcher() {
            watcher.changed_all();
        }
    }

    pub(crate) fn may_have_forgotten(&self) {
        if let Some(watcher) = self.watcher() {
            watcher.may_have_forgotten();
        }
    }

    /// Tells the watcher how far the telling has come, if it has come further.
    pub(crate) fn tell(&self) {
        let mut told = self.told();
        let Some(registered) = self.registered() else {
            return;
        };
        let reach = self.reach.get().and_then(Weak::upgrade);
        let Some(until) = reach.and_then(|reach| reach.told_until(&registered)) else {
            return;
        };
        if told.is_none_or(|told| told < until)
            && let Some(watcher) = registered.watch.watcher.upgrade()
        {
            *told = Some(until);
            watcher.told_until(until);
        }
    }

    /// Changes which connections matter, while nobody tells how far the telling has come.
    pub(crate) fn interrupt(&self, change: impl FnOnce()) {
        let _telling = self.told();
        change();
    }

    fn told(&self) -> MutexGuard<'_, Option<Moment>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Warning {
    /// Whether it is to be logged now.
    pub(crate) fn is_due(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}
