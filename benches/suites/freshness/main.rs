//! What freshness costs: invalidating by tag, reading what carries tags, living without L1,
//! filling L1, and loading under a lease.
//!
//! `cargo xtask bench freshness -- --rounds 9 --slice 200 --only reads,loads`
//!
//! Where several candidates are compared, each runs once within a round, in turn, each round in
//! another order. What counts is the median of the ratios within a round.

#![expect(clippy::print_stdout, reason = "benchmarks print their figures")]

mod articles;
mod fills;
mod goals;
mod invalidation;
mod loads;
mod options;
mod reads;
mod report;
mod results;
mod store;

use std::process::ExitCode;

use larder_benches::{Failure, WORKER_THREADS};
use larder_testkit::RedisServer;

use crate::options::{Options, Part};
use crate::results::Results;
use crate::store::Store;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("freshness: {error}");
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
    let suite = (env!("CARGO_TARGET_TMPDIR"), "freshness");
    let tables = || report::text(&results);
    options.output.publish(suite, &results, tables)
}

/// Every part on every store, with a server of its own where it is Redis.
async fn measure(options: &Options) -> Result<Results, Failure> {
    let mut results = Results::new(options);
    for &part in &options.parts {
        let server = RedisServer::start()?;
        for store in [Store::Memory, Store::Redis(server.url())] {
            match part {
                Part::Invalidation => {
                    let measured = invalidation::measure(&store, options).await?;
                    results.invalidations.push(measured);
                }
                Part::Reads => results.reads.extend(reads::tagged(&store, options).await?),
                Part::L1 => results.reads.extend(reads::with_l1(&store, options).await?),
                Part::Fills => results.fills.extend(fills::count(&store).await?),
                Part::Loads => results.reads.extend(loads::measure(&store, options).await?),
            }
        }
    }
    results.judge();
    Ok(results)
}
