//! The dictionaries that can be read, of all namespaces.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use larder_cache_core::{Dictionary, Error, ErrorKind, Result};

use crate::dictionary::Installed;

/// So many of a namespace stay readable: as many generations of its values. Each takes about
/// 200 KiB.
pub(crate) const MOST_IN_NAMESPACE: usize = 16;

/// The dictionaries that can be read.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    readable: ArcSwap<HashMap<u32, Arc<Installed>>>,
    held: Mutex<HashMap<Box<str>, Vec<Arc<Installed>>>>,
    /// Goes on with every dictionary that is installed.
    clock: AtomicU64,
}

impl Shelf {
    /// Makes a dictionary readable. What was not used for longest makes room, but for the one
    /// that writes use.
    ///
    /// # Errors
    /// Kind `Codec` for bytes that are no dictionary, and for another dictionary of the same
    /// id.
    pub(crate) fn install(
        &self,
        namespace: &str,
        dictionary: &Dictionary,
        current: Option<u32>,
    ) -> Result<()> {
        let id = dictionary.id();
        let mut held = self.held();
        let known = self.get(id);
        if known.is_some_and(|known| known.dictionary() != dictionary) {
            return Err(Error::new(
                ErrorKind::Codec,
                "another dictionary has the same id; train it again with other samples",
            )
            .with("id", id));
        }
        let now = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let of_namespace = held.entry(namespace.into()).or_default();
        if let Some(known) = find(of_namespace, id) {
            known.touch(now);
            return Ok(());
        }
        let installed = Installed::new(dictionary)?;
        installed.touch(now);
        of_namespace.push(Arc::new(installed));
        make_room(of_namespace, current);
        self.publish(&held);
        Ok(())
    }

    /// A dictionary that was installed in this namespace.
    pub(crate) fn of_namespace(&self, namespace: &str, id: u32) -> Option<Arc<Installed>> {
        let held = self.held();
        let found = find(held.get(namespace)?, id)?;
        found.touch(self.clock.load(Ordering::Relaxed));
        Some(Arc::clone(found))
    }

    /// Whether values of a dictionary can be read.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.readable.load().contains_key(&id)
    }

    /// A dictionary to read with.
    pub(crate) fn get(&self, id: u32) -> Option<Arc<Installed>> {
        let found = self.readable.load().get(&id).cloned()?;
        found.touch(self.clock.load(Ordering::Relaxed));
        Some(found)
    }

    /// How many can be read.
    pub(crate) fn len(&self) -> usize {
        self.readable.load().len()
    }

    fn publish(&self, held: &HashMap<Box<str>, Vec<Arc<Installed>>>) {
        let all = held.values().flatten();
        let readable = all.map(|one| (one.dictionary().id(), Arc::clone(one)));
        self.readable.store(Arc::new(readable.collect()));
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Box<str>, Vec<Arc<Installed>>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(installed: &[Arc<Installed>], id: u32) -> Option<&Arc<Installed>> {
    installed.iter().find(|one| one.dictionary().id() == id)
}

fn make_room(installed: &mut Vec<Arc<Installed>>, current: Option<u32>) {
    if installed.len() <= MOST_IN_NAMESPACE {
        return;
    }
    let spare = installed.iter().enumerate();
    let spare = spare.filter(|(_, one)| Some(one.dictionary().id()) != current);
    if let Some((oldest, _)) = spare.min_by_key(|(_, one)| one.used()) {
        installed.remove(oldest);
    }
}
