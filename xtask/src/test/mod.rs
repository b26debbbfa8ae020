mod backend;
mod cargo_test;
mod count;
mod libtest;
mod options;
mod runner;
mod summary;
mod tally;

use std::time::Instant;

use crate::failure::Failure;
use crate::redis_install;

pub(crate) use runner::{COMMAND as RUNNER_COMMAND, run_binary};

use cargo_test::CargoTest;
use options::Options;
use tally::Tally;

/// `cargo xtask test [--backend memory|redis|cluster|sentinel|all] [-- ARGS]`
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    run_tests(&Options::parse(args)?)
}

fn run_tests(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let mut cargo_test = CargoTest::new(options);
    if options.selection.needs_servers() {
        cargo_test.redis_server(redis_install::ensure()?);
    }
    let mut tally = Tally::default();
    cargo_test.run_unit_and_integration_tests(&mut tally)?;
    // Without a build there is nothing to document, and the errors would come twice.
    if options.selection.wants_doctests() && !tally.build_failed() {
        cargo_test.run_doctests(&mut tally)?;
    }
    summary::print(&tally, started.elapsed());
    if tally.is_success() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}
