//! Each rule left out in turn: the checker must notice.

use std::process::ExitCode;

use larder_simulator::Rule;
use serde_json::json;

use crate::sweep::{self, Progress, Swept, Until};

/// The most seeds until a rule that is left out must show.
const MOST_SEEDS: u64 = 500;

pub(crate) fn run(from: u64, json: bool) -> ExitCode {
    let found: Vec<(Rule, Swept)> = Rule::ALL
        .into_iter()
        .map(|rule| (rule, without(rule, from)))
        .collect();
    if json {
        let rows: Vec<_> = found
            .iter()
            .map(|(rule, swept)| row(*rule, swept, from))
            .collect();
        println!("{}", json!(rows));
    } else {
        println!("{:<20} {:>12}  broken promise", "left out", "seeds needed");
        found
            .iter()
            .for_each(|(rule, swept)| print_row(*rule, swept, from));
    }
    if found.iter().all(|(_, swept)| swept.failed.is_some()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn without(rule: Rule, from: u64) -> Swept {
    let seeds = from..from.saturating_add(MOST_SEEDS);
    sweep::run(seeds, Some(rule), Until::Failure, Progress::Silent)
}

fn row(rule: Rule, swept: &Swept, from: u64) -> serde_json::Value {
    let failed = swept.failed.as_ref();
    json!({
        "rule": rule.name(),
        "seeds": failed.map(|failed| failed.seed - from + 1),
        "promise": failed.map(|failed| failed.violation.promise.to_string()),
        "what": failed.map(|failed| failed.violation.what.clone()),
    })
}

fn print_row(rule: Rule, swept: &Swept, from: u64) {
    match &swept.failed {
        Some(failed) => println!(
            "{rule:<20} {:>12}  {} (seed {}): {}",
            failed.seed - from + 1,
            failed.violation.promise,
            failed.seed,
            failed.violation.what,
        ),
        None => println!("{rule:<20} {MOST_SEEDS:>12}  none: the checker does not notice"),
    }
}
