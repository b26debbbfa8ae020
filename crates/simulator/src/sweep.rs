//! Many seeds on all cores.

use std::io::{IsTerminal, Write as _, stderr};
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use larder_simulator::{Fault, Outcome, Rule, Tracing, Violation, simulate};

/// What many seeds gave together.
#[derive(Debug)]
pub(crate) struct Swept {
    pub(crate) seeds: u64,
    pub(crate) total: Outcome,
    /// Seeds that broke a promise.
    pub(crate) failures: u64,
    /// The lowest of them.
    pub(crate) failed: Option<Failed>,
    pub(crate) elapsed: Duration,
}

/// A seed that broke a promise.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
}

/// When to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// When all seeds have run.
    End,
    /// When a seed has broken a promise, or all have run.
    Failure,
}

/// Whether to say how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Shown,
    Silent,
}

/// Runs the seeds, in their order, on all cores.
pub(crate) fn run(
    seeds: Range<u64>,
    without: Option<Rule>,
    until: Until,
    progress: Progress,
) -> Swept {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let swept = Mutex::new(Swept {
        seeds: 0,
        total: Outcome::default(),
        failures: 0,
        failed: None,
        elapsed: Duration::ZERO,
    });
    let shows = progress == Progress::Shown && stderr().is_terminal();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = simulate(seed, without, Tracing::Off);
            let mut swept = swept.lock().unwrap_or_else(PoisonError::into_inner);
            swept.take_in(seed, outcome);
            if swept.failed.is_some() && until == Until::Failure {
                next.store(seeds.end, Ordering::Relaxed);
            }
            if shows && swept.seeds.is_multiple_of(50) {
                eprint!("\r{} seeds, {} failed ", swept.seeds, swept.failures);
                drop(stderr().flush());
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    if shows {
        eprint!("\r\x1b[K");
    }
    let mut swept = swept.into_inner().unwrap_or_else(PoisonError::into_inner);
    swept.elapsed = began.elapsed();
    swept
}

impl Swept {
    fn take_in(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        let total = &mut self.total;
        total.operations += outcome.operations;
        total.loads += outcome.loads;
        total.fills_accepted += outcome.fills_accepted;
        total.fills_refused += outcome.fills_refused;
        total.checks.reads += outcome.checks.reads;
        total.checks.stale += outcome.checks.stale;
        total.checks.changes += outcome.checks.changes;
        total.checks.exempt_lost += outcome.checks.exempt_lost;
        total.checks.exempt_overwritten += outcome.checks.exempt_overwritten;
        for fault in Fault::ALL {
            total.faults[fault as usize] += outcome.faults[fault as usize];
        }
        let Some(violation) = outcome.violations.into_iter().next() else {
            return;
        };
        self.failures += 1;
        if self.failed.as_ref().is_none_or(|failed| seed < failed.seed) {
            self.failed = Some(Failed { seed, violation });
        }
    }
}
