//! What programs that write behind said, and what must be found after that.

use std::collections::{BTreeMap, HashMap};

use tokio::time::{Duration, Instant};

use super::messages::{Drained, Report};
use super::sink::{Findings, Sink};
use crate::Failure;
use crate::verdict::{Check, Verdict};

/// So long Redis may answer without writing to its log, under `everysec`, while it syncs.
pub(crate) const HELD_BACK: Duration = Duration::from_millis(2_100);

/// An acknowledgement is told here so much later, at most.
const TOLD_WITHIN: Duration = Duration::from_millis(500);

/// What the programs of a run said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// The last version of each key that was acknowledged.
    acknowledged: HashMap<String, (u64, Instant)>,
    /// How many updates of each member were acknowledged.
    counts: HashMap<u32, u64>,
    pub(crate) refused: BTreeMap<String, u64>,
    /// Those that have nothing left to do.
    pub(crate) written: Vec<u32>,
    pub(crate) drained: Vec<Drained>,
    /// When Redis was killed.
    pub(crate) server_kills: Vec<Instant>,
    pub(crate) failures: Vec<String>,
}

impl Books {
    pub(crate) fn enter(&mut self, member: u32, report: Report) {
        match report {
            Report::Acknowledged { writes } => {
                *self.counts.entry(member).or_default() += writes.len() as u64;
                for (key, version) in writes {
                    self.acknowledge(key, version);
                }
            }
            Report::Refused { why } => *self.refused.entry(why).or_default() += 1,
            Report::Written => self.written.push(member),
            Report::Drained(drained) => self.drained.push(drained),
        }
    }

    pub(crate) fn acknowledge(&mut self, key: String, version: u64) {
        let last = self.acknowledged.entry(key);
        let last = last.or_insert((version, Instant::now()));
        if version > last.0 {
            *last = (version, Instant::now());
        }
    }

    /// How many updates of a member were acknowledged.
    pub(crate) fn count(&self, member: u32) -> u64 {
        self.counts.get(&member).copied().unwrap_or_default()
    }

    /// How many updates were acknowledged.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = (&String, u64)> {
        self.acknowledged
            .iter()
            .map(|(key, (last, _))| (key, *last))
    }

    /// The keys of which an acknowledged update is not in the database, nor a later one.
    pub(crate) fn lost(&self, versions: &HashMap<String, u64>) -> u64 {
        self.lost_when(versions, |_| true)
    }

    /// Of those that are lost, the ones that were acknowledged right before Redis was killed.
    pub(crate) fn lost_with_redis(&self, versions: &HashMap<String, u64>) -> u64 {
        self.lost_when(versions, |at| {
            let before = |kill: &Instant| *kill + TOLD_WITHIN >= at && *kill <= at + HELD_BACK;
            self.server_kills.iter().any(before)
        })
    }

    fn lost_when(&self, versions: &HashMap<String, u64>, fits: impl Fn(Instant) -> bool) -> u64 {
        let kept = |key: &String| versions.get(key).copied().unwrap_or_default();
        let last = self.acknowledged.iter();
        let lost = last.filter(|(key, (last, at))| kept(key) < *last && fits(*at));
        lost.count() as u64
    }

    /// Holds the database against what was acknowledged, when nothing is left to be written.
    /// What `excused` of it may be lost.
    pub(crate) fn judge(&self, sink: &Sink, excused: u64) -> Result<(Verdict, Findings), Failure> {
        let found = sink.findings()?;
        let lost = self.lost(&sink.versions()?).saturating_sub(excused);
        let left = self.drained.iter().map(|it| it.left.unwrap_or(u64::MAX));
        let letters = self.drained.iter().map(|it| it.dead_letters);
        let verdict = Verdict {
            operations: self.total(),
            ..Verdict::default()
        };
        let verdict = verdict
            .with(Check::equal("acknowledged writes lost", lost, 0))
            .with(Check::equal("keys out of order", found.reordered, 0))
            .with(Check::equal("late updates", found.late, 0))
            .with(Check::equal("duplicate effects", found.duplicates, 0))
            .with(Check::equal(
                "left in the journal",
                left.max().unwrap_or(u64::MAX),
                0,
            ))
            .with(Check::equal(
                "dead letters",
                letters.max().unwrap_or(u64::MAX),
                0,
            ))
            .with(Check::that(
                "programs that could go on",
                self.failures.is_empty(),
                self.failures.join("; "),
            ));
        Ok((verdict, found))
    }
}
