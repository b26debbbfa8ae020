//! What compression costs and saves: each algorithm, what the optimizer chooses next to the best
//! of them, trained dictionaries, large values in chunks; and what encryption takes.
//!
//! `cargo xtask bench payload -- --rounds 9 --only choices`
//!
//! All data comes from a seed. Each candidate runs once within a round, in turn, each round in
//! another order; what counts is the median of the ratios within a round.

#![expect(clippy::print_stdout, reason = "benchmarks print their figures")]

mod choices;
mod chunks;
mod ciphers;
mod corpora;
mod dictionaries;
mod goals;
mod options;
mod pass;
mod results;

use std::process::ExitCode;

use larder_benches::Failure;

use crate::options::{Options, Part};
use crate::results::Results;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("payload: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let options = Options::read(std::env::args().skip(1))?;
    let results = measure(&options)?;
    let suite = (env!("CARGO_TARGET_TMPDIR"), "payload");
    let tables = || results.to_string();
    options.output.publish(suite, &results, tables)
}

fn measure(options: &Options) -> Result<Results, Failure> {
    let mut results = Results::new(options);
    for part in &options.parts {
        match part {
            Part::Choices => results.choices = choices::measure(options)?,
            Part::Dictionaries => results.dictionaries = dictionaries::measure(options)?,
            Part::Ciphers => results.ciphers = ciphers::measure(options)?,
            Part::Chunks => results.chunks = Some(chunks::measure(options)?),
        }
    }
    results.judge();
    Ok(results)
}
