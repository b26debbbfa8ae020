//! Results for people and for programs.

use std::fmt::Write as _;

use larder_simulator::{Fault, Line, Outcome};
use serde_json::{Value, json};

use crate::sweep::{Failed, Swept};

/// What is counted, with its name.
fn figures(swept: &Swept) -> Vec<(&'static str, u64)> {
    let Outcome {
        operations,
        checks,
        loads,
        fills_accepted,
        fills_refused,
        ..
    } = &swept.total;
    vec![
        ("seeds", swept.seeds),
        ("operations", *operations),
        ("reads checked", checks.reads),
        ("stale reads, called so", checks.stale),
        ("changes", checks.changes),
        ("loads", *loads),
        ("fills accepted", *fills_accepted),
        ("fills refused", *fills_refused),
        ("exempt: lost in a failover", checks.exempt_lost),
        ("exempt: overwritten by a set", checks.exempt_overwritten),
        ("seeds that broke a promise", swept.failures),
    ]
}

/// A table of what was done.
pub(crate) fn table(swept: &Swept) -> String {
    let mut out = String::new();
    for (name, figure) in figures(swept) {
        let _ = writeln!(out, "{name:<30} {figure:>12}");
    }
    for fault in Fault::ALL {
        let count = swept.total.faults[fault as usize];
        let _ = writeln!(out, "{:<30} {count:>12}", fault.name());
    }
    let seconds = swept.elapsed.as_secs_f64();
    let each = 1000.0 * seconds / swept.seeds.max(1) as f64;
    let _ = writeln!(out, "{:<30} {seconds:>11.1}s, {each:.2} ms a seed", "time");
    out
}

/// The same for programs.
pub(crate) fn json(swept: &Swept) -> Value {
    let figures = figures(swept).into_iter();
    let figures: serde_json::Map<String, Value> = figures
        .map(|(name, figure)| (name.to_owned(), figure.into()))
        .collect();
    let faults = Fault::ALL.map(|fault| (fault.name(), swept.total.faults[fault as usize]));
    let faults: serde_json::Map<String, Value> = faults
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect();
    let failed = swept.failed.as_ref().map(|Failed { seed, violation }| {
        json!({
            "seed": seed,
            "promise": violation.promise.to_string(),
            "what": violation.what,
        })
    });
    json!({
        "figures": figures,
        "faults": faults,
        "seconds": swept.elapsed.as_secs_f64(),
        "failed": failed,
    })
}

/// The story of a seed that broke a promise: what happened to that key, and to all.
pub(crate) fn failure(outcome: &Outcome, seed: u64) -> String {
    let mut out = String::new();
    let Some(violation) = outcome.violations.first() else {
        return format!("seed {seed} breaks no promise when it is run again\n");
    };
    let _ = writeln!(out, "\nseed {seed}: {violation}\n");
    for line in story(&outcome.trace, &violation.key, violation.millis) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(
        out,
        "\nEverything that happened: cargo xtask simulate --seed {seed} --trace"
    );
    out
}

fn story<'a>(trace: &'a [Line], key: &str, until: u64) -> impl Iterator<Item = &'a Line> {
    let (_, short) = key.split_once(':').unwrap_or(("", ""));
    let short = short.to_owned();
    let row_and_others = move |line: &&Line| {
        let about_all = ["fault", "plan", "CHECKER", "db"].contains(&line.who.as_str())
            || ["~e:", "connected", "invalidate", "clear", "many"]
                .iter()
                .any(|word| line.what.contains(word));
        short.is_empty() || about_all || line.what.contains(&short)
    };
    let told = trace.iter().take_while(move |line| line.millis <= until);
    told.filter(row_and_others)
}
