use std::path::Path;

use crate::arguments::split_at_dashes;
use crate::cargo::{self, Workspace};
use crate::failure::Failure;

const PACKAGE: &str = "larder-benches";

/// `cargo xtask bench [SUITE] [-- ARGS]`
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (own, criterion) = split_at_dashes(args);
    let workspace = Workspace::load()?;
    let suites = choose(own, &workspace.package(PACKAGE)?.benches)?;
    let mut command = cargo::command(&["bench", "-p", PACKAGE]);
    for suite in suites {
        command.args(["--bench", suite]);
    }
    command.arg("--").args(criterion);
    cargo::run(&mut command)?;
    println!(
        "\n{}",
        where_results_are(&workspace.target_dir.join("criterion"))
    );
    Ok(())
}

fn where_results_are(criterion: &Path) -> String {
    let report = criterion.join("report/index.html");
    if report.exists() {
        format!("Report: {}", report.display())
    } else {
        format!(
            "Measurements: {}; criterion wrote no HTML report",
            criterion.display()
        )
    }
}

/// Named one by one, because plain `cargo bench` would hand criterion's arguments to the unit
/// tests of the package as well.
fn choose<'a>(own: &[String], existing: &'a [String]) -> Result<&'a [String], Failure> {
    let name = match own {
        [] => return Ok(existing),
        [name] => name,
        [_, extra, ..] => return Err(Failure::unknown_argument("bench", extra)),
    };
    match existing.iter().position(|suite| suite == name) {
        Some(index) => Ok(&existing[index..=index]),
        None => Err(Failure::Usage(format!(
            "unknown benchmark suite `{name}`; there are: {}",
            existing.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(own: &[&str]) -> String {
        let own: Vec<String> = own.iter().map(|word| (*word).to_owned()).collect();
        let existing = ["hot_path".to_owned(), "stampede".to_owned()];
        match choose(&own, &existing) {
            Ok(suites) => suites.join(" "),
            Err(Failure::Usage(message) | Failure::Failed(message)) => message,
            Err(Failure::Reported) => String::new(),
        }
    }

    #[test]
    fn no_suite_means_all() {
        assert_eq!(outcome(&[]), "hot_path stampede");
        assert_eq!(outcome(&["stampede"]), "stampede");
    }

    #[test]
    fn an_unknown_suite_is_answered_with_the_existing_ones() {
        let expected = "unknown benchmark suite `nope`; there are: hot_path, stampede";
        assert_eq!(outcome(&["nope"]), expected);
        assert!(outcome(&["stampede", "x"]).contains("unknown argument `x`"));
    }
}
