//! What the benchmark suites share: paired measurements.
//!
//! A shared machine changes its speed while one measures. [`Paired`] runs two candidates in
//! turn, many short rounds of each, and reports the median of the ratios within a round: a
//! figure that holds when the absolute times don't.
//!
//! # What this crate does not do
//! It is no library for users; it is never published.

#![expect(clippy::print_stdout, reason = "benchmarks print their figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How often each candidate is run.
const ROUNDS: usize = 101;

/// How long a candidate runs in one round.
const ROUND_TIME: Duration = Duration::from_millis(4);

/// Two candidates that are measured in turn.
#[derive(Debug)]
pub struct Paired {
    name: &'static str,
    /// The most that the ratio may be, where there is a promise.
    promised: Option<f64>,
}

impl Paired {
    /// A comparison with a name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            promised: None,
        }
    }

    /// The most that the ratio may be. Default: nothing is promised.
    #[must_use]
    pub const fn promises(mut self, ratio: f64) -> Self {
        self.promised = Some(ratio);
        self
    }

    /// Measures both and prints nanoseconds per call and the ratio of ours to theirs.
    pub fn run<A, B>(&self, mut ours: impl FnMut() -> A, mut theirs: impl FnMut() -> B) {
        let calls = (calls_per_round(&mut ours), calls_per_round(&mut theirs));
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let ours = nanos_per_call(&mut ours, calls.0);
            let theirs = nanos_per_call(&mut theirs, calls.1);
            rounds.push((ours, theirs));
        }
        let ratio = median(rounds.iter().map(|(ours, theirs)| ours / theirs));
        let ours = median(rounds.iter().map(|(ours, _)| *ours));
        let theirs = median(rounds.iter().map(|(_, theirs)| *theirs));
        let verdict = match self.promised {
            None => String::new(),
            Some(most) if ratio <= most => format!("  (promised: at most {most:.2})"),
            Some(most) => format!("  MISSED: at most {most:.2} was promised"),
        };
        let name = self.name;
        println!("{name:<44} {ours:>8.1} ns  vs {theirs:>8.1} ns  = {ratio:.2}x{verdict}");
    }
}

fn calls_per_round<T>(call: &mut impl FnMut() -> T) -> u32 {
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < ROUND_TIME {
        for _ in 0..16 {
            black_box(call());
        }
        calls += 16;
    }
    calls
}

fn nanos_per_call<T>(call: &mut impl FnMut() -> T, calls: u32) -> f64 {
    let began = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    began.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
