use std::time::Duration;

use super::backend::{Backend, backend_of};
use super::count::{Count, Group};
use super::libtest::{Event, Outcome};

/// What the tests have come to so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    groups: [Count; Group::ALL.len()],
    failures: Vec<String>,
    has_build_errors: bool,
    build_failed: bool,
    current: Current,
}

/// The test binary that runs now, or the documentation tests of one crate.
#[derive(Debug, Default)]
struct Current {
    name: String,
    begun_test: Option<String>,
    is_doctest: bool,
    /// How far its lines have been counted.
    until: Duration,
    /// Since its last result line; documentation tests have one for each kind of them.
    seen: Count,
    failed_tests: u64,
}

impl Tally {
    /// Counts what a line says that came at this time since the start.
    ///
    /// Tests run side by side, so the time between two ends goes to the test that ended: the
    /// groups' times add up to the time that all tests took.
    pub(super) fn record(&mut self, event: &Event<'_>, at: Duration) {
        match *event {
            Event::Binary { name } => self.begin(name, false, at),
            Event::Doctests { name } => self.begin(name, true, at),
            Event::Begun { name } => self.current.begun_test = Some(name.to_owned()),
            Event::Ended(outcome) => {
                if let Some(name) = self.current.begun_test.take() {
                    self.count_test(&name, outcome, at);
                }
            }
            Event::Test { name, outcome } => self.count_test(name, outcome, at),
            Event::Result {
                passed,
                failed,
                ignored,
            } => {
                self.settle(
                    Count {
                        passed,
                        failed,
                        ignored,
                        time: Duration::ZERO,
                    },
                    at,
                );
            }
            Event::BinaryFailed { rerun } => self.count_binary_failure(rerun),
            Event::BuildFailed => self.has_build_errors = true,
        }
    }

    /// Cargo has ended without success; where no test failed since `before`, it had another
    /// reason, which must not get lost.
    pub(super) fn record_failed_cargo(&mut self, tests: &str, before: Count) {
        let total = self.total();
        self.build_failed = self.has_build_errors || total.ran() == before.ran();
        if self.build_failed {
            self.add_failure(
                Group::NoBackend,
                format!("the build of the {tests}, see its errors above"),
            );
        } else if total.failed == before.failed {
            self.add_failure(
                Group::NoBackend,
                format!("cargo itself with the {tests}, see above"),
            );
        }
    }

    pub(super) fn group(&self, group: Group) -> Count {
        self.groups[group as usize]
    }

    pub(super) fn total(&self) -> Count {
        let mut total = Count::default();
        for count in self.groups {
            total.add(count);
        }
        total
    }

    /// The failed tests as `binary: test`.
    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }

    pub(super) fn build_failed(&self) -> bool {
        self.build_failed
    }

    pub(super) fn is_success(&self) -> bool {
        self.total().failed == 0 && self.total().ran() > 0
    }

    fn begin(&mut self, name: &str, is_doctest: bool, at: Duration) {
        self.current = Current {
            name: name.to_owned(),
            is_doctest,
            until: at,
            ..Current::default()
        };
    }

    fn count_test(&mut self, name: &str, outcome: Outcome, at: Duration) {
        let group = self.current.group_of(name);
        let count = Count {
            time: self.current.advance(at),
            ..Count::one(outcome)
        };
        self.groups[group as usize].add(count);
        self.current.seen.add(count);
        if outcome == Outcome::Failed {
            self.current.failed_tests += 1;
            self.failures.push(format!("{}: {name}", self.current.name));
        }
    }

    /// The result line is right where a test's own output has garbled the line of a test: what
    /// was not seen is counted for the binary.
    fn settle(&mut self, result: Count, at: Duration) {
        let unseen = result.minus(&self.current.seen);
        let group = self.current.group_of("");
        self.groups[group as usize].add(Count {
            time: self.current.advance(at),
            ..unseen
        });
        if unseen.failed > 0 {
            self.failures.push(format!(
                "{}: {} with garbled names",
                self.current.name, unseen.failed
            ));
        }
        self.current.failed_tests += unseen.failed;
        self.current.seen = Count::default();
    }

    /// A binary that crashed, or has a harness of its own, fails without a failed test.
    fn count_binary_failure(&mut self, rerun: &str) {
        if self.current.failed_tests == 0 {
            let group = self.current.group_of("");
            self.add_failure(
                group,
                format!("{}: the whole binary ({rerun})", self.current.name),
            );
        }
    }

    fn add_failure(&mut self, group: Group, what: String) {
        self.groups[group as usize].failed += 1;
        self.failures.push(what);
    }
}

impl Current {
    fn group_of(&self, test: &str) -> Group {
        if self.is_doctest {
            return Group::Doctests;
        }
        match backend_of(&self.name, test) {
            Some(Backend::Redis) => Group::Redis,
            Some(Backend::Cluster) => Group::Cluster,
            Some(Backend::Sentinel) => Group::Sentinel,
            Some(Backend::Memory) => Group::Memory,
            None => Group::NoBackend,
        }
    }

