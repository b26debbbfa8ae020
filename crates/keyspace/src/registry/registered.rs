//! A namespace as the registry holds it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use larder_cache_core::{Namespace, Space};

/// A registered namespace: its identity for good, its settings as of now.
#[derive(Debug)]
pub struct Registered {
    id: u32,
    name: Box<str>,
    settings: ArcSwap<Namespace>,
}

impl Registered {
    pub(super) fn new(id: u32, settings: Namespace) -> Self {
        Self {
            id,
            name: settings.name.as_str().into(),
            settings: ArcSwap::from_pointee(settings),
        }
    }

    pub(super) fn replace(&self, settings: Namespace) {
        self.settings.store(Arc::new(settings));
    }

    /// A number of its own, counted from 0 in the order of registration.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Identity and name, as events carry them.
    #[must_use]
    pub fn space(&self) -> Space<'_> {
        Space {
            id: self.id,
            name: &self.name,
        }
    }

    /// The settings as of now.
    #[must_use]
    pub fn settings(&self) -> Arc<Namespace> {
        self.settings.load_full()
    }
}
