use std::time::Duration;

use super::load::Counts;
use crate::measure::{Lag, Recovery, Samples, Window};
use crate::verdict::{Check, Verdict, millis};

/// What a trial has come to.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) tally: Counts,
    pub(crate) samples: Samples,
    /// How the last call that failed did so.
    pub(crate) last_failure: Option<String>,
    pub(crate) lag: Lag,
    pub(crate) calm: Window,
    /// From the fault to the heal.
    pub(crate) fault: Window,
    pub(crate) all: Window,
    pub(crate) reconnects: u64,
    pub(crate) at_rest: Standing,
    pub(crate) afterwards: Standing,
    /// How many more connections it may hold afterwards than before.
    pub(crate) allowance: usize,
    /// What was left when the cache had been shut down.
    pub(crate) left: Standing,
    /// Tasks of the load that did not end.
    pub(crate) hung: usize,
    /// Tasks of the cache that its shutdown aborted.
    pub(crate) aborted: Vec<String>,
}

/// What a cache holds of its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) connections: usize,
    pub(crate) tasks: usize,
}

impl Measured {
    /// The verdict by what must hold in every trial; a scenario adds its own checks.
    pub(crate) fn verdict(&self) -> Verdict {
        let longest = self.longest();
        let mut verdict = Verdict {
            operations: self.tally.operations,
            failed_reads: Some(self.tally.failed_reads),
            wrong_values: Some(self.tally.wrong_values),
            longest_call: longest,
            worst_lag: self.lag.worst(self.all),
            recovery: None,
            reconnects: Some(self.reconnects),
            checks: Vec::new(),
        };
        verdict.check(self.was_well());
        verdict.check(self.none("failed reads", self.tally.failed_reads));
        verdict.check(self.none("wrong values", self.tally.wrong_values));
        verdict.check(Check::at_most("hung tasks", self.hung, 0));
        verdict.check(Check::at_most("aborted tasks", self.aborted.len(), 0));
        verdict.check(Check::at_most("connections left", self.left.connections, 0));
        verdict.check(Check::at_most("tasks left", self.left.tasks, 0));
        let (before, after) = (self.at_rest, self.afterwards);
        if self.allowance == 0 {
            verdict.check(Check::equal(
                "connections afterwards",
                after.connections,
                before.connections,
            ));
            verdict.check(Check::equal("tasks afterwards", after.tasks, before.tasks));
        } else {
            let most = before.connections + self.allowance;
            verdict.check(Check::at_most(
                "connections afterwards",
                after.connections,
                most,
            ));
            // A connection has its driver and its supervisor.
            let most = before.tasks + 2 * self.allowance;
            verdict.check(Check::at_most("tasks afterwards", after.tasks, most));
        }
        verdict
    }

    /// The longest backend call, net of lag.
    pub(crate) fn longest(&self) -> Option<Duration> {
        let longest = self.samples.longest(self.all, &self.lag);
        longest.map(|(_, net)| net)
    }

    /// That no call took longer than this, net of lag.
    pub(crate) fn calls_within(&self, limit: Duration) -> Check {
        let found = self.samples.longest(self.all, &self.lag);
        let (found, net) = match found {
            Some((call, net)) => (format!("{} {}", call.operation, millis(net)), net),
            None => ("no call".to_owned(), Duration::MAX),
        };
        Check {
            what: "longest call".to_owned(),
            found,
            wanted: format!("at most {}", millis(limit)),
            is_held: net <= limit,
        }
    }

    /// How long it took from the heal until calls succeeded for good, net of lag.
    pub(crate) fn recovery(&self) -> Recovery {
        match self.samples.recovery(self.fault.to) {
            Recovery::After(time) => {
                let window = Window {
                    from: self.fault.to,
                    to: self.fault.to + time,
                };
                Recovery::After(time.saturating_sub(self.lag.worst(window)))
            }
            Recovery::Never => Recovery::Never,
        }
    }

    /// The fault must have been felt at all: otherwise the scenario proves nothing.
    pub(crate) fn fault_was_felt(&self) -> Check {
        Check {
            what: "failed calls during the fault".to_owned(),
            found: self.samples.failures(self.fault).to_string(),
            wanted: "at least 1".to_owned(),
            is_held: self.samples.failures(self.fault) > 0,
        }
    }

    fn was_well(&self) -> Check {
        let failures = self.samples.failures(self.calm);
        let calls = self.samples.within(self.calm).count();
        Check {
            what: "before the fault".to_owned(),
            found: format!("{failures} of {calls} calls failed"),
            wanted: "none, of 50 or more".to_owned(),
            is_held: failures == 0 && calls >= 50,
        }
    }

    fn none(&self, what: &str, count: u64) -> Check {
        let mut check = Check::at_most(what, count, 0);
        if let (true, Some(first)) = (count > 0, &self.tally.first) {
            check.found = format!("{count}; the first: {first}");
        }
        check
    }
}
