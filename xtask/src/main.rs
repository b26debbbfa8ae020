//! `cargo xtask`: the project's own commands. `cargo xtask help` lists them.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

mod arguments;
mod bench;
mod cargo;
mod chaos;
mod ci;
mod failure;
mod fuzz;
mod redis;
mod redis_install;
mod simulate;
mod staleness;
mod table;
mod test;

use std::env;
use std::process::ExitCode;

use failure::Failure;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test [--backend memory|redis|cluster|sentinel|all] [-- ARGS]
      Run unit, integration and documentation tests and print one summary.
      --backend memory runs all that need no Redis, the others only the tests
      of a single server, a cluster or a Sentinel group, which start their own
      servers. Default: all.
      ARGS go to the tests: a name to filter by, --nocapture, ...

  redis up [standalone|cluster|sentinel]
  redis down|status
      Redis to work with by hand, on free ports: a single server (default),
      a cluster of three masters and their replicas, or a master with two
      replicas and three Sentinels. One of each may be up; down stops all.

  bench [SUITE] [-- ARGS]
      Run one benchmark suite, or all. ARGS go to criterion: a name to filter
      by, --save-baseline NAME, ... Some suites have their own:
      hot-path: --rounds N, --slice MS, --only WORKLOADS, --adapters NAMES,
      --json
      freshness: --rounds N, --slice MS, --entries N, --only PARTS, --json
      payload: --rounds N, --only PARTS, --json
      keyspace: --traces DIR, --rounds N, --keys N, --stored-keys N, --only PARTS,
      --json

  chaos [--seconds N] [--seed S] [--only NAME_OR_NUMBER] [--json] [--list]
      Break servers and networks under load and hold what happens against the
      criteria. Long faults are shortened to fit into N seconds. Default: 120.

  staleness [--processes N] [--seconds S] [--topology standalone|cluster|sentinel]
            [--seed X] [--json]
      Let N processes read and change the same keys under faults, and hold how
      old a value each is served against what is promised. Default: 4
      processes, 60 seconds, standalone.

  simulate [--seeds N] [--from S] [--seed S --trace] [--without RULE]
           [--guards] [--json]
      Run the cache's protocol under seeded schedules in virtual time and hold
      every read against the promises. Default: 1000 seeds.

  fuzz [--seconds N] [--only TARGETS] [--seed S] [--engine stable|nightly]
       [--json] [--list]
  fuzz --only TARGET --replay FILE
      Run the fuzz targets of everything that parses. Guided by coverage where
      there is a nightly toolchain. Default: 60 seconds for all together.

  ci
      All that CI checks, in the same order.

  help
      This text.

LARDER_REDIS_SERVER names the redis-server to use instead of the one on PATH.
CARGO_TARGET_DIR is respected.
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn run(args: &[String]) -> Result<(), Failure> {
    let (command, rest) = args
        .split_first()
        .ok_or_else(|| Failure::Usage("a command is missing".into()))?;
    // The runner's arguments belong to a test binary.
    if command != test::RUNNER_COMMAND && asks_for_help(args) {
        print!("{USAGE}");
        return Ok(());
    }
    match command.as_str() {
        "test" => test::run(rest),
        test::RUNNER_COMMAND => test::run_binary(rest),
        "redis" => redis::run(rest),
        "bench" => bench::run(rest),
        "chaos" => chaos::run(rest),
        "staleness" => staleness::run(rest),
        "simulate" => simulate::run(rest),
        "fuzz" => fuzz::run(rest),
        "ci" => ci::run(rest),
        unknown => Err(Failure::Usage(format!("unknown command `{unknown}`"))),
    }
}

fn asks_for_help(args: &[String]) -> bool {
    args.first().is_some_and(|first| first == "help")
        || args
            .iter()
            .take_while(|arg| *arg != "--")
            .any(|arg| arg == "--help" || arg == "-h")
}

fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Usage(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Failure::Failed(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
        Failure::Reported => ExitCode::FAILURE,
    }
}
