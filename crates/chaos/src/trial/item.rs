use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// A value that says which key and which version it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    key: u32,
    version: u64,
    body: String,
}

/// Where values come from: what a database is to a service. It knows the version of each key.
#[derive(Debug)]
pub(crate) struct Source {
    versions: Vec<AtomicU64>,
}

impl Item {
    fn new(key: u32, version: u64) -> Self {
        Self {
            key,
            version,
            body: body(key, version),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

impl Source {
    pub(crate) fn new(keys: u32) -> Self {
        Self {
            versions: (0..keys).map(|_| AtomicU64::new(1)).collect(),
        }
    }

    pub(crate) fn keys(&self) -> u32 {
        u32::try_from(self.versions.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn load(&self, key: u32) -> Item {
        Item::new(key, self.version(key))
    }

    /// A new version of a key.
    pub(crate) fn change(&self, key: u32) -> Item {
        let version = 1 + self.versions[key as usize].fetch_add(1, Ordering::SeqCst);
        Item::new(key, version)
    }

    pub(crate) fn version(&self, key: u32) -> u64 {
        self.versions[key as usize].load(Ordering::SeqCst)
    }

    /// Whether there ever was such a value under the key, whole and unharmed.
    pub(crate) fn is_genuine(&self, key: u32, item: &Item) -> bool {
        item.key == key
            && (1..=self.version(key)).contains(&item.version)
            && item.body == body(key, item.version)
    }
}

/// Text that differs for every key and version.
fn body(key: u32, version: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(u64::from(key) << 32 ^ version);
    let length = rng.usize(20..400);
    std::iter::repeat_with(|| rng.alphanumeric())
        .take(length)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_future_and_damaged_values_are_wrong() {
        let source = Source::new(2);
        let first = source.load(0);
        assert!(source.is_genuine(0, &first));
        assert!(!source.is_genuine(1, &first), "of another key");
        let second = source.change(0);
        assert!(source.is_genuine(0, &second) && source.is_genuine(0, &first));
        assert!(!source.is_genuine(0, &Item::new(0, 3)), "of the future");
        let mut damaged = second;
        damaged.body.replace_range(3..4, "~");
        assert!(!source.is_genuine(0, &damaged));
    }
}
