//! All that is known of one namespace.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::dictionary::{Installed, Trainer};
use crate::selector::Selector;
use crate::tally::Tallies;

/// All that is known of one namespace.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) name: Box<str>,
    pub(crate) selector: Selector,
    pub(crate) trainer: Trainer,
    pub(crate) tallies: Tallies,
    /// The dictionary that writes use.
    current: ArcSwapOption<Installed>,
}

impl Space {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            selector: Selector::default(),
            trainer: Trainer::default(),
            tallies: Tallies::default(),
            current: ArcSwapOption::empty(),
        }
    }

    /// The dictionary that writes use.
    pub(crate) fn current(&self) -> Option<Arc<Installed>> {
        self.current.load_full()
    }

    /// Writes use this dictionary from now on.
    pub(crate) fn adopt(&self, dictionary: Option<Arc<Installed>>) {
        let id = |one: &Option<Arc<Installed>>| one.as_ref().map(|d| d.dictionary().id());
        let new = id(&dictionary);
        let old = self.current.swap(dictionary);
        if id(&old) != new {
            self.selector.dictionary_changed();
        }
    }

    /// Stops the use of a dictionary that no longer pays, and makes room for another.
    pub(crate) fn retire(&self, spent: &Arc<Installed>) {
        let before = self.current.compare_and_swap(spent, None);
        if before.as_ref().is_some_and(|b| Arc::ptr_eq(b, spent)) {
            self.selector.dictionary_changed();
            self.trainer.restart();
        }
    }
}
