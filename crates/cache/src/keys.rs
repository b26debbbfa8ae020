//! From user keys to where their values stand.

use larder_cache_core::{Key, Namespace, Result};

use crate::shared::Shared;

impl Shared {
    /// Where the value of a key stands, if the namespace lets keys be so.
    pub(crate) fn physical_key(&self, settings: &Namespace, key: &str) -> Result<Key> {
        if !settings.key_patterns.is_empty() {
            settings.check_key(key)?;
        }
        self.stored_key(settings, key)
    }

    pub(crate) fn physical_keys(&self, settings: &Namespace, keys: &[&str]) -> Result<Vec<Key>> {
        keys.iter()
            .map(|key| self.physical_key(settings, key))
            .collect()
    }

    /// The same for a key that has been let through before, or was found: the patterns of
    /// the namespace may be others since.
    pub(crate) fn stored_key(&self, settings: &Namespace, key: &str) -> Result<Key> {
        self.keyspace.prefix().value(&settings.prefix, key)
    }

    pub(crate) fn stored_keys(&self, settings: &Namespace, keys: &[&str]) -> Result<Vec<Key>> {
        keys.iter()
            .map(|key| self.stored_key(settings, key))
            .collect()
    }
}
