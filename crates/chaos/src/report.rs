//! The results: a table for people, JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::measure::Recovery;
use crate::options::Options;
use crate::runner::Finished;
use crate::scenario::{Facts, Scenario};
use crate::verdict::{Check, Verdict, millis};

const COLUMNS: [&str; 11] = [
    "no.",
    "fault",
    "topology",
    "lasted",
    "operations",
    "failed reads",
    "wrong",
    "longest call",
    "recovery",
    "criterion",
    "verdict",
];

/// The results for people, and below them what was missed.
pub(crate) fn table(results: &[Finished], options: &Options) -> String {
    let rows = results.iter().map(row).collect();
    let mut text = columns(&COLUMNS, rows);
    for finished in results.iter().filter(|finished| !finished.is_passed()) {
        text.push_str(&format!("\n{} was missed:\n", finished.facts.name));
        for line in reasons(finished) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    let passed = results
        .iter()
        .filter(|finished| finished.is_passed())
        .count();
    text.push_str(&format!(
        "\n{passed} of {} held. Calls and recoveries are net of the machine's own delays. \
         Seed {}.\n",
        results.len(),
        options.seed
    ));
    text
}

/// The results for programs.
pub(crate) fn json(results: &[Finished], options: &Options) -> String {
    let results: Vec<Value> = results.iter().map(value).collect();
    let all = json!({
        "seed": options.seed,
        "seconds": options.seconds,
        "passed": results.iter().all(|result| result["passed"] == true),
        "scenarios": results,
    });
    format!("{all:#}")
}

/// What there is to run.
pub(crate) fn list(scenarios: &[Box<dyn Scenario>]) -> String {
    let rows = scenarios.iter().map(|scenario| {
        let facts = scenario.facts();
        let lasts = match (facts.fault.least, facts.fault.full) {
            (least, full) if least == full => format!("{:.1} s", full.as_secs_f64()),
            (least, full) => format!("{:.1} to {:.0} s", least.as_secs_f64(), full.as_secs_f64()),
        };
        [
            number(&facts),
            facts.name.into(),
            facts.topology.name().into(),
            lasts,
            facts.criterion.into(),
        ]
    });
    columns(
        &["no.", "fault", "topology", "lasts", "criterion"],
        rows.collect(),
    )
}

fn row(finished: &Finished) -> [String; 11] {
    let facts = &finished.facts;
    let nothing = Verdict::default();
    let verdict = finished.verdict.as_ref().unwrap_or(&nothing);
    let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    [
        number(facts),
        facts.name.to_owned(),
        facts.topology.name().to_owned(),
        format!("{:.1} s", finished.fault.as_secs_f64()),
        verdict.operations.to_string(),
        count(verdict.failed_reads),
        count(verdict.wrong_values),
        verdict.longest_call.map_or("-".to_owned(), millis),
        recovery(verdict.recovery),
        facts.criterion.to_owned(),
        word(finished).to_owned(),
    ]
}

fn word(finished: &Finished) -> &'static str {
    match (finished.is_passed(), finished.is_repeated) {
        (true, false) => "held",
        (true, true) => "held, at the second try",
        (false, _) => "MISSED",
    }
}

fn recovery(recovery: Option<Recovery>) -> String {
    match recovery {
        None => "-".to_owned(),
        Some(Recovery::Never) => "never".to_owned(),
        Some(Recovery::After(time)) => millis(time),
    }
}

fn reasons(finished: &Finished) -> Vec<String> {
    match &finished.verdict {
        Err(failure) => vec![format!("it could not be run to its end: {failure}")],
        Ok(verdict) if verdict.checks.is_empty() => vec!["it checked nothing".to_owned()],
        Ok(verdict) => {
            let lag = format!(
                "the machine's longest delay was {}",
                millis(verdict.worst_lag)
            );
            let missed = verdict.missed();
            let missed = missed
                .map(|check| format!("{}: {}; wanted: {}", check.what, check.found, check.wanted));
            missed.chain([lag]).collect()
        }
    }
}

fn value(finished: &Finished) -> Value {
    let facts = &finished.facts;
    let common = json!({
        "number": facts.number,
        "fault": facts.name,
        "topology": facts.topology.name(),
        "criterion": facts.criterion,
        "fault_ms": in_millis(finished.fault),
        "took_ms": in_millis(finished.took),
        "passed": finished.is_passed(),
        "repeated": finished.is_repeated,
    });
    let rest = match &finished.verdict {
        Err(failure) => json!({ "failure": failure }),
        Ok(verdict) => json!({
            "operations": verdict.operations,
            "failed_reads": verdict.failed_reads,
            "wrong_values": verdict.wrong_values,
            "longest_call_ms": verdict.longest_call.map(in_millis),
            "worst_lag_ms": in_millis(verdict.worst_lag),
            "recovery_ms": match verdict.recovery {
                Some(Recovery::After(time)) => json!(in_millis(time)),
                _ => Value::Null,
            },
            "reconnects": verdict.reconnects,
            "checks": verdict.checks.iter().map(check_value).collect::<Vec<_>>(),
        }),
    };
    merged(common, rest)
}

pub(crate) fn check_value(check: &Check) -> Value {
    json!({
        "what": check.what,
        "found": check.found,
        "wanted": check.wanted,
        "held": check.is_held,
    })
}

fn merged(mut left: Value, right: Value) -> Value {
    if let (Value::Object(all), Value::Object(more)) = (&mut left, right) {
        all.extend(more);
    }
    left
}

pub(crate) fn in_millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

fn number(facts: &Facts) -> String {
    facts
        .number
        .map_or("-".to_owned(), |number| number.to_string())
}

/// Lines whose columns begin at the same place.
pub(crate) fn columns<const N: usize>(header: &[&str; N], rows: Vec<[String; N]>) -> String {
    let mut lines = vec![header.map(str::to_owned)];
    lines.extend(rows);
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: &[String; N]| {
        let cells = cells.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            seconds: 1,
            seed: 42,
            only: Vec::new(),
            json: false,
        }
    }

    fn finished(verdict: Result<Verdict, String>) -> Finished {
        Finished {
            facts: Facts::standalone(7, "packet-drop", "recovery <= 1 s"),
            verdict,
            fault: Duration::from_secs(2),
            took: Duration::from_secs(3),
            is_repeated: false,
        }
    }

    #[test]
    fn a_missed_criterion_is_named_with_what_was_found() {
        let check = Check::recovery(Recovery::Never, Duration::from_secs(1));
        let mut verdict = Verdict::default().with(check);
        verdict.recovery = Some(Recovery::Never);
        let results = [finished(Ok(verdict)), finished(Err("no server".to_owned()))];
        let text = table(&results, &options());
        assert!(
            text.contains("recovery: never; wanted: at most 1000 ms"),
            "{text}"
        );
        assert!(
            text.contains("could not be run to its end: no server"),
            "{text}"
        );
        assert!(text.contains("0 of 2 held"), "{text}");
        let parsed: Value = serde_json::from_str(&json(&results, &options())).unwrap();
        assert_eq!(parsed["passed"], false);
        assert_eq!(parsed["scenarios"][0]["checks"][0]["held"], false);
        assert_eq!(parsed["scenarios"][1]["failure"], "no server");
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![
            ["1".to_owned(), "x".to_owned()],
            ["22".to_owned(), String::new()],
        ];
        assert_eq!(columns(&["no.", "y"], rows), "no.  y\n1    x\n22\n");
    }
}
