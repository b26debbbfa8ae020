//! Two candidates of nanoseconds, in turn.

use std::time::{Duration, Instant};

/// How often each candidate is run.
const ROUNDS: usize = 101;

/// How long a candidate runs in one round.
const ROUND_TIME: Duration = Duration::from_millis(4);

/// Two candidates that are measured in turn.
#[derive(Debug)]
pub struct Paired<'a> {
    name: &'a str,
    /// The most that the ratio may be, where there is a promise.
    promised: Option<f64>,
}

impl<'a> Paired<'a> {
    /// A comparison with a name.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
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

    /// Measures both and prints nanoseconds per call and the ratio of ours to theirs. Each
    /// candidate is given a number of calls to make.
    pub fn run(&self, mut ours: impl FnMut(u32), mut theirs: impl FnMut(u32)) {
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

fn calls_per_round(candidate: &mut impl FnMut(u32)) -> u32 {
    let mut calls = 64;
    loop {
        let began = Instant::now();
        candidate(calls);
        if began.elapsed() >= ROUND_TIME {
            return calls;
        }
        calls *= 2;
    }
}

fn nanos_per_call(candidate: &mut impl FnMut(u32), calls: u32) -> f64 {
    let began = Instant::now();
    candidate(calls);
    began.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
