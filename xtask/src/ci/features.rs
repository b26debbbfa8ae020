use super::StepResult;
use super::report::Verdict;
use crate::cargo::{self, Workspace};

const FACADE: &str = "larder";

/// The facade without features, and with each of them alone.
pub(super) fn check(workspace: &Workspace) -> StepResult {
    let features = &workspace.package(FACADE)?.features;
    let without_any = ["check", "-p", FACADE, "--no-default-features"];
    cargo::run(&mut cargo::command(&without_any))?;
    for feature in features {
        cargo::run(cargo::command(&without_any).args(["--features", feature]))?;
    }
    Ok(Verdict::PassedWith(format!(
        "{} features and none",
        features.len()
    )))
}
