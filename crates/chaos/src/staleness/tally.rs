use serde::{Deserialize, Serialize};

use super::histogram::Histogram;

/// What a member has come to, or all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) reads: u64,
    /// Of them, answered from process memory.
    pub(crate) l1_hits: u64,
    pub(crate) failed_reads: u64,
    /// Of another key, or of a version that never was.
    pub(crate) wrong_values: u64,
    /// Too old, and what they missed may have been lost with a master.
    pub(crate) excused: u64,
    /// Too old.
    pub(crate) breaches: u64,
    pub(crate) loads: u64,
    pub(crate) deletions: Outcomes,
    pub(crate) tag_invalidations: Outcomes,
    pub(crate) writes_through: Outcomes,
    /// How long after the acknowledgement old versions were read.
    pub(crate) behind: Histogram,
    /// From an acknowledgement until another process has seen the new version.
    pub(crate) seen_after: Histogram,
}

/// How calls ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcomes {
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.reads += other.reads;
        self.l1_hits += other.l1_hits;
        self.failed_reads += other.failed_reads;
        self.wrong_values += other.wrong_values;
        self.excused += other.excused;
        self.breaches += other.breaches;
        self.loads += other.loads;
        self.deletions.merge(other.deletions);
        self.tag_invalidations.merge(other.tag_invalidations);
        self.writes_through.merge(other.writes_through);
        self.behind.merge(&other.behind);
        self.seen_after.merge(&other.seen_after);
    }

    /// Of all three ways.
    pub(crate) fn invalidations(&self) -> Outcomes {
        let mut all = self.deletions;
        all.merge(self.tag_invalidations);
        all.merge(self.writes_through);
        all
    }
}

impl Outcomes {
    fn merge(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
    }
}