    fn advance(&mut self, at: Duration) -> Duration {
        let passed = at.saturating_sub(self.until);
        self.until = at;
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
   Compiling larder-cache v0.1.0
     Running unittests src/lib.rs (target/debug/deps/larder_cache-0123abcd)

running 3 tests
test a ... ok
test redis::b ... FAILED
test c ... ignored

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s

error: test failed, to rerun pass `-p larder-cache --lib`
     Running tests/redis.rs (target/debug/deps/redis-0123abcd)
test get ... ok
tes garbled by its output ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
     Running tests/crash.rs (target/debug/deps/crash-0123abcd)
test fine ... ok
error: test failed, to rerun pass `-p larder-cache --test crash`
   Doc-tests larder_cache
test crates/cache/src/lib.rs - (line 5) ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
test crates/cache/src/lib.rs - x (line 9) - compile fail ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    /// One second between lines.
    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        for (at, line) in (0..).zip(output.lines()) {
            if let Some(event) = Event::parse(line) {
                tally.record(&event, Duration::from_secs(at));
            }
        }
        tally
    }

    fn counts(tally: &Tally, group: Group) -> [u64; 3] {
        let count = tally.group(group);
        [count.passed, count.failed, count.ignored]
    }

    #[test]
    fn every_test_is_counted_once_where_it_belongs() {
        let tally = tally(OUTPUT);
        assert_eq!(counts(&tally, Group::Redis), [2, 1, 0]);
        assert_eq!(counts(&tally, Group::Memory), [0, 0, 0]);
        assert_eq!(counts(&tally, Group::NoBackend), [2, 1, 1]);
        assert_eq!(counts(&tally, Group::Doctests), [2, 0, 0]);
        assert!(!tally.is_success());
    }

    #[test]
    fn every_backend_has_its_own_row() {
        let tally = tally(
            "Running tests/cluster.rs (cluster-0)\ntest a ... ok\n\
             Running tests/a.rs (a-0)\ntest sentinel::a ... FAILED\ntest redis::a ... ok\n\
             test redis::cluster::a ... ok\ntest memory::a ... ignored",
        );
        assert_eq!(counts(&tally, Group::Cluster), [2, 0, 0]);
        assert_eq!(counts(&tally, Group::Sentinel), [0, 1, 0]);
        assert_eq!(counts(&tally, Group::Redis), [1, 0, 0]);
        assert_eq!(counts(&tally, Group::Memory), [0, 0, 1]);
        assert_eq!(counts(&tally, Group::NoBackend), [0, 0, 0]);
    }

    #[test]
    fn a_test_whose_output_comes_before_its_outcome_is_counted_by_name() {
        let tally = tally("Running tests/a.rs (a-0)\ntest redis::a ... some\noutput\nFAILED\nok");
        assert_eq!(counts(&tally, Group::Redis), [0, 1, 0]);
        assert_eq!(counts(&tally, Group::NoBackend), [0, 0, 0]);
        assert_eq!(tally.failures(), ["a: redis::a"]);
    }

    #[test]
    fn failures_are_named_and_a_crash_is_one() {
        let expected = [
            "larder_cache: redis::b",
            "crash: the whole binary (-p larder-cache --test crash)",
        ];
        assert_eq!(tally(OUTPUT).failures(), expected);
    }

    #[test]
    fn times_add_up_to_the_time_of_the_tests() {
        let output =
            "Running tests/a.rs (a-0)\nrunning 2 tests\ntest redis::a ... ok\ntest b ... ok";
        let tally = tally(output);
        assert_eq!(tally.group(Group::Redis).time, Duration::from_secs(2));
        assert_eq!(tally.group(Group::NoBackend).time, Duration::from_secs(1));
        assert_eq!(tally.total().time, Duration::from_secs(3));
    }

    #[test]
    fn a_command_that_fails_without_a_failed_test_is_a_failure() {
        let check = |output: &str, expected: &str| {
            let mut tally = tally(output);
            tally.record_failed_cargo("doctests", Count::default());
            assert_eq!(tally.failures(), [expected], "{output}");
            assert!(!tally.is_success());
        };
        check(
            "error: could not compile `x`",
            "the build of the doctests, see its errors above",
        );
        check(
            "error: failed to parse manifest",
            "the build of the doctests, see its errors above",
        );
        check(
            "Running tests/a.rs (a-0)\ntest a ... ok",
            "cargo itself with the doctests, see above",
        );
        check("Running tests/a.rs (a-0)\ntest a ... FAILED", "a: a");
    }

    #[test]
    fn nothing_run_is_no_success() {
        assert!(!tally("running 0 tests").is_success());
        assert!(tally("Running tests/a.rs (a-0)\ntest a ... ok").is_success());
    }
}
