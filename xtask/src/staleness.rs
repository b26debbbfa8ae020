use std::process::Command;

use crate::cargo;
use crate::failure::Failure;
use crate::redis_install;

/// `cargo xtask staleness [--processes N] [--seconds S] [--topology T] [--seed X] [--json]`
///
/// The program knows its own arguments and prints its own results: nothing is added to them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = program(args);
    // Where the server is absent it is installed, as for the tests.
    command.env("LARDER_REDIS_SERVER", redis_install::ensure()?);
    let status = command
        .status()
        .map_err(|error| Failure::new("could not run the staleness check", error))?;
    if status.success() {
        Ok(())
    } else {
        // It has said why.
        Err(Failure::Reported)
    }
}

/// In the profile that services are built in: what is measured is milliseconds.
fn program(args: &[String]) -> Command {
    let fixed = [
        "run",
        "-q",
        "--release",
        "-p",
        "larder-chaos",
        "--bin",
        "larder-staleness",
        "--",
    ];
    let mut command = cargo::command(&fixed);
    command.args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_run_with_all_arguments() {
        let args = ["--topology", "cluster"].map(str::to_owned);
        assert_eq!(
            cargo::line(&program(&args)),
            "cargo run -q --release -p larder-chaos --bin larder-staleness -- --topology cluster"
        );
    }
}
