use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Instant;

use super::backend::Selection;
use super::libtest::{Event, without_colours};
use super::options::Options;
use super::runner;
use super::tally::Tally;
use crate::cargo;
use crate::failure::Failure;

const UNIT_AND_INTEGRATION: &[&str] = &[
    "test",
    "--workspace",
    "--all-features",
    "--no-fail-fast",
    "--lib",
    "--bins",
    "--tests",
    "--examples",
];
const DOCTESTS: &[&str] = &[
    "test",
    "--workspace",
    "--all-features",
    "--no-fail-fast",
    "--doc",
];

/// The `cargo test` runs of one `cargo xtask test`.
pub(super) struct CargoTest<'a> {
    options: &'a Options,
    redis_server: Option<PathBuf>,
}

impl<'a> CargoTest<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            options,
            redis_server: None,
        }
    }

    /// The binary that the tests shall start.
    pub(super) fn redis_server(&mut self, binary: PathBuf) {
        self.redis_server = Some(binary);
    }

    pub(super) fn run_unit_and_integration_tests(&self, tally: &mut Tally) -> Result<(), Failure> {
        let mut command = cargo::command(UNIT_AND_INTEGRATION);
        if self.options.selection != Selection::All {
            command.args(["--config", &runner::cargo_config(self.options.selection)?]);
        }
        self.run("unit and integration tests", command, tally)
    }

    pub(super) fn run_doctests(&self, tally: &mut Tally) -> Result<(), Failure> {
        self.run("doctests", cargo::command(DOCTESTS), tally)
    }

    fn run(&self, tests: &str, mut command: Command, tally: &mut Tally) -> Result<(), Failure> {
        if !self.options.test_args.is_empty() {
            command.arg("--").args(&self.options.test_args);
        }
        if let Some(binary) = &self.redis_server {
            command.env("LARDER_REDIS_SERVER", binary);
        }
        println!("$ {}", cargo::line(&command));
        if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let before = tally.total();
        let status = stream(&mut command, tally)
            .map_err(|error| Failure::new("could not run cargo test", error))?;
        if !status.success() {
            tally.record_failed_cargo(tests, before);
        }
        Ok(())
    }
}

/// Shows every line as it comes and counts what it says.
///
/// One pipe for both outputs: cargo names the binary on one, and the binary its tests on the
/// other, and their order tells which test belongs to which binary.
fn stream(command: &mut Command, tally: &mut Tally) -> io::Result<ExitStatus> {
    let (reader, writer) = io::pipe()?;
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // The command keeps the writing ends open, and the reader would never see the end.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let started = Instant::now();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        io::stdout().write_all(&line)?;
        io::stdout().flush()?;
        let text = without_colours(&String::from_utf8_lossy(&line));
        if let Some(event) = Event::parse(&text) {
            tally.record(&event, started.elapsed());
        }
        line.clear();
    }
    child.wait()
}
