//! What L1 would hit at other sizes, by the names of namespaces.

use serde::{Deserialize, Serialize};

use crate::analytics::observer::Analytics;
use crate::curve::{SpaceCurve, SpaceTotals};

/// What L1 would hit at other sizes, all namespaces sharing it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct L1Report {
    /// All namespaces together.
    pub whole: SpaceCurve,
    /// Each namespace of which L1 has taken something in, by its name; 255 at most.
    pub namespaces: Vec<(String, SpaceCurve)>,
    /// How many accesses were simulated.
    pub simulated: u64,
    /// How many more would have been, had not another thread been at it.
    pub skipped: u64,
}

impl Analytics {
    /// What L1 would hit at other sizes, in this process, after all that has happened since
    /// analytics began.
    /// Without [`l1_bytes`](super::super::AnalyticsOptions::l1_bytes) the curves are empty.
    ///
    /// # Cost
    /// Under a millisecond.
    #[must_use]
    pub fn curve(&self) -> L1Report {
        let now = self.time().now();
        let in_l1 = self.numbered_spaces().filter(|(_, space)| space.is_in_l1());
        let (names, totals): (Vec<_>, Vec<_>) = in_l1
            .map(|(id, space)| {
                let counts = space.totals(now);
                let totals = SpaceTotals::new(id, counts.reads());
                let hits = counts.l1_hits + counts.l1_absences;
                ((id, space.name.to_string()), totals.l1_hits(hits))
            })
            .unzip();
        let report = self.simulated().report(&totals);
        let name_of = |id: u32| names.iter().find(|(known, _)| *known == id);
        let named = report.spaces.into_iter().filter_map(|(id, curve)| {
            let (_, name) = name_of(id)?;
            Some((name.clone(), curve))
        });
        L1Report {
            namespaces: named.collect(),
            whole: report.whole,
            simulated: report.simulated,
            skipped: report.skipped,
        }
    }
}
