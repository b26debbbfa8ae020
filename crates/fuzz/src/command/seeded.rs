//! The loop of this crate, in a process of its own for each target: a target may end it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{self, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use larder_fuzz::{Failure, Fault, Outcome, Plan, Target, explore, save};
use serde_json::{Value, json};

use super::options::Options;
use super::places;
use super::report::{Engine, Found, Row};

/// The part of the process that is started: searches one target, and prints what came of it.
pub(super) fn search(options: &Options) -> io::Result<ExitCode> {
    for target in &options.targets {
        let file = File::create(running(target)?)?;
        let plan = Plan::new(options.seed).time(options.time).running(file);
        println!("{}", written(target, &explore(target, &plan))?);
    }
    Ok(ExitCode::SUCCESS)
}

/// The part of the process that starts it.
pub(super) fn run(target: &'static Target, seed: u64, time: Duration) -> io::Result<Row> {
    let running = running(target)?;
    fs::create_dir_all(places::found()?)?;
    let started = Instant::now();
    let seconds = time.as_secs_f64().to_string();
    let mut command = process::Command::new(std::env::current_exe()?);
    command.args(["--search", "--only", target.name, "--seconds", &seconds]);
    command.args(["--seed", &seed.to_string()]);
    let output = command.stderr(Stdio::null()).output()?;
    let said = serde_json::from_slice(&output.stdout).ok();
    let row = match said.filter(|_| output.status.success()) {
        Some(said) => read(target, &said),
        None => died(target, &running, output.status, started.elapsed()),
    };
    fs::remove_file(&running).ok();
    row
}

/// The file that holds the input that runs.
fn running(target: &Target) -> io::Result<std::path::PathBuf> {
    let folder = places::kept()?.join("running");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(target.name))
}

fn written(target: &Target, outcome: &Outcome) -> io::Result<Value> {
    let failure = match &outcome.failure {
        Some(Failure { input, fault }) => {
            let file = save(&places::found()?, target.name, input)?;
            json!({"fault": fault.to_string(), "file": file})
        }
        None => Value::Null,
    };
    Ok(json!({
        "inputs": outcome.inputs,
        "micros": outcome.elapsed.as_micros() as u64,
        "slowest_micros": outcome.slowest.as_micros() as u64,
        "peak_bytes": outcome.peak_bytes,
        "corpus": outcome.corpus,
        "failure": failure,
    }))
}

fn read(target: &'static Target, said: &Value) -> io::Result<Row> {
    let number = |name: &str| said[name].as_u64().unwrap_or(0);
    let mut row = Row::new(target, Engine::Seeded);
    row.inputs = number("inputs");
    row.elapsed = Duration::from_micros(number("micros"));
    row.slowest = Duration::from_micros(number("slowest_micros"));
    row.peak_bytes = number("peak_bytes");
    row.corpus = number("corpus");
    let text = |name: &str| said["failure"][name].as_str();
    if let (Some(fault), Some(file)) = (text("fault"), text("file")) {
        row.found = Some(Found::new(fault, Path::new(file))?);
    }
    Ok(row)
}

/// What is left of a process that said nothing: the input that ran.
fn died(
    target: &'static Target,
    running: &Path,
    status: ExitStatus,
    elapsed: Duration,
) -> io::Result<Row> {
    let noted = fs::read(running).unwrap_or_default();
    let input = match noted.split_first_chunk() {
        Some((length, rest)) => {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            &rest[..length.min(rest.len())]
        }
        None => &[],
    };
    let file = save(&places::found()?, target.name, input)?;
    let fault = Fault::Died(status.to_string());
    let mut row = Row::new(target, Engine::Seeded);
    row.elapsed = elapsed;
    row.found = Some(Found::new(&fault.to_string(), &file)?);
    Ok(row)
}
