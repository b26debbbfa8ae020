//! Runs the fuzz targets and says what became of them.
//!
//! `cargo xtask fuzz` builds and runs it. A property that is broken makes the exit code 1.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

mod command;

use std::process::ExitCode;

use command::{Command, USAGE};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let done = match Command::parse(&args) {
        Ok(command) => command.run(),
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
