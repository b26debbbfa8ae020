//! The analytics of all processes of a fleet, through the backend.
//!
//! Each process holds one of a fixed number of places: internal keys, which it writes its
//! snapshot to now and then, and which vanish soon after it has ended. Whoever wants the
//! whole reads them all.

mod letter;
mod merge;
mod places;
mod sharing;

use std::collections::BTreeMap;
use std::time::Duration;

use larder_cache_core::{Backend, Call, KeyPrefix, Result};
use serde::{Deserialize, Serialize};

pub(crate) use self::places::OwnPlace;
pub use self::places::Published;
pub use self::sharing::Sharing;
use super::observer::Analytics;
use super::report::NamespaceReport;
use super::snapshot::Snapshot;
use letter::Letter;

/// How long a call of the backend may take.
const BUDGET: Duration = Duration::from_secs(2);

/// What happened in all processes of a fleet, as far as they have published it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FleetReport {
    /// How many processes have.
    pub processes: u32,
    /// How many snapshots could not be read: those of other versions, or damaged.
    pub skipped: u32,
    /// How many processes have left out a part, as it was too large.
    pub shortened: u32,
    /// How many namespaces processes have left out even the totals of, as there was no room.
    /// One that several have left out counts for each of them.
    pub left_out: u32,
    /// The namespaces, by name.
    pub namespaces: Vec<NamespaceReport>,
}

impl Analytics {
    /// What happened in all processes that have published lately.
    ///
    /// # Cost
    /// One round trip, up to 256 KiB for each process, and up to a millisecond for each of
    /// them to merge it.
    ///
    /// # Errors
    /// As the backend has them. What can't be read is skipped and counted.
    pub async fn fleet_report(backend: &dyn Backend, prefix: &KeyPrefix) -> Result<FleetReport> {
        let keys = places::all(prefix)?;
        let found = backend.get(&keys, Call::within(BUDGET)).await?;
        let mut report = FleetReport {
            processes: 0,
            skipped: 0,
            shortened: 0,
            left_out: 0,
            namespaces: Vec::new(),
        };
        let mut latest: BTreeMap<u64, Letter> = BTreeMap::new();
        for bytes in found.into_iter().flatten() {
            let Some(letter) = Letter::decode(&bytes) else {
                report.skipped += 1;
                continue;
            };
            // A process that has lost its place may have left a letter there.
            let known = latest.get(&letter.sender);
            if known.is_none_or(|known| known.until() <= letter.until()) {
                latest.insert(letter.sender, letter);
            }
        }
        let mut merged: BTreeMap<String, Snapshot> = BTreeMap::new();
        for letter in latest.into_values() {
            report.processes += 1;
            report.shortened += u32::from(letter.is_shortened);
            report.left_out = report.left_out.saturating_add(letter.left_out);
            for snapshot in letter.namespaces {
                let whole = merged.entry(snapshot.namespace.clone()).or_default();
                whole.merge(snapshot);
            }
        }
        report.namespaces = merged.values().map(NamespaceReport::of).collect();
        Ok(report)
    }
}
