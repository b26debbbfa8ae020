//! What breaks under load, and what must hold then: the fault suite, and several processes that
//! hold each other's values to a truth.
//!
//! ```text
//! registry --Scenario--> runner --Stage--> Scenario::run
//!                                            |  starts servers, breaks and heals them,
//!                                            |  while a Trial loads the cache and measures
//!                                            v
//!                                         Verdict --> report
//!
//! staleness --Order--> fleet: processes that read and change under faults
//!     ^                  |
//!     '-----Tally--------'  each judges its reads by the Database that all share
//! ```
//!
//! `cargo xtask chaos` runs the one, `cargo xtask staleness` the other. A criterion that is missed
//! makes the exit code 1.
//!
//! # What this crate does not do
//!
//! It is no library: what it exports are the main functions of its two programs.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

mod admin;
mod behind;
mod faults;
mod fleet;
mod freshness;
mod measure;
mod monotonic;
mod options;
mod plan;
mod progress;
mod registry;
mod report;
mod rig;
mod runner;
mod scenario;
mod scratch;
mod staleness;
mod trial;
mod verdict;

use std::process::ExitCode;

use options::{Command, Options, USAGE};

/// Why something could not be done: a scenario that ends so has missed its criterion.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The fault suite, with the arguments of this process.
#[must_use]
pub fn chaos_main() -> ExitCode {
    let args = arguments();
    if fleet::is_member(&args) {
        return fleet::member_main();
    }
    match Options::parse(&args) {
        Ok(Command::Help) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Command::List) => {
            print!("{}", report::list(&registry::all()));
            ExitCode::SUCCESS
        }
        Ok(Command::Run(options)) => run(&options),
        Err(message) => usage_error(&message),
    }
}

/// Several processes that read and change the same keys, with the arguments of this process.
#[must_use]
pub fn staleness_main() -> ExitCode {
    let args = arguments();
    if fleet::is_member(&args) {
        return fleet::member_main();
    }
    staleness::main(&args)
}

fn arguments() -> Vec<String> {
    std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect()
}

fn run(options: &Options) -> ExitCode {
    let scenarios = match registry::chosen(&options.only) {
        Ok(scenarios) => scenarios,
        Err(message) => return usage_error(&message),
    };
    let results = runner::run(scenarios, options);
    if options.json {
        println!("{}", report::json(&results, options));
    } else {
        print!("\n{}", report::table(&results, options));
    }
    if results.iter().all(runner::Finished::is_passed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn usage_error(message: &str) -> ExitCode {
    eprintln!("error: {message}\n\n{USAGE}");
    ExitCode::from(2)
}
