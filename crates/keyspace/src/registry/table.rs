//! Namespaces in their order, found by name and by prefix.

use std::collections::HashMap;
use std::sync::Arc;

use larder_cache_core::Namespace;

use super::registered::Registered;

/// The namespaces of a cache: no two of one name, no two of one prefix.
#[derive(Debug, Default)]
pub(super) struct Table {
    in_order: Vec<Arc<Registered>>,
    /// Where in the order each is, which is also its number.
    by_name: HashMap<Box<str>, usize>,
    by_prefix: HashMap<Box<str>, usize>,
    /// Who had a prefix before: its values may still stand under it.
    formerly: HashMap<Box<str>, usize>,
}

impl Table {
    pub(super) fn named(&self, name: &str) -> Option<&Arc<Registered>> {
        self.in_order.get(*self.by_name.get(name)?)
    }

    pub(super) fn of_prefix(&self, prefix: &str) -> Option<&Arc<Registered>> {
        self.in_order.get(*self.by_prefix.get(prefix)?)
    }

    /// Whose prefix this was before, and is not now.
    pub(super) fn formerly_of_prefix(&self, prefix: &str) -> Option<&Arc<Registered>> {
        self.in_order.get(*self.formerly.get(prefix)?)
    }

    pub(super) fn in_order(&self) -> &[Arc<Registered>] {
        &self.in_order
    }

    /// Adds a namespace whose name and prefix are free.
    pub(super) fn add(&mut self, settings: Namespace) -> Arc<Registered> {
        let at = self.in_order.len();
        self.by_name.insert(settings.name.as_str().into(), at);
        self.by_prefix.insert(settings.prefix.as_str().into(), at);
        let id = u32::try_from(at).unwrap_or(u32::MAX);
        let registered = Arc::new(Registered::new(id, settings));
        self.in_order.push(Arc::clone(&registered));
        registered
    }

    /// Gives a namespace other settings, whose prefix is its own or free.
    pub(super) fn replace(&mut self, known: &Registered, settings: Namespace) {
        let before = known.settings();
        if before.prefix != settings.prefix
            && let Some(at) = self.by_prefix.remove(before.prefix.as_str())
        {
            self.formerly.insert(before.prefix.as_str().into(), at);
            self.by_prefix.insert(settings.prefix.as_str().into(), at);
        }
        known.replace(settings);
    }
}
