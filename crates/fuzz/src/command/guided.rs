//! libFuzzer, in a process of its own for each target.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::time::{Duration, Instant};

use larder_fuzz::{Target, guided, save};

use super::places;
use super::report::{Engine, Found, Row};
use super::session::Progress;

/// How often a long search says where it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Memory of the whole process, in MiB: the bounds of the target are for one input.
const MEMORY_MIB: u32 = 2048;

/// What it writes to the terminal, as far as it matters.
#[derive(Debug, Default)]
struct Said {
    inputs: u64,
    /// The message of a panic, or what it says of itself.
    fault: Vec<String>,
}

pub(super) fn run(
    program: &Path,
    target: &'static Target,
    seed: u64,
    time: Duration,
    progress: &Progress,
) -> io::Result<Row> {
    let folders = Folders::prepare(target)?;
    let started = Instant::now();
    let mut child = command(program, target, seed, time, &folders).spawn()?;
    let said = match child.stderr.take() {
        Some(output) => listen(BufReader::new(output), target, progress),
        None => Said::default(),
    };
    let status = child.wait()?;
    let mut row = Row::new(target, Engine::Guided);
    row.elapsed = started.elapsed();
    row.inputs = said.inputs;
    row.corpus = fs::read_dir(&folders.corpus)?.count() as u64;
    let measured = fs::read_to_string(&folders.measured).unwrap_or_default();
    (row.slowest, row.peak_bytes) = guided::measured(&measured);
    if !status.success() {
        row.found = Some(folders.found(target, &said)?);
    }
    Ok(row)
}

fn command(
    program: &Path,
    target: &Target,
    seed: u64,
    time: Duration,
    folders: &Folders,
) -> process::Command {
    let bounds = &target.bounds;
    let mut command = process::Command::new(program);
    command
        .env(guided::TARGET, target.name)
        .env(guided::MEASURED, &folders.measured)
        .arg(format!("-max_total_time={}", time.as_secs().max(1)))
        .arg(format!("-max_len={}", bounds.input_bytes))
        // It tries slow inputs three times before it says so itself.
        .arg(format!("-timeout={}", 4 * bounds.time.as_secs().max(1)))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        // 0 would be one of its own choice.
        .arg(format!("-seed={}", (seed as u32).max(1)))
        .arg(format!("-artifact_prefix={}/", folders.broken.display()))
        .args(["-use_value_profile=1", "-print_final_stats=1"])
        .arg(&folders.corpus)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Reads what it says until it ends.
fn listen(output: impl BufRead, target: &Target, progress: &Progress) -> Said {
    let mut said = Said::default();
    let mut told = Instant::now();
    for line in output.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(inputs) = inputs(&line) {
            said.inputs = said.inputs.max(inputs);
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                progress.say(&format!("{}: {}", target.name, line.trim()));
            }
        }
        let begins = line.contains("panicked at") || line.starts_with("SUMMARY:");
        if begins || said.fault.len() == 1 {
            said.fault.push(line.trim().to_owned());
        }
    }
    said
}

/// `#123  NEW cov: 7` and `stat::number_of_executed_units: 123`.
fn inputs(line: &str) -> Option<u64> {
    let number = match line.strip_prefix('#') {
        Some(rest) => rest.split_whitespace().next()?,
        None => line.strip_prefix("stat::number_of_executed_units:")?.trim(),
    };
    number.parse().ok()
}

/// What it reads and writes.
struct Folders {
    corpus: PathBuf,
    broken: PathBuf,
    measured: PathBuf,
}

impl Folders {
    /// The seeds are there, and nothing of an earlier run is taken for what this one found.
    fn prepare(target: &Target) -> io::Result<Self> {
        let kept = places::kept()?;
        let corpus = kept.join("corpus").join(target.name);
        let broken = kept.join("broken").join(target.name);
        let measured = broken.join("measured");
        if broken.exists() {
            fs::remove_dir_all(&broken)?;
        }
        fs::create_dir_all(&broken)?;
        fs::create_dir_all(&corpus)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            let length = seed.len().min(target.bounds.input_bytes);
            fs::write(corpus.join(format!("seed-{number}")), &seed[..length])?;
        }
        Ok(Self {
            corpus,
            broken,
            measured,
        })
    }

    /// The input that it left behind.
    fn found(&self, target: &Target, said: &Said) -> io::Result<Found> {
        let mut input = Vec::new();
        for entry in fs::read_dir(&self.broken)? {
            let file = entry?.path();
            let name = file.file_name().map(|name| name.to_string_lossy());
            let name = name.as_deref().unwrap_or_default();
            if ["crash-", "timeout-", "oom-"]
                .iter()
                .any(|kind| name.starts_with(kind))
            {
                input = fs::read(file)?;
            }
        }
        let file = save(&places::found()?, target.name, &input)?;
        let fault = match &said.fault[..] {
            [] => "libFuzzer ended with an error".to_owned(),
            [first] => first.clone(),
            [first, second, ..] => format!("{first} {second}"),
        };
        Found::new(&fault, &file)
    }
}
