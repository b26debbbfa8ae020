//! The fault suite: servers and networks that fail while a cache is in use.
//!
//! ```text
//! registry --Scenario--> runner --Stage--> Scenario::run
//!                                            |  starts servers, breaks and heals them,
//!                                            |  while a Trial loads the cache and measures
//!                                            v
//!                                         Verdict --> report
//! ```
//!
//! `cargo xtask chaos` runs it. A criterion that is missed makes the exit code 1.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

mod admin;
mod faults;
mod measure;
mod options;
mod plan;
mod progress;
mod registry;
mod report;
mod rig;
mod runner;
mod scenario;
mod trial;
mod verdict;

use std::process::ExitCode;

use options::{Command, Options, USAGE};

/// Why something could not be done: a scenario that ends so has missed its criterion.
type Failure = Box<dyn std::error::Error + Send + Sync>;

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
        Ok(Command::List) => {
            print!("{}", report::list(&registry::all()));
            ExitCode::SUCCESS
        }
        Ok(Command::Run(options)) => run(&options),
        Err(message) => usage_error(&message),
    }
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
