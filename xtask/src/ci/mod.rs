mod downstream;
mod features;
mod licences;
mod report;

use std::time::Instant;

use crate::cargo::{self, Workspace};
use crate::failure::Failure;
use crate::test;

use report::{Report, Verdict};

/// What a step has to say in the table besides its time.
type StepResult = Result<Verdict, Failure>;

type Step = fn(&Workspace) -> StepResult;

/// In this order: what is quick to fail comes first.
const STEPS: &[(&str, Step)] = &[
    ("format", format),
    ("clippy", clippy),
    ("test", run_tests),
    ("fuzz", fuzz),
    ("docs", docs),
    ("features", features::check),
    ("licences and bans", licences::check),
    ("demo", demo),
    ("downstream build", downstream::build),
];

/// `cargo xtask ci`
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some(extra) = args.first() {
        return Err(Failure::unknown_argument("ci", extra));
    }
    let workspace = Workspace::load()?;
    let mut report = Report::default();
    let result = STEPS.iter().try_for_each(|(name, step)| {
        println!("\n=== {name} ===");
        let started = Instant::now();
        let result = step(&workspace);
        report.add(name, &result, started.elapsed());
        result.map(drop)
    });
    print!("\n{}", report.render());
    result
}

fn format(_: &Workspace) -> StepResult {
    cargo::run(&mut cargo::command(&["fmt", "--all", "--check"]))?;
    Ok(Verdict::Passed)
}

fn clippy(_: &Workspace) -> StepResult {
    let args = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    cargo::run(&mut cargo::command(&args))?;
    Ok(Verdict::Passed)
}

fn run_tests(_: &Workspace) -> StepResult {
    test::run(&[])?;
    Ok(Verdict::Passed)
}

/// A second for each target: enough for all seeds and all their small damage. The same inputs
/// each time, so that what is found comes of the commit; `cargo xtask fuzz` searches further.
fn fuzz(workspace: &Workspace) -> StepResult {
    crate::fuzz::run_built(workspace, &["--seconds", "10", "--seed", "1"])?;
    Ok(Verdict::Passed)
}

fn docs(_: &Workspace) -> StepResult {
    let mut command = cargo::command(&["doc", "--workspace", "--no-deps", "--all-features"]);
    cargo::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Verdict::Passed)
}

fn demo(_: &Workspace) -> StepResult {
    cargo::run(&mut cargo::command(&[
        "run",
        "--release",
        "--",
        "--requests",
        "20000",
        "--check-advice",
    ]))?;
    Ok(Verdict::Passed)
}
