//! Results as text and as a file.

use std::fmt::Write;

use crate::Failure;
use crate::goals::{Bound, Figure, Verdict};
use crate::options::Options;
use crate::profile::Profiles;
use crate::results::{Ratio, Results, Row};
use crate::slice::Subject;

/// What is about to be run, and for how long.
pub(crate) fn heading(
    options: &Options,
    subjects: &[Box<dyn Subject>],
    profiles: &Profiles,
) -> Result<String, Failure> {
    let slices: usize = options
        .workloads
        .iter()
        .map(|workload| {
            subjects
                .iter()
                .filter(|subject| subject.can(*workload))
                .count()
        })
        .sum();
    let seconds = options.slice.as_secs_f64() * (slices * options.rounds) as f64;
    let bytes = rmp_serde::to_vec_named(&**profiles.value(0))?.len();
    let (rounds, slice) = (options.rounds, options.slice.as_millis());
    Ok(format!(
        "hot-path: {rounds} rounds of {slices} slices of {slice} ms ({seconds:.0} s), \
         values of {bytes} bytes"
    ))
}

/// A table for each workload, and the promises.
pub(crate) fn text(results: &Results) -> String {
    let mut text = String::new();
    let mut workload = None;
    for row in &results.rows {
        if workload.replace(row.workload) != Some(row.workload) {
            let name = row.workload.to_string();
            line(&mut text, &format!("\n{name:<17}{HEADINGS}"));
        }
        line(&mut text, &measured(row));
    }
    line(
        &mut text,
        "\nPromised to bare redis-rs; [the middle half of the rounds]",
    );
    for verdict in &results.goals {
        line(&mut text, &judged(verdict));
    }
    text
}

const HEADINGS: &str = "   ops/s  ratio                 p50 us   p99 us  ratio                \
                        CPU us  ratio";

fn measured(row: &Row) -> String {
    let Row {
        adapter,
        ops_per_second,
        p50_us,
        p99_us,
        cpu_us_per_op,
        ..
    } = row;
    let (ops, p99, cpu) = (
        ratio(row.ops_ratio),
        ratio(row.p99_ratio),
        ratio(row.cpu_ratio),
    );
    let failed = match row.failures {
        0 => String::new(),
        failures => format!("  {failures} FAILED"),
    };
    format!(
        "  {adapter:<12} {ops_per_second:>10.0}  {ops}  {p50_us:>7.0}  {p99_us:>7.0}  {p99}  \
         {cpu_us_per_op:>7.1}  {cpu}{failed}"
    )
}

fn ratio(ratio: Ratio) -> String {
    let Ratio {
        median,
        lower,
        upper,
    } = ratio;
    format!("{median:>5.2} [{lower:>5.2}, {upper:>5.2}]")
}

fn judged(verdict: &Verdict) -> String {
    let name = verdict.workload.to_string();
    let figure = match verdict.figure {
        Figure::OpsPerSecond => "operations per second",
        Figure::ClientCpu => "client CPU per operation",
        Figure::P99 => "p99",
    };
    let bound = match verdict.promised {
        Bound::AtLeast(least) => format!("at least {least:.2}"),
        Bound::AtMost(most) => format!("at most  {most:.2}"),
    };
    let came = if verdict.is_met { "met" } else { "MISSED" };
    let ratio = verdict.ratio;
    format!("  {name:<17} {figure:<25} {bound}  {ratio:>5.2}  {came}")
}

fn line(text: &mut String, line: &str) {
    // Into a string, which can't fail.
    let _ = writeln!(text, "{line}");
}
