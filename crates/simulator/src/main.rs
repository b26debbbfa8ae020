//! Runs simulations on all cores and says what became of them.
//!
//! `cargo xtask simulate` builds and runs it. A broken promise makes the exit code 1.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

mod guards;
mod options;
mod report;
mod sweep;

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use larder_simulator::{Tracing, simulate};

use options::{Command, Options, USAGE};
use sweep::Failed;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    match Options::parse(&args) {
        Ok(Command::Help) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Command::Guards { from, json }) => guards::run(from, json),
        Ok(Command::One { seed, options }) => one(seed, &options),
        Ok(Command::Sweep(options)) => sweep(&options),
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn sweep(options: &Options) -> ExitCode {
    let seeds = options.from..options.from.saturating_add(options.seeds);
    let swept = sweep::run(
        seeds,
        options.without,
        options.until,
        sweep::Progress::Shown,
    );
    if options.json {
        println!("{}", report::json(&swept));
    } else {
        print!("{}", report::table(&swept));
    }
    let Some(Failed { seed, .. }) = swept.failed else {
        return ExitCode::SUCCESS;
    };
    if !options.json {
        let outcome = simulate(seed, options.without, Tracing::On);
        show(&report::failure(&outcome, seed));
    }
    ExitCode::FAILURE
}

/// One seed, with its whole trace where that is asked for.
fn one(seed: u64, options: &Options) -> ExitCode {
    let outcome = simulate(seed, options.without, options.tracing);
    let mut told = String::new();
    for line in &outcome.trace {
        let _ = writeln!(told, "{line}");
    }
    for violation in &outcome.violations {
        let _ = writeln!(told, "{violation}");
    }
    show(&told);
    if outcome.violations.is_empty() {
        println!("seed {seed}: no promise broken");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints a long text, whose reader may have seen enough of it before its end.
fn show(text: &str) {
    drop(stdout().write_all(text.as_bytes()));
}
