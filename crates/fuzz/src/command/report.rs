//! Results for people and for programs.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_fuzz::{Target, excerpt};
use serde_json::{Value, json};

use super::places;

/// What made the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Seeded,
    Guided,
    /// Nothing: the target can't run in this build.
    Missing(&'static str),
}

/// What came of a target.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) target: &'static Target,
    pub(super) engine: Engine,
    pub(super) inputs: u64,
    pub(super) elapsed: Duration,
    pub(super) slowest: Duration,
    pub(super) peak_bytes: u64,
    pub(super) corpus: u64,
    pub(super) found: Option<Found>,
}

/// An input that broke a property.
#[derive(Debug)]
pub(super) struct Found {
    fault: String,
    file: PathBuf,
    excerpt: String,
}

impl Row {
    pub(super) fn new(target: &'static Target, engine: Engine) -> Self {
        Self {
            target,
            engine,
            inputs: 0,
            elapsed: Duration::ZERO,
            slowest: Duration::ZERO,
            peak_bytes: 0,
            corpus: 0,
            found: None,
        }
    }

    fn per_second(&self) -> u64 {
        (self.inputs as f64 / self.elapsed.as_secs_f64().max(0.001)) as u64
    }

    /// In a few words.
    pub(super) fn verdict(&self) -> String {
        match (&self.engine, &self.found) {
            (Engine::Missing(why), _) => format!("skipped: {why}"),
            (_, Some(found)) => format!("FAILED: {}", first_line(&found.fault)),
            _ => "ok".to_owned(),
        }
    }

    fn cells(&self) -> [String; 8] {
        if let Engine::Missing(_) = self.engine {
            let none = || "-".to_owned();
            let name = self.target.name.to_owned();
            return [
                name,
                none(),
                none(),
                none(),
                none(),
                none(),
                none(),
                self.verdict(),
            ];
        }
        [
            self.target.name.to_owned(),
            self.guided().to_owned(),
            self.inputs.to_string(),
            self.per_second().to_string(),
            format!("{:.2} ms", self.slowest.as_secs_f64() * 1e3),
            format!("{:.1} KiB", self.peak_bytes as f64 / 1024.0),
            self.corpus.to_string(),
            self.verdict(),
        ]
    }

    fn guided(&self) -> &'static str {
        if self.engine == Engine::Guided {
            "yes"
        } else {
            "no"
        }
    }
}

impl Found {
    pub(super) fn new(fault: &str, file: &Path) -> io::Result<Self> {
        Ok(Self {
            fault: fault.to_owned(),
            file: file.to_owned(),
            excerpt: excerpt(&fs::read(file)?),
        })
    }

    fn replay(&self, target: &Target) -> String {
        let file = places::shown(&self.file);
        format!("cargo xtask fuzz --only {} --replay {file}", target.name)
    }
}

const HEADER: [&str; 8] = [
    "target", "guided", "inputs", "inputs/s", "slowest", "peak", "corpus", "result",
];

/// A table of all targets, and below it what was found.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEADER.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| {
        let cells = lines.iter().map(|cells| cells[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut out = String::new();
    for [name, cells @ .., verdict] in &lines {
        let _ = write!(out, "{name:<0$}", widths[0]);
        for (cell, width) in cells.iter().zip(&widths[1..]) {
            let _ = write!(out, "  {cell:>width$}");
        }
        let _ = writeln!(out, "  {verdict}");
    }
    for row in rows {
        if let Some(found) = &row.found {
            out.push_str(&details(row.target, found));
        }
    }
    out
}

fn details(target: &Target, found: &Found) -> String {
    format!(
        "\n{} {}\n  input:  {}\n  file:   {}\n  replay: {}\n",
        target.name,
        found.fault,
        found.excerpt,
        places::shown(&found.file),
        found.replay(target),
    )
}

/// The same for programs.
pub(super) fn json(rows: &[Row], seed: u64) -> Value {
    let rows = rows.iter().map(|row| {
        let found = row.found.as_ref().map(|found| {
            json!({
                "fault": found.fault,
                "input": found.excerpt,
                "file": places::shown(&found.file),
                "replay": found.replay(row.target),
            })
        });
        let skipped = match row.engine {
            Engine::Missing(why) => Some(why),
            _ => None,
        };
        json!({
            "target": row.target.name,
            "parses": row.target.parses,
            "guided": row.engine == Engine::Guided,
            "skipped": skipped,
            "inputs": row.inputs,
            "inputs_per_second": row.per_second(),
            "seconds": row.elapsed.as_secs_f64(),
            "slowest_seconds": row.slowest.as_secs_f64(),
            "peak_bytes": row.peak_bytes,
            "corpus": row.corpus,
            "failure": found,
        })
    });
    json!({"seed": seed, "targets": rows.collect::<Vec<_>>()})
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
