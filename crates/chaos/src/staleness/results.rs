//! What a run has come to, held against what must hold.

use std::time::Duration;

use super::crew::Told;
use super::faults::FaultCounts;
use super::options::Options;
use super::tally::{Outcomes, Tally};
use crate::monotonic::Nanos;
use crate::scenario::Topology;
use crate::verdict::{Check, Verdict};

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) began: Nanos,
    pub(super) max_staleness: Duration,
    pub(super) tally: Tally,
    pub(super) told: Told,
    pub(super) faults: FaultCounts,
}

/// Half of the changes must have been seen by then.
const SEEN_WITHIN: Duration = Duration::from_millis(5);

/// Less than this, of a process in a second, proves nothing.
const READS_PER_SECOND: u64 = 100;
const INVALIDATIONS_PER_SECOND: u64 = 5;

/// One fault in so many seconds at least.
const SECONDS_PER_FAULT: u64 = 8;

impl Results {
    /// All that must hold: no breach, and enough of everything for that to mean something.
    pub(super) fn verdict(&self, options: &Options) -> Verdict {
        let tally = &self.tally;
        let mut verdict = Verdict::default()
            .with(Check::at_most("reads that were too old", tally.breaches, 0))
            .with(Check::at_most("wrong values", tally.wrong_values, 0))
            .with(Check::at_most("failed reads", tally.failed_reads, 0))
            .with(self.no_process_failed())
            .with(self.was_seen_soon());
        for check in self.was_enough(options) {
            verdict.check(check);
        }
        verdict
    }

    fn was_enough(&self, options: &Options) -> Vec<Check> {
        let (tally, faults) = (&self.tally, &self.faults);
        let process_seconds = options.processes as u64 * options.seconds;
        let all = |outcomes: Outcomes| outcomes.acknowledged;
        let mut checks = vec![
            Check::at_least("reads", tally.reads, process_seconds * READS_PER_SECOND),
            // Where L1 answers seldom, it can't be behind.
            Check::at_least("reads from L1", tally.l1_hits, tally.reads / 4),
            Check::at_least(
                "invalidations acknowledged",
                tally.invalidations().acknowledged,
                process_seconds * INVALIDATIONS_PER_SECOND,
            ),
            Check::at_least("deletions", all(tally.deletions), options.seconds),
            Check::at_least(
                "tag invalidations",
                all(tally.tag_invalidations),
                options.seconds,
            ),
            Check::at_least("writes through", all(tally.writes_through), options.seconds),
            Check::at_least(
                "changes seen by others",
                tally.seen_after.count(),
                options.seconds,
            ),
            Check::at_least(
                "faults",
                faults.total(),
                options.seconds / SECONDS_PER_FAULT,
            ),
            Check::at_least("disconnects", faults.disconnects, 1),
        ];
        if options.seconds >= 30 {
            checks.push(Check::at_least("black holes", faults.black_holes, 1));
            checks.push(Check::at_least("CLIENT KILL", faults.client_kills, 1));
            checks.push(Check::at_least("killed processes", faults.process_kills, 1));
            if options.topology != Topology::Standalone {
                checks.push(Check::at_least("failovers", faults.failovers, 1));
            }
        }
        checks
    }

    fn was_seen_soon(&self) -> Check {
        let median = self.tally.seen_after.quantile(0.5);
        let what = "median time until others see a change";
        Check::within(what, median.unwrap_or(Duration::MAX), SEEN_WITHIN)
    }

    fn no_process_failed(&self) -> Check {
        let failures = &self.told.failures;
        let mut check = Check::at_most("processes that failed", failures.len(), 0);
        if let Some(first) = failures.first() {
            check.found = format!("{}; the first: {first}", failures.len());
        }
        check
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::staleness) fn options() -> Options {
        Options {
            processes: 2,
            seconds: 30,
            topology: Topology::Standalone,
            seed: 42,
            json: false,
        }
    }

    /// A run in which all went well.
    pub(in crate::staleness) fn good() -> Results {
        let outcomes = Outcomes {
            acknowledged: 300,
            failed: 3,
        };
        let mut tally = Tally {
            reads: 20_000,
            l1_hits: 15_000,
            loads: 900,
            deletions: outcomes,
            tag_invalidations: outcomes,
            writes_through: outcomes,
            ..Tally::default()
        };
        for micros in 1..=100 {
            tally.seen_after.record(Duration::from_micros(micros * 20));
            tally.behind.record(Duration::from_micros(micros * 10));
        }
        Results {
            began: 0,
            max_staleness: Duration::from_millis(500),
            tally,
            told: Told::default(),
            faults: FaultCounts {
                disconnects: 5,
                black_holes: 4,
                client_kills: 3,
                process_kills: 2,
                failovers: 0,
            },
        }
    }

    fn missed(change: impl FnOnce(&mut Results)) -> Vec<String> {
        let mut results = good();
        change(&mut results);
        let verdict = results.verdict(&options());
        verdict.missed().map(|check| check.what.clone()).collect()
    }

    #[test]
    fn a_good_run_passes_and_each_way_to_fail_is_noticed() {
        assert_eq!(missed(|_| {}), Vec::<String>::new());
        assert_eq!(
            missed(|results| results.tally.breaches = 1),
            ["reads that were too old"]
        );
        assert_eq!(
            missed(|results| results.tally.wrong_values = 1),
            ["wrong values"]
        );
        assert_eq!(
            missed(|results| results.tally.failed_reads = 1),
            ["failed reads"]
        );
        assert_eq!(
            missed(|results| results.told.failures.push("no server".to_owned())),
            ["processes that failed"]
        );
        let slow = |results: &mut Results| {
            for _ in 0..200 {
                results.tally.seen_after.record(Duration::from_millis(6));
            }
        };
        assert_eq!(missed(slow), ["median time until others see a change"]);
    }

    #[test]
    fn a_run_that_proves_nothing_fails() {
        assert_eq!(missed(|results| results.tally.reads = 10), ["reads"]);
        assert_eq!(
            missed(|results| results.tally.l1_hits = 10),
            ["reads from L1"]
        );
        let no_tags = |results: &mut Results| results.tally.tag_invalidations.acknowledged = 0;
        assert_eq!(missed(no_tags), ["tag invalidations"]);
        assert_eq!(
            missed(|results| results.faults.process_kills = 0),
            ["killed processes"]
        );
        let nothing = |results: &mut Results| results.faults = FaultCounts::default();
        assert!(missed(nothing).contains(&"faults".to_owned()));
    }
}
