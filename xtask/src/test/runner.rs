use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::backend::{Selection, backend_of, binary_name};
use crate::failure::Failure;

/// The command by which cargo calls this program back for each test binary.
pub(crate) const COMMAND: &str = "run-test-binary";

/// The cargo setting that makes it do so. libtest's own filters match parts of names and know
/// nothing of binaries, so they can't express the naming rule.
pub(super) fn cargo_config(selection: Selection) -> Result<String, Failure> {
    let this = env::current_exe().map_err(|error| Failure::new("no path to xtask", error))?;
    let this = serde_json::Value::from(this.to_string_lossy()).to_string();
    let name = selection.name();
    // A TOML basic string is written like a JSON string.
    Ok(format!(
        r#"target.'cfg(all())'.runner = [{this}, "{COMMAND}", "{name}"]"#
    ))
}

/// Runs those tests of a binary that the selection wants, in place of this process.
pub(crate) fn run_binary(args: &[String]) -> Result<(), Failure> {
    let [selection, executable, rest @ ..] = args else {
        return Err(Failure::Usage(format!(
            "`{COMMAND}` is called by cargo, not by hand"
        )));
    };
    let selection = Selection::parse(selection)?;
    match plan(selection, executable, rest)? {
        Plan::Nothing => Ok(()),
        Plan::Everything => replace_by(Command::new(executable).args(rest)),
        Plan::Only { wanted, unwanted } => {
            // A filter that happens to be the exact name of an unwanted test would select it.
            let rest = rest.iter().filter(|arg| !unwanted.contains(arg));
            replace_by(
                Command::new(executable)
                    .args(rest)
                    .arg("--exact")
                    .args(&wanted),
            )
        }
    }
}

enum Plan {
    Nothing,
    Everything,
    Only {
        wanted: Vec<String>,
        unwanted: Vec<String>,
    },
}

fn plan(selection: Selection, executable: &str, args: &[String]) -> Result<Plan, Failure> {
    let binary = binary_name(executable);
    let output = Command::new(executable)
        .args(args)
        .arg("--list")
        .output()
        .map_err(|error| {
            Failure::new(&format!("could not list the tests of {executable}"), error)
        })?;
    let listing = String::from_utf8_lossy(&output.stdout);
    Ok(split(selection, binary, &listing))
}

fn split(selection: Selection, binary: &str, listing: &str) -> Plan {
    if !is_of_libtest(listing) {
        let wants_all = selection.wants(backend_of(binary, ""));
        return if wants_all {
            Plan::Everything
        } else {
            Plan::Nothing
        };
    }
    let names = listing
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned);
    let (wanted, unwanted): (Vec<_>, Vec<_>) =
        names.partition(|name| selection.wants(backend_of(binary, name)));
    match (wanted.is_empty(), unwanted.is_empty()) {
        (true, _) => Plan::Nothing,
        (false, true) => Plan::Everything,
        (false, false) => Plan::Only { wanted, unwanted },
    }
}

/// A binary with a harness of its own does not end its output with `3 tests, 0 benchmarks`.
fn is_of_libtest(listing: &str) -> bool {
    listing.lines().next_back().is_some_and(|line| {
        line.split_once(", ").is_some_and(|(tests, benchmarks)| {
            tests.contains(" test") && benchmarks.contains(" benchmark")
        })
    })
}

fn replace_by(command: &mut Command) -> Result<(), Failure> {
    Err(Failure::new("could not run the tests", command.exec()))
}

#[cfg(test)]
mod tests {
    use super::super::backend::Backend;
    use super::*;

    const MEMORY: Selection = Selection::Only(Backend::Memory);
    const REDIS: Selection = Selection::Only(Backend::Redis);
    const CLUSTER: Selection = Selection::Only(Backend::Cluster);

    fn names(plan: Plan) -> String {
        match plan {
            Plan::Nothing => "nothing".to_owned(),
            Plan::Everything => "everything".to_owned(),
            Plan::Only { wanted, unwanted } => {
                format!("{} without {}", wanted.join(" "), unwanted.join(" "))
            }
        }
    }

    #[test]
    fn tests_are_split_by_the_naming_rule() {
        let check = |selection, binary: &str, tests: &[&str], expected: &str| {
            let mut listing: String = tests.iter().map(|test| format!("{test}: test\n")).collect();
            listing.push_str(&format!("\n{} tests, 0 benchmarks\n", tests.len()));
            assert_eq!(
                names(split(selection, binary, &listing)),
                expected,
                "{binary} {tests:?}"
            );
        };
        let mixed = ["a::parses_redis_urls", "redis::get", "memory::get"];
        let expected = "a::parses_redis_urls memory::get without redis::get";
        check(MEMORY, "conformance", &mixed, expected);
        let expected = "redis::get without a::parses_redis_urls memory::get";
        check(REDIS, "conformance", &mixed, expected);
        let topologies = ["redis::get", "redis::cluster::get", "cluster::get"];
        let expected = "redis::cluster::get cluster::get without redis::get";
        check(CLUSTER, "conformance", &topologies, expected);
        let expected = "redis::get without redis::cluster::get cluster::get";
        check(REDIS, "conformance", &topologies, expected);
        check(MEMORY, "conformance", &topologies, "nothing");
        check(MEMORY, "redis", &mixed, "nothing");
        check(REDIS, "redis", &mixed, "everything");
        check(REDIS, "other", &["a", "b"], "nothing");
        check(MEMORY, "other", &["a", "b"], "everything");
        check(MEMORY, "other", &[], "nothing");
    }

    #[test]
    fn a_binary_with_its_own_harness_goes_by_its_name() {
        let check = |selection, binary, expected: &str| {
            assert_eq!(
                names(split(selection, binary, "checked 3 schedules\n")),
                expected
            );
        };
        check(MEMORY, "model", "everything");
        check(REDIS, "model", "nothing");
        check(REDIS, "redis_model", "everything");
    }
}
