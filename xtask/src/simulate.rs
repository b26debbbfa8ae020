use std::process::Command;

use crate::cargo;
use crate::failure::Failure;

const PACKAGE: &str = "larder-simulator";

/// `cargo xtask simulate [--seeds N] [--from S] [--seed S --trace] [--without RULE] [--guards]
/// [--json]`
///
/// The simulator knows its own arguments and prints its own results: nothing is added to
/// them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let status = simulator(args)
        .status()
        .map_err(|error| Failure::new("could not run the simulator", error))?;
    if status.success() {
        Ok(())
    } else {
        // It has said why.
        Err(Failure::Reported)
    }
}

/// Optimized: it runs thousands of seeds.
fn simulator(args: &[String]) -> Command {
    let mut command = cargo::command(&["run", "-q", "--release", "-p", PACKAGE, "--"]);
    command.args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_is_run_with_all_arguments() {
        let args = ["--seed", "7", "--trace"].map(str::to_owned);
        assert_eq!(
            cargo::line(&simulator(&args)),
            "cargo run -q --release -p larder-simulator -- --seed 7 --trace"
        );
    }
}
