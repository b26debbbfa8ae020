//! The namespaces in use, with what is kept of each.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use larder_cache_core::Namespace;
use larder_keyspace::Registered;

use crate::dictionaries::Tended;
use crate::quota::Quota;
use crate::stats::Counters;

/// A namespace in use, with its counters.
#[derive(Debug)]
pub(crate) struct SpaceState {
    pub(crate) registered: Arc<Registered>,
    pub(crate) counters: Counters,
    pub(crate) dictionaries: Tended,
    pub(crate) quota: Quota,
}

/// All namespaces in use. One is found at the same cost whatever their number.
#[derive(Debug, Default)]
pub(crate) struct Spaces(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    in_order: Vec<Arc<SpaceState>>,
    /// Where in the order each is, by its number.
    places: HashMap<u32, usize>,
}

impl SpaceState {
    pub(crate) fn id(&self) -> u32 {
        self.registered.id()
    }

    pub(crate) fn settings(&self) -> Arc<Namespace> {
        self.registered.settings()
    }
}

impl Spaces {
    /// What is kept of a namespace, from now on if it was not in use.
    pub(crate) fn of(&self, registered: Arc<Registered>) -> Arc<SpaceState> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(space) = table.find(registered.id()) {
            return space;
        }
        drop(table);
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = table.find(registered.id());
        known.unwrap_or_else(|| table.add(registered))
    }

    /// All of them, in the order in which they came into use.
    pub(crate) fn list(&self) -> Vec<Arc<SpaceState>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.in_order.clone()
    }
}

impl Table {
    fn find(&self, id: u32) -> Option<Arc<SpaceState>> {
        self.in_order.get(*self.places.get(&id)?).cloned()
    }

    fn add(&mut self, registered: Arc<Registered>) -> Arc<SpaceState> {
        self.places.insert(registered.id(), self.in_order.len());
        let space = Arc::new(SpaceState {
            registered,
            counters: Counters::default(),
            dictionaries: Tended::default(),
            quota: Quota::default(),
        });
        self.in_order.push(Arc::clone(&space));
        space
    }
}
