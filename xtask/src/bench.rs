use std::path::Path;

use crate::arguments::split_at_dashes;
use crate::cargo::{self, Workspace};
use crate::failure::Failure;

const PACKAGE: &str = "larder-benches";

/// The suites that are no criterion suites, and the feature that adds other caches to one.
const HOT_PATH: &str = "hot-path";
const PEERS: &str = "peers";
const WITH_OWN_ARGUMENTS: [&str; 4] = ["freshness", "keyspace", "patterns", "payload"];

/// `cargo xtask bench [SUITE] [-- ARGS]`
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (own, suite_args) = split_at_dashes(args);
    let workspace = Workspace::load()?;
    for args in runs(own, suite_args, &workspace.package(PACKAGE)?.benches)? {
        cargo::run(cargo::command(&["bench", "-p", PACKAGE]).args(args))?;
    }
    let writes_no_report =
        |name: &String| name == HOT_PATH || WITH_OWN_ARGUMENTS.contains(&name.as_str());
    if matches!(own, [name] if writes_no_report(name)) {
        return Ok(());
    }
    println!(
        "\n{}",
        where_results_are(&workspace.target_dir.join("criterion"))
    );
    Ok(())
}

/// What each `cargo bench` is told. Arguments that follow no name of a suite are criterion's.
fn runs(
    own: &[String],
    suite_args: &[String],
    existing: &[String],
) -> Result<Vec<Vec<String>>, Failure> {
    let chosen = choose(own, existing)?;
    let (hot_path, others): (Vec<_>, Vec<_>) = chosen.iter().partition(|name| *name == HOT_PATH);
    let (paired, criterion): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|name| WITH_OWN_ARGUMENTS.contains(&name.as_str()));
    let own_args = if own.is_empty() { &[] } else { suite_args };
    let with_peers = ["--features", PEERS];
    let runs = [
        (criterion, suite_args, &[][..]),
        (paired, own_args, &[][..]),
        (hot_path, own_args, &with_peers[..]),
    ];
    Ok(runs
        .into_iter()
        .filter(|(suites, ..)| !suites.is_empty())
        .map(|(suites, suite_args, features)| {
            let suites = suites.into_iter().flat_map(|name| ["--bench", name]);
            features
                .iter()
                .copied()
                .chain(suites)
                .chain(["--"])
                .map(str::to_owned)
                .chain(suite_args.iter().cloned())
                .collect()
        })
        .collect())
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
    fn each_kind_of_suite_gets_its_own_arguments() {
        let check = |own: &[&str], expected: &[&str]| {
            let strings = |words: &[&str]| -> Vec<String> {
                words.iter().map(|word| (*word).to_owned()).collect()
            };
            let existing = strings(&["l1-hit", "hot-path", "freshness", "backends"]);
            let runs = runs(&strings(own), &strings(&["--quick"]), &existing);
            let lines: Vec<String> = runs
                .ok()
                .into_iter()
                .flatten()
                .map(|r| r.join(" "))
                .collect();
            assert_eq!(lines, expected, "{own:?}");
        };
        check(&["l1-hit"], &["--bench l1-hit -- --quick"]);
        check(
            &["hot-path"],
            &["--features peers --bench hot-path -- --quick"],
        );
        check(&["freshness"], &["--bench freshness -- --quick"]);
        check(
            &[],
            &[
                "--bench l1-hit --bench backends -- --quick",
                "--bench freshness --",
                "--features peers --bench hot-path --",
            ],
        );
    }

    #[test]
    fn an_unknown_suite_is_answered_with_the_existing_ones() {
        let expected = "unknown benchmark suite `nope`; there are: hot_path, stampede";
        assert_eq!(outcome(&["nope"]), expected);
        assert!(outcome(&["stampede", "x"]).contains("unknown argument `x`"));
    }
}
