//! What a scenario has found, and whether that is enough.

use std::fmt::Display;
use std::time::Duration;

use crate::measure::Recovery;
use crate::trial::Measured;

/// The numbers of a scenario, and the checks that they were held against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) operations: u64,
    pub(crate) failed_reads: Option<u64>,
    pub(crate) wrong_values: Option<u64>,
    /// Net of the machine's lag.
    pub(crate) longest_call: Option<Duration>,
    pub(crate) worst_lag: Duration,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) reconnects: Option<u64>,
    pub(crate) checks: Vec<Check>,
}

/// Something that had to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) found: String,
    pub(crate) wanted: String,
    pub(crate) is_held: bool,
}

impl Verdict {
    pub(crate) fn is_passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.is_held)
    }

    pub(crate) fn missed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.is_held)
    }

    pub(crate) fn check(&mut self, check: Check) {
        self.checks.push(check);
    }

    #[must_use]
    pub(crate) fn with(mut self, check: Check) -> Self {
        self.check(check);
        self
    }

    /// That calls succeeded for good within this time of the heal.
    #[must_use]
    pub(crate) fn recovered(mut self, measured: &Measured, limit: Duration) -> Self {
        let recovery = measured.recovery();
        self.recovery = Some(recovery);
        let mut check = Check::recovery(recovery, limit);
        if let (false, Some(last)) = (check.is_held, &measured.last_failure) {
            check.found = format!("{}; the last failure: {last}", check.found);
        }
        self.with(check)
    }
}

impl Check {
    pub(crate) fn at_most<T: Copy + Display + PartialOrd>(what: &str, found: T, limit: T) -> Self {
        Self {
            what: what.to_owned(),
            is_held: found <= limit,
            found: found.to_string(),
            wanted: format!("at most {limit}"),
        }
    }

    pub(crate) fn at_least<T: Copy + Display + PartialOrd>(what: &str, found: T, limit: T) -> Self {
        Self {
            what: what.to_owned(),
            is_held: found >= limit,
            found: found.to_string(),
            wanted: format!("at least {limit}"),
        }
    }

    pub(crate) fn equal<T: Copy + Display + PartialEq>(what: &str, found: T, wanted: T) -> Self {
        Self {
            what: what.to_owned(),
            is_held: found == wanted,
            found: found.to_string(),
            wanted: wanted.to_string(),
        }
    }

    /// That something took no longer than this.
    pub(crate) fn within(what: &str, found: Duration, limit: Duration) -> Self {
        Self {
            what: what.to_owned(),
            is_held: found <= limit,
            found: millis(found),
            wanted: format!("at most {}", millis(limit)),
        }
    }

    pub(crate) fn recovery(found: Recovery, limit: Duration) -> Self {
        let (found, is_held) = match found {
            Recovery::After(time) => (millis(time), time <= limit),
            Recovery::Never => ("never".to_owned(), false),
        };
        Self {
            what: "recovery".to_owned(),
            found,
            wanted: format!("at most {}", millis(limit)),
            is_held,
        }
    }

    /// Something that is so or is not.
    pub(crate) fn that(what: &str, is_held: bool, found: impl Display) -> Self {
        Self {
            what: what.to_owned(),
            found: found.to_string(),
            wanted: "so".to_owned(),
            is_held,
        }
    }
}

/// `42 ms`, `0.4 ms`.
pub(crate) fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.0} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    #[test]
    fn a_verdict_without_checks_or_with_a_missed_one_is_not_passed() {
        assert!(!Verdict::default().is_passed());
        let held = Verdict::default().with(Check::at_most("x", 1, 1));
        assert!(held.is_passed());
        let missed = held.with(Check::at_most("y", 2, 1));
        assert!(!missed.is_passed());
        assert_eq!(missed.missed().count(), 1);
    }

    #[test]
    fn checks_hold_at_their_limit_and_not_beyond() {
        let check = |check: Check, expected: bool| assert_eq!(check.is_held, expected, "{check:?}");
        check(Check::within("x", LIMIT, LIMIT), true);
        check(
            Check::within("x", LIMIT + Duration::from_nanos(1), LIMIT),
            false,
        );
        check(Check::recovery(Recovery::After(LIMIT), LIMIT), true);
        check(Check::recovery(Recovery::After(LIMIT * 2), LIMIT), false);
        check(Check::recovery(Recovery::Never, Duration::MAX), false);
        check(Check::equal("x", 1, 2), false);
        check(Check::at_least("x", 1, 2), false);
    }
}
