//! The results: a table for people, JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::histogram::Histogram;
use super::options::Options;
use super::results::Results;
use super::tally::Outcomes;
use crate::monotonic::between;
use crate::report::{check_value, columns, in_millis};
use crate::verdict::{Verdict, millis};

/// The results for people, and below them what was missed.
pub(super) fn table(results: &Results, verdict: &Verdict, options: &Options) -> String {
    let mut text = traffic(results);
    text.push('\n');
    text.push_str(&distributions(results));
    text.push_str(&format!("\nFaults: {}.\n", faults(results)));
    if results.tally.excused > 0 {
        text.push_str(&format!(
            "Excused: {} reads of what a failover may have lost.\n",
            results.tally.excused
        ));
    }
    for check in verdict.missed() {
        text.push_str(&format!(
            "\nMISSED: {}: {}; wanted: {}\n",
            check.what, check.found, check.wanted
        ));
    }
    for breach in &results.told.breaches {
        text.push_str(&format!("  {}\n", breach.describe(results.began)));
    }
    let word = if verdict.is_passed() {
        "held"
    } else {
        "MISSED"
    };
    text.push_str(&format!(
        "\n{word}: {} processes, {}, {} s, bound {}. Seed {}.\n",
        options.processes,
        options.topology.name(),
        options.seconds,
        millis(results.max_staleness),
        options.seed
    ));
    text
}

/// The results for programs.
pub(super) fn json(results: &Results, verdict: &Verdict, options: &Options) -> String {
    let tally = &results.tally;
    let all = json!({
        "seed": options.seed,
        "processes": options.processes,
        "seconds": options.seconds,
        "topology": options.topology.name(),
        "max_staleness_ms": in_millis(results.max_staleness),
        "passed": verdict.is_passed(),
        "reads": tally.reads,
        "l1_hits": tally.l1_hits,
        "loads": tally.loads,
        "failed_reads": tally.failed_reads,
        "wrong_values": tally.wrong_values,
        "too_old": tally.breaches,
        "excused": tally.excused,
        "deletions": tally.deletions,
        "tag_invalidations": tally.tag_invalidations,
        "writes_through": tally.writes_through,
        "behind": distribution(&tally.behind),
        "seen_after": distribution(&tally.seen_after),
        "faults": results.faults,
        "first_too_old": results.told.breaches.iter().map(|breach| json!({
            "process": breach.member,
            "key": breach.key,
            "version": breach.version,
            "newer": breach.newer,
            "own": breach.is_own,
            "began_ms": in_millis(between(results.began, breach.begin)),
            "acknowledged_ms": breach
                .acknowledged
                .map(|at| in_millis(between(results.began, at))),
        })).collect::<Vec<_>>(),
        "checks": verdict.checks.iter().map(check_value).collect::<Vec<_>>(),
    });
    format!("{all:#}")
}

fn traffic(results: &Results) -> String {
    let tally = &results.tally;
    let outcomes = |outcomes: Outcomes| {
        let Outcomes {
            acknowledged,
            failed,
        } = outcomes;
        format!("{acknowledged} (and {failed} failed)")
    };
    let rows = [
        ("reads", tally.reads.to_string()),
        ("  from L1", share(tally.l1_hits, tally.reads)),
        ("  too old", tally.breaches.to_string()),
        ("loads", tally.loads.to_string()),
        ("deletions", outcomes(tally.deletions)),
        ("tag invalidations", outcomes(tally.tag_invalidations)),
        ("writes through", outcomes(tally.writes_through)),
    ];
    let rows = rows.map(|(what, found)| [what.to_owned(), found]);
    columns(&["what", "how many"], rows.into())
}

fn distributions(results: &Results) -> String {
    let row = |what: &str, histogram: &Histogram| {
        let shown = |time: Option<Duration>| time.map_or("-".to_owned(), millis);
        [
            what.to_owned(),
            histogram.count().to_string(),
            shown(histogram.quantile(0.5)),
            shown(histogram.quantile(0.99)),
            shown(histogram.longest()),
        ]
    };
    let rows = vec![
        row(
            "acknowledged until others see it",
            &results.tally.seen_after,
        ),
        row("old values, read so long after", &results.tally.behind),
    ];
    columns(&["staleness", "how many", "median", "p99", "longest"], rows)
}

fn faults(results: &Results) -> String {
    let faults = &results.faults;
    format!(
        "{} disconnects, {} black holes, {} times CLIENT KILL, {} killed processes, {} failovers",
        faults.disconnects,
        faults.black_holes,
        faults.client_kills,
        faults.process_kills,
        faults.failovers
    )
}

fn share(part: u64, of: u64) -> String {
    let percent = part as f64 * 100.0 / of.max(1) as f64;
    format!("{part} ({percent:.1} %)")
}

fn distribution(histogram: &Histogram) -> Value {
    json!({
        "count": histogram.count(),
        "median_ms": histogram.quantile(0.5).map(in_millis),
        "p99_ms": histogram.quantile(0.99).map(in_millis),
        "longest_ms": histogram.longest().map(in_millis),
    })
}

#[cfg(test)]
mod tests {
    use super::super::judge::Breach;
    use super::super::results::tests::{good, options};
    use super::*;

    #[test]
    fn breaches_are_listed_with_versions_and_times() {
        let mut results = good();
        results.tally.breaches = 2;
        results.told.breaches.push(Breach {
            member: 1,
            key: 5,
            version: 6,
            begin: 3_750_000_000,
            newer: 7,
            acknowledged: Some(3_000_000_000),
            is_own: false,
        });
        let verdict = results.verdict(&options());
        let text = table(&results, &verdict, &options());
        assert!(
            text.contains("process 1 read version 6 of key 5 at 3.750 s"),
            "{text}"
        );
        assert!(
            text.contains("acknowledged at 3.000 s, 750.0 ms before"),
            "{text}"
        );
        assert!(
            text.contains("MISSED: 2 processes, standalone, 30 s"),
            "{text}"
        );
        let parsed: Value = serde_json::from_str(&json(&results, &verdict, &options())).unwrap();
        assert_eq!(parsed["passed"], false);
        assert_eq!(parsed["first_too_old"][0]["newer"], 7);
        assert_eq!(parsed["faults"]["black_holes"], 4);
    }

    #[test]
    fn a_good_run_reads_so() {
        let results = good();
        let verdict = results.verdict(&options());
        let text = table(&results, &verdict, &options());
        assert!(text.contains("held: 2 processes"), "{text}");
        assert!(
            !text.contains("MISSED") && !text.contains("Excused"),
            "{text}"
        );
    }
}
