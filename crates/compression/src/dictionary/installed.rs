//! A dictionary that is ready for use.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_cache_core::{Dictionary, Result};

use crate::algorithms::Prepared;
use crate::dictionary::watch::Watch;
use crate::selector::Trial;

/// A dictionary that is ready for use in one namespace.
pub(crate) struct Installed {
    dictionary: Dictionary,
    prepared: Prepared,
    watch: Watch,
    /// When it was last used, on the shelf's clock.
    used: AtomicU64,
}

impl Installed {
    /// Parses a dictionary.
    ///
    /// # Errors
    /// Kind `Codec` for bytes that are none.
    pub(crate) fn new(dictionary: &Dictionary) -> Result<Self> {
        Ok(Self {
            dictionary: dictionary.clone(),
            prepared: Prepared::new(dictionary.bytes())?,
            watch: Watch::default(),
            used: AtomicU64::new(0),
        })
    }

    pub(crate) fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    pub(crate) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Takes in what a value was compressed to with and without it.
    pub(crate) fn watch(&self, trials: &[Trial]) {
        self.watch.take_in(trials);
    }

    /// Whether it no longer makes values smaller.
    pub(crate) fn is_spent(&self) -> bool {
        self.watch.is_spent()
    }

    /// The share of the bytes that it saves.
    pub(crate) fn saved_share(&self) -> Option<f64> {
        self.watch.saved_share()
    }

    pub(crate) fn touch(&self, now: u64) {
        // A write that changes nothing would still take the line from other cores.
        if self.used() != now {
            self.used.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.dictionary, f)
    }
}
