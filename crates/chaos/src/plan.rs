//! How long each fault lasts, so that all fit into the time there is.

use std::time::Duration;

use crate::scenario::{Company, Facts};

/// From what makes a fault's criterion meaningful to the length it was planned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) least: Duration,
    pub(crate) full: Duration,
}

/// From here on nothing is shortened.
const UNSHORTENED: Duration = Duration::from_secs(600);

/// So many scenarios run at once, where they may.
pub(crate) const AT_ONCE: u32 = 3;

impl Span {
    pub(crate) const fn always(length: Duration) -> Self {
        Self {
            least: length,
            full: length,
        }
    }

    /// The length at a share of the way from least to full.
    pub(crate) fn at(self, share: f64) -> Duration {
        self.least + self.full.saturating_sub(self.least).mul_f64(share)
    }
}

/// The share of the way from the least to the full lengths that fills the time.
pub(crate) fn share(scenarios: &[Facts], time: Duration) -> f64 {
    if time >= UNSHORTENED {
        return 1.0;
    }
    let (least, full) = (takes(scenarios, 0.0), takes(scenarios, 1.0));
    let (room, wanted) = (time.saturating_sub(least), full.saturating_sub(least));
    if wanted.is_zero() {
        return 0.0;
    }
    (room.as_secs_f64() / wanted.as_secs_f64()).min(1.0)
}

/// How many of the scenarios there is time for. Those with a number are run in any case; those
/// without, which come last, as far as the time allows.
pub(crate) fn fitting(scenarios: &[Facts], time: Duration) -> usize {
    let mut count = scenarios.len();
    let is_extra = |facts: &Facts| facts.number.is_none();
    while count > 0 && is_extra(&scenarios[count - 1]) && takes(&scenarios[..count], 0.0) > time {
        count -= 1;
    }
    count
}

/// How long all take, about.
pub(crate) fn takes(scenarios: &[Facts], share: f64) -> Duration {
    let of = |company: Company| {
        let all = scenarios.iter().filter(|facts| facts.company == company);
        all.map(|facts| facts.fault.at(share) + facts.besides)
            .sum::<Duration>()
    };
    of(Company::Disturbing) + of(Company::Welcome) / AT_ONCE
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn facts(least: u32, full: u32) -> Facts {
        let mut facts = Facts::standalone(1, "x", "y").lasting(SECOND * least, SECOND * full);
        facts.besides = SECOND;
        facts
    }

    #[test]
    fn the_time_is_filled_and_no_fault_is_shorter_than_its_least() {
        let scenarios = [facts(2, 20).alone(), facts(5, 14)];
        assert_eq!(takes(&scenarios, 0.0), SECOND * 5);
        assert_eq!(takes(&scenarios, 1.0), SECOND * 26);
        let check = |seconds: u32, expected: f64| {
            assert!((share(&scenarios, SECOND * seconds) - expected).abs() < 1e-9);
        };
        check(1, 0.0);
        check(5, 0.0);
        check(26, 1.0);
        check(1_000, 1.0);
        let half = share(&scenarios, Duration::from_millis(15_500));
        assert!((half - 0.5).abs() < 1e-9, "{half}");
        assert_eq!(scenarios[0].fault.at(0.5), SECOND * 11);
    }

    #[test]
    fn only_scenarios_without_a_number_are_left_out() {
        let extra = || Facts {
            number: None,
            ..facts(2, 2).alone()
        };
        let scenarios = [facts(2, 2).alone(), extra(), extra()];
        let check = |seconds: u32, expected: usize| {
            assert_eq!(
                fitting(&scenarios, SECOND * seconds),
                expected,
                "{seconds} s"
            );
        };
        check(1, 1);
        check(6, 2);
        check(9, 3);
    }

    #[test]
    fn from_ten_minutes_on_nothing_is_shortened() {
        let many = vec![facts(1, 100).alone(); 50];
        assert!(share(&many, SECOND * 599) < 0.5);
        assert!(share(&many, SECOND * 600) > 0.99);
    }
}
