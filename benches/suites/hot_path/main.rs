//! Reads and writes through to Redis: Larder without L1, next to bare redis-rs and to what else
//! Rust has.
//!
//! `cargo xtask bench hot-path -- --rounds 9 --slice 400 --only get64,set --adapters larder,redis-rs`
//!
//! Within a round every adapter runs every workload once, the adapters in turn, each round in
//! another order. What counts is the median of the ratios within a round.

#![expect(clippy::print_stdout, reason = "benchmarks print their figures")]

mod adapters;
mod goals;
mod measurement;
mod options;
mod profile;
mod report;
mod results;
mod rounds;
mod slice;
mod workload;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use larder_benches::Output;
use larder_testkit::RedisServer;

use crate::options::Options;
use crate::profile::Profiles;
use crate::results::Results;

/// What may fail here ends the run with its message.
type Failure = Box<dyn Error + Send + Sync>;

/// As many as the machine of the published figures has cores.
const WORKER_THREADS: usize = 2;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("hot-path: {error}");
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
    let server = RedisServer::start()?;
    let results = runtime.block_on(measure(&options, &server.url()))?;
    let suite = (env!("CARGO_TARGET_TMPDIR"), "hot-path");
    let tables = || report::text(&results);
    options.output.publish(suite, &results, tables)
}

async fn measure(options: &Options, url: &str) -> Result<Results, Failure> {
    let profiles = Arc::new(Profiles::new());
    let subjects = adapters::connect(&options.adapters, url).await?;
    if options.output == Output::Tables {
        println!("{}", report::heading(options, &subjects, &profiles)?);
    }
    let measurements = rounds::run(options, &subjects, &profiles).await?;
    Ok(Results::new(options, &measurements))
}
