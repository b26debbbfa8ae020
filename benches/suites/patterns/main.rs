//! What write-behind saves and what it costs: the database's writes next to write-through, and
//! the caller's time next to a plain `set`, by journal.
//!
//! `cargo xtask bench patterns -- --rounds 9 --slice 200 --only sets`
//!
//! Where several candidates are compared, each runs once within a round, in turn, each round in
//! another order. What counts is the median of the ratios within a round.

#![expect(clippy::print_stdout, reason = "benchmarks print their figures")]

mod coalescing;
mod goals;
mod options;
mod places;
mod results;
mod sets;

use std::process::ExitCode;

use larder_benches::{Failure, WORKER_THREADS};

use crate::options::{Options, Part};
use crate::results::Results;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("patterns: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let options = Options::read(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()?;
    let results = runtime.block_on(measure(&options))?;
    runtime.shutdown_background();
    let suite = (env!("CARGO_TARGET_TMPDIR"), "patterns");
    let tables = || results.to_string();
    options.output.publish(suite, &results, tables)
}

async fn measure(options: &Options) -> Result<Results, Failure> {
    let mut results = Results::new(options);
    for part in &options.parts {
        match part {
            Part::Coalescing => results.coalescing = Some(coalescing::measure(options).await?),
            Part::Sets => results.sets = sets::measure(options).await?,
        }
    }
    results.judge();
    Ok(results)
}
