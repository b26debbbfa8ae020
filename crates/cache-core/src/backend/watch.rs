//! Being told what changes in a store.

use std::fmt::Debug;
use std::sync::Weak;

use crate::clock::Moment;

/// What is to be watched, and by whom.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What the keys begin with whose changes are told.
    pub prefixes: Vec<String>,
    /// Who is told.
    pub watcher: Weak<dyn Watcher>,
}

/// Is told what changes in a store, by whomever.
///
/// A change that was made before a request is sent is told before that request is answered.
///
/// All methods are called in the order of the changes, from the task that reads a
/// connection: they must return at once, and must not call the backend.
pub trait Watcher: Debug + Send + Sync + 'static {
    /// What stands under a key was changed or removed.
    fn changed(&self, key: &[u8]);

    /// Anything may have changed unseen.
    fn changed_all(&self);

    /// Every change that was made before this moment, by the process's clock, has been told.
    fn told_until(&self, moment: Moment);

    /// From now on answers may come from a server that lacks changes it, or another in its
    /// place, had confirmed: it was restarted, or a replica took over. Told before the first
    /// such answer, and before [`changed_all`](Watcher::changed_all), which follows at once.
    fn may_have_forgotten(&self);
}
