//! What the analytics of keys cost and how true they are, and what it takes to keep a quota.
//!
//! `cargo xtask bench keyspace -- --only cost,hot-keys,curve,memory,quota --traces DIR`
//!
//! The traces are of real services: the hottest keys are held against a count of all of them, and
//! what the curve says of L1 at ten sizes against L1 itself at each of them.

#![expect(clippy::print_stdout, reason = "benchmarks print their figures")]

mod cost;
mod counting;
mod curve;
mod exact;
mod goals;
mod hot_keys;
mod lru;
mod memory;
mod options;
mod quota;
mod results;
mod streams;
mod traces;

use std::process::ExitCode;

use larder_benches::Failure;

use crate::hot_keys::Found;
use crate::options::{Options, Part};
use crate::results::Results;
use crate::traces::Trace;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("keyspace: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let options = Options::read(std::env::args().skip(1))?;
    let results = measure(&options)?;
    let suite = (env!("CARGO_TARGET_TMPDIR"), "keyspace");
    let tables = || results.to_string();
    options.output.publish(suite, &results, tables)
}

fn measure(options: &Options) -> Result<Results, Failure> {
    let mut results = Results::default();
    for part in &options.parts {
        match part {
            Part::Cost => results.costs = cost::measure(options.rounds)?,
            Part::HotKeys => results.hot_keys = hot_keys(options)?,
            Part::Curve => results.curves = curve::measure(options)?,
            Part::Memory => results.memory = memory::measure(options.keys)?,
            Part::Quota => results.quota = Some(quota::measure(options.stored_keys)?),
        }
    }
    results.judge();
    Ok(results)
}

fn hot_keys(options: &Options) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for trace in Trace::all(&options.traces)? {
        found.extend(hot_keys::measure(&trace)?);
    }
    Ok(found)
}
