use std::process::Command;

use crate::cargo;
use crate::failure::Failure;
use crate::redis_install;

const PACKAGE: &str = "larder-chaos";

/// `cargo xtask chaos [--seconds N] [--seed S] [--only NAME_OR_NUMBER] [--json] [--list]`
///
/// The suite knows its own arguments and prints its own results: nothing is added to them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = suite(args);
    if !lists_only(args) {
        // Where the server is absent it is installed, as for the tests.
        command.env("LARDER_REDIS_SERVER", redis_install::ensure()?);
    }
    let status = command
        .status()
        .map_err(|error| Failure::new("could not run the fault suite", error))?;
    if status.success() {
        Ok(())
    } else {
        // It has said why.
        Err(Failure::Reported)
    }
}

/// In the profile that the tests are built in, so that nothing is built twice.
fn suite(args: &[String]) -> Command {
    let mut command = cargo::command(&["run", "-q", "-p", PACKAGE, "--"]);
    command.args(args);
    command
}

fn lists_only(args: &[String]) -> bool {
    args.iter().any(|arg| arg == "--list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_run_with_all_arguments() {
        let args = ["--only", "kill and restart"].map(str::to_owned);
        assert_eq!(
            cargo::line(&suite(&args)),
            "cargo run -q -p larder-chaos -- --only 'kill and restart'"
        );
    }
}
