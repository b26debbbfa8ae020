use std::process::Stdio;

use super::StepResult;
use super::report::Verdict;
use crate::cargo::{self, Workspace};

/// `deny.toml`, where cargo-deny is installed. Advisories need a download and are left out.
pub(super) fn check(_: &Workspace) -> StepResult {
    if !is_installed() {
        println!("cargo-deny is absent; get it by `cargo install cargo-deny --locked`.");
        return Ok(Verdict::NotRun("cargo-deny is absent".into()));
    }
    let args = ["deny", "--offline", "check", "bans", "licenses", "sources"];
    cargo::run(&mut cargo::command(&args))?;
    Ok(Verdict::Passed)
}

fn is_installed() -> bool {
    let mut command = cargo::command(&["deny", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
