//! What analytics says of a namespace.

mod hot;
mod l1;
mod lifecycle;
mod shapes;
mod table;

use larder_cache_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

pub use self::hot::HotKey;
pub use self::l1::L1Report;
pub use self::lifecycle::{Distinct, Endings, Lifecycle};
pub use self::shapes::ShapeReport;
use super::counts::Counts;
use super::observer::Analytics;
use super::snapshot::{KeysSnapshot, Snapshot};
use super::space::SpaceState;

/// What happened in a namespace, in one process or in several.
///
/// Times are milliseconds since the Unix epoch by the clock of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NamespaceReport {
    /// Its name.
    pub namespace: String,
    /// How many processes this is about.
    pub processes: u32,
    /// When analytics began, in the process where it did so first.
    pub since_ms: u64,
    /// How many seconds that is ago.
    pub seconds: f64,
    /// Everything that happened.
    pub totals: Counts,
    /// The keys; `None`: there was no memory to follow them, see
    /// [`max_bytes`](super::AnalyticsOptions::max_bytes), or in a fleet no room to tell of them.
    pub keys: Option<KeysReport>,
    /// The most memory this takes, in bytes, in all processes.
    pub memory_bytes: u64,
}

/// What is known of the keys of a namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeysReport {
    /// How many there are.
    pub distinct: Distinct,
    /// Those that are read most, from the most read on, 500 at most.
    pub hot_keys: Vec<HotKey>,
    /// A key that is not among them was read so often at most, as good as certainly.
    pub unlisted_at_most: u64,
    /// Their shapes, from the most read on, 32 at most; the rest is `{other}`.
    pub shapes: Vec<ShapeReport>,
    /// The lives of their values.
    pub lifecycle: Lifecycle,
}

impl Analytics {
    /// What happened in a namespace, in this process.
    ///
    /// # Cost
    /// Under a millisecond, a part of it under the lock that misses take.
    ///
    /// # Errors
    /// Kind `UnknownNamespace` when nothing has happened in it, naming those in which
    /// something has.
    pub fn key_analytics(&self, namespace: &str) -> Result<NamespaceReport> {
        let space = self.known(namespace)?;
        Ok(NamespaceReport::of(&self.snapshot(space)))
    }

    /// What happened in each namespace in which something has, in this process.
    #[must_use]
    pub fn reports(&self) -> Vec<NamespaceReport> {
        let snapshots = self.snapshots().into_iter();
        snapshots
            .map(|snapshot| NamespaceReport::of(&snapshot))
            .collect()
    }

    /// The keys of a namespace that are read most, from the most read on, 500 at most. None
    /// where there was no memory to follow keys.
    ///
    /// # Errors
    /// Kind `UnknownNamespace` when nothing has happened in it, naming those in which
    /// something has.
    pub fn hot_keys(&self, namespace: &str, limit: usize) -> Result<Vec<HotKey>> {
        let report = self.key_analytics(namespace)?;
        let mut keys = report.keys.map(|keys| keys.hot_keys).unwrap_or_default();
        keys.truncate(limit);
        Ok(keys)
    }

    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        self.spaces().map(|space| self.snapshot(space)).collect()
    }

    fn known(&self, namespace: &str) -> Result<&SpaceState> {
        let found = self.spaces().find(|space| *space.name == *namespace);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.spaces().map(|space| &*space.name).collect();
            Error::new(
                ErrorKind::UnknownNamespace,
                "nothing has happened in a namespace of this name since analytics began; \
                 check the name, and that analytics is among the observers of the cache",
            )
            .with("found", format!("{namespace:?}"))
            .with("known", known.join(", "))
        })
    }
}

impl NamespaceReport {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let millis = snapshot.until.saturating_sub(snapshot.since);
        let seconds = millis as f64 / 1000.0;
        Self {
            namespace: snapshot.namespace.clone(),
            processes: snapshot.processes,
            since_ms: snapshot.since,
            seconds,
            totals: snapshot.totals.clone(),
            keys: snapshot
                .keys
                .as_ref()
                .map(|keys| KeysReport::of(keys, seconds)),
            memory_bytes: snapshot.memory_bytes,
        }
    }
}

impl KeysReport {
    fn of(keys: &KeysSnapshot, seconds: f64) -> Self {
        let hot = keys.hot.iter().map(|hot| HotKey::of(hot, keys.seconds));
        Self {
            distinct: Distinct::of(&keys.panel),
            hot_keys: hot.collect(),
            unlisted_at_most: keys.unlisted,
            shapes: shapes::shapes_of(keys, seconds),
            lifecycle: Lifecycle::of(&keys.panel),
        }
    }
}
