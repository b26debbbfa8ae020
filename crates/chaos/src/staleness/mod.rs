//! Several processes that share keys under faults: how old a value do they serve each other?
//!
//! ```text
//! main: Servers + Database + Crew of processes, Faults all the while --> Results --> report
//!                     |          |
//!                     |          '- Member: reads, changes, watches; judges each read by
//!                     '------------ what was acknowledged when (a file that all share)
//! ```

mod crew;
mod database;
mod faults;
mod histogram;
mod judge;
mod member;
mod options;
mod report;
mod results;
mod servers;
mod tally;

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use crew::Crew;
use faults::Faults;
use options::{Command, Options, USAGE};
use results::Results;
use servers::Servers;

use crate::progress::Progress;
use crate::scratch::Scratch;
use crate::{Failure, monotonic};

pub(crate) use database::Database;
pub(crate) use judge::{Breach, Own, Read, Standing};
pub(crate) use member::{Membership, take_part};
pub(crate) use tally::Tally;

/// How far behind others' changes L1 may be.
const MAX_STALENESS: Duration = Duration::from_millis(500);

const TOLD_EVERY: Duration = Duration::from_secs(5);

pub(crate) fn main(args: &[String]) -> ExitCode {
    let options = match Options::parse(args) {
        Ok(Command::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run(options)) => options,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(results) => told(&results, &options),
        Err(failure) => {
            eprintln!("error: {failure}; seed {}", options.seed);
            ExitCode::FAILURE
        }
    }
}

fn told(results: &Results, options: &Options) -> ExitCode {
    let verdict = results.verdict(options);
    if options.json {
        println!("{}", report::json(results, &verdict, options));
    } else {
        print!("\n{}", report::table(results, &verdict, options));
    }
    if verdict.is_passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(options: &Options) -> Result<Results, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run_servers(options))
}

async fn run_servers(options: &Options) -> Result<Results, Failure> {
    let progress = Progress::new();
    progress.say(&format!(
        "{} processes, {}, {} s, seed {}",
        options.processes,
        options.topology.name(),
        options.seconds,
        options.seed
    ));
    let scratch = Scratch::create("staleness")?;
    let file = scratch.path().join("database");
    let database = Database::create(&file, member::keys(options.processes))?;
    let servers = Servers::start(options.topology, options.processes).await?;
    let (processes, seed) = (options.processes, options.seed);
    let crew = Crew::start(&servers, processes, seed, MAX_STALENESS, file).await?;
    let began = monotonic::now();
    let faults = Faults {
        servers: &servers,
        crew: &crew,
        database: &database,
        progress: &progress,
        rng: Rng::with_seed(options.seed),
    };
    let length = Duration::from_secs(options.seconds);
    let faults = tokio::select! {
        faults = faults.run(length) => faults?,
        never = tell_on(&crew, &progress) => match never {},
    };
    let told = crew.stop().await?;
    Ok(Results {
        began,
        max_staleness: MAX_STALENESS,
        tally: told.total(),
        told,
        faults,
    })
}

/// Says how far it has come, without end.
async fn tell_on(crew: &Crew, progress: &Progress) -> Infallible {
    loop {
        sleep(TOLD_EVERY).await;
        let tally = crew.tally();
        progress.say(&format!(
            "{} reads, {} too old; {} invalidations acknowledged",
            tally.reads,
            tally.breaches,
            tally.invalidations().acknowledged
        ));
    }
}
