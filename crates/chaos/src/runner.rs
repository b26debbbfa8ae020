//! Runs scenarios, several at once where they may.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use crate::Failure;
use crate::options::Options;
use crate::plan::{self, AT_ONCE};
use crate::progress::Progress;
use crate::scenario::{Company, Facts, Scenario, Stage};
use crate::verdict::Verdict;

/// A scenario that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) facts: Facts,
    pub(crate) verdict: Result<Verdict, String>,
    pub(crate) fault: Duration,
    pub(crate) took: Duration,
    /// The machine had stopped in the middle of a first try.
    pub(crate) is_repeated: bool,
}

/// A machine that stops for so long makes well servers miss deadlines.
const STALL: Duration = Duration::from_millis(150);

impl Finished {
    pub(crate) fn is_passed(&self) -> bool {
        self.verdict.as_ref().is_ok_and(Verdict::is_passed)
    }
}

/// Runs them, and returns them in the order given. What nobody asked for by name or number is
/// left out where there is no time for it.
pub(crate) fn run(mut scenarios: Vec<Box<dyn Scenario>>, options: &Options) -> Vec<Finished> {
    let (time, seed) = (Duration::from_secs(options.seconds), options.seed);
    let mut facts: Vec<Facts> = scenarios.iter().map(|scenario| scenario.facts()).collect();
    let progress = Progress::new();
    if options.only.is_empty() {
        let fitting = plan::fitting(&facts, time);
        for left_out in facts.drain(fitting..) {
            progress.say(&format!("no time for {}", left_out.name));
        }
        scenarios.truncate(fitting);
    }
    let share = plan::share(&facts, time);
    progress.say(&format!(
        "{} scenarios, about {:.0} s, seed {seed}",
        facts.len(),
        plan::takes(&facts, share).as_secs_f64()
    ));
    let run = Run {
        share,
        seed,
        progress,
        finished: Mutex::default(),
        count: facts.len(),
    };
    let (alone, mut in_company): (Vec<_>, Vec<_>) = scenarios
        .into_iter()
        .enumerate()
        .partition(|(_, scenario)| scenario.facts().company == Company::Disturbing);
    // The last of them measures memory: no scenario before it has left any to be used again.
    for (index, scenario) in alone.into_iter().rev() {
        run.one(index, &*scenario);
    }
    // The next is taken from the end: what takes long comes first.
    in_company.sort_by_key(|(_, scenario)| run.fault_of(&scenario.facts()));
    let waiting = Mutex::new(in_company);
    thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while let Some((index, scenario)) = next(&waiting) {
                    run.one(index, &*scenario);
                }
            });
        }
    });
    let mut finished = run
        .finished
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    finished.sort_by_key(|(index, _)| *index);
    finished.into_iter().map(|(_, finished)| finished).collect()
}

struct Run {
    share: f64,
    seed: u64,
    progress: Progress,
    finished: Mutex<Vec<(usize, Finished)>>,
    count: usize,
}

impl Run {
    fn fault_of(&self, facts: &Facts) -> Duration {
        facts.fault.at(self.share)
    }

    fn one(&self, index: usize, scenario: &dyn Scenario) {
        let facts = scenario.facts();
        let fault = self.fault_of(&facts);
        let began = Instant::now();
        let stage = Stage {
            seed: self.seed ^ name_seed(facts.name),
            fault,
            progress: self.progress.of(facts.name),
        };
        let mut verdict = in_a_runtime(scenario, &stage);
        let is_repeated = is_stalled(&verdict);
        if is_repeated {
            stage
                .progress
                .say("missed while the machine stood still: once more");
            verdict = in_a_runtime(scenario, &stage);
        }
        let finished = Finished {
            facts,
            verdict,
            fault,
            took: began.elapsed(),
            is_repeated,
        };
        let mut all = lock(&self.finished);
        let word = if finished.is_passed() {
            "passed"
        } else {
            "MISSED"
        };
        let done = all.len() + 1;
        stage
            .progress
            .say(&format!("{word} ({done} of {})", self.count));
        all.push((index, finished));
    }
}

/// On a runtime of its own, so that its tasks can be counted and a blocked one disturbs no other.
fn in_a_runtime(scenario: &dyn Scenario, stage: &Stage) -> Result<Verdict, String> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let run = || runtime.block_on(scenario.run(stage));
    let result: Result<Result<Verdict, Failure>, _> = catch_unwind(AssertUnwindSafe(run));
    runtime.shutdown_background();
    match result {
        Ok(result) => result.map_err(|failure| failure.to_string()),
        Err(_) => Err("the scenario panicked; its message is above".to_owned()),
    }
}

/// Whether it was missed, and the machine may be why.
fn is_stalled(verdict: &Result<Verdict, String>) -> bool {
    let stalled = |verdict: &Verdict| !verdict.is_passed() && verdict.worst_lag >= STALL;
    verdict.as_ref().is_ok_and(stalled)
}

fn next<T>(waiting: &Mutex<Vec<T>>) -> Option<T> {
    lock(waiting).pop()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// FNV-1a: the same for a name with every compiler.
fn name_seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::verdict::Check;

    enum Outcome {
        Passes,
        Misses,
        Fails,
        Panics,
    }

    #[async_trait]
    impl Scenario for Outcome {
        fn facts(&self) -> Facts {
            Facts::standalone(1, "outcome", "any")
        }

        async fn run(&self, _: &Stage) -> Result<Verdict, Failure> {
            let missed = matches!(self, Self::Misses);
            match self {
                Self::Fails => Err("no server".into()),
                Self::Panics => panic!("a bug of the scenario"),
                _ => Ok(Verdict::default().with(Check::that("well", !missed, "not"))),
            }
        }
    }

    #[test]
    fn only_a_miss_on_a_stalled_machine_is_repeated() {
        let verdict = |held: bool, worst_lag| Verdict {
            worst_lag,
            ..Verdict::default().with(Check::that("well", held, "not"))
        };
        assert!(is_stalled(&Ok(verdict(false, STALL))));
        assert!(!is_stalled(&Ok(verdict(true, STALL))));
        assert!(!is_stalled(&Ok(verdict(false, STALL / 2))));
        assert!(!is_stalled(&Err("no server".to_owned())));
    }

    #[test]
    fn every_way_to_miss_a_criterion_is_reported_in_order() {
        let outcomes = [
            Outcome::Misses,
            Outcome::Passes,
            Outcome::Fails,
            Outcome::Panics,
        ];
        let scenarios = outcomes.map(|outcome| Box::new(outcome) as Box<dyn Scenario>);
        let options = Options {
            seconds: 1,
            seed: 7,
            only: Vec::new(),
            json: false,
        };
        let finished = run(scenarios.into(), &options);
        let passed: Vec<bool> = finished.iter().map(Finished::is_passed).collect();
        assert_eq!(passed, [false, true, false, false]);
        assert_eq!(finished[2].verdict.as_ref().unwrap_err(), "no server");
        assert!(
            finished[3]
                .verdict
                .as_ref()
                .unwrap_err()
                .contains("panicked")
        );
    }
}
