//! All targets, one after the other.

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use larder_fuzz::Target;

use super::options::Options;
use super::report::{self, Engine, Row};
use super::{guided, seeded};

/// Says where a session is, on standard error.
#[derive(Debug)]
pub(super) struct Progress(Instant);

impl Progress {
    pub(super) fn say(&self, what: &str) {
        eprintln!("[{:6.1} s] {what}", self.0.elapsed().as_secs_f64());
    }
}

pub(super) fn run(options: &Options) -> io::Result<ExitCode> {
    let progress = Progress(Instant::now());
    let engine = match options.guided {
        Some(_) => "guided by coverage",
        None => "seeded mutations",
    };
    progress.say(&format!("seed {}, {engine}", options.seed));
    let share = share(options);
    let mut rows = Vec::new();
    for (number, target) in options.targets.iter().enumerate() {
        let place = format!(
            "{} ({} of {})",
            target.name,
            number + 1,
            options.targets.len()
        );
        progress.say(&place);
        let row = one(target, options, share, &progress)?;
        if row.found.is_some() {
            progress.say(&format!("{place}: {}", row.verdict()));
        }
        rows.push(row);
    }
    if options.json {
        println!("{}", report::json(&rows, options.seed));
    } else {
        print!("\n{}", report::table(&rows));
    }
    let failed = rows.iter().any(|row| row.found.is_some());
    Ok(ExitCode::from(u8::from(failed)))
}

fn one(
    target: &'static Target,
    options: &Options,
    share: Duration,
    progress: &Progress,
) -> io::Result<Row> {
    match ((target.missing)(), &options.guided) {
        (Some(why), _) => Ok(Row::new(target, Engine::Missing(why))),
        (None, Some(program)) => guided::run(program, target, options.seed, share, progress),
        (None, None) => seeded::run(target, options.seed, share),
    }
}

/// What each target that can run gets of the time.
fn share(options: &Options) -> Duration {
    let targets = options.targets.iter();
    let count = targets
        .filter(|target| (target.missing)().is_none())
        .count();
    let share = options.time.as_secs_f64() / (count as f64).max(1.0);
    Duration::from_secs_f64(share.max(1.0))
}
