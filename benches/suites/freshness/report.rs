//! Results as text and as a file.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::goals::Verdict;
use crate::results::{Comparison, Fills, Invalidation, Ratio, Results};

/// Writes everything into the target folder.
pub(crate) fn write(results: &Results) -> Result<PathBuf, Failure> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("freshness.json");
    fs::write(&file, serde_json::to_string_pretty(results)?)?;
    Ok(file)
}

/// A table for each part, and the promises.
pub(crate) fn text(results: &Results) -> String {
    let mut text = String::new();
    if !results.invalidations.is_empty() {
        line(&mut text, INVALIDATIONS);
    }
    for invalidation in &results.invalidations {
        line(&mut text, &invalidated(invalidation));
    }
    for comparison in &results.reads {
        compared(&mut text, comparison);
    }
    if !results.fills.is_empty() {
        line(&mut text, FILLS);
    }
    for fills in &results.fills {
        line(&mut text, &filled(fills));
    }
    line(
        &mut text,
        "\nPromised; [the middle half of the rounds] above",
    );
    for verdict in &results.goals {
        line(&mut text, &judged(verdict));
    }
    text
}

const INVALIDATIONS: &str = "\ninvalidate_tags   entries  stored in   first us   \
                             p50 us of one  of many  ratio";

const FILLS: &str = "\nloads of cold keys, each then read, L1 coherent; per key\n  \
                     backend   tasks    keys  reads   loads  backend gets  other calls  L1 hits";

fn invalidated(invalidation: &Invalidation) -> String {
    let Invalidation {
        store,
        entries,
        stored_in_seconds,
        first_us,
        one_p50_us,
        many_p50_us,
        ratio,
    } = invalidation;
    let ratio = bracketed(*ratio);
    format!(
        "  {store:<12} {entries:>10} {stored_in_seconds:>8.1} s {first_us:>10.1}  \
         {one_p50_us:>14.1}  {many_p50_us:>7.1}  {ratio}"
    )
}

fn compared(text: &mut String, comparison: &Comparison) {
    let Comparison {
        title,
        store,
        tasks,
        rows,
    } = comparison;
    let heading = format!("{title}, {store}, tasks: {tasks}");
    line(text, &format!("\n{heading:<40} ops/s  cost"));
    for row in rows {
        let (name, rate, cost) = (row.name, row.ops_per_second, bracketed(row.cost));
        line(text, &format!("  {name:<30} {rate:>12.0}  {cost}"));
    }
}

fn filled(fills: &Fills) -> String {
    let Fills {
        store,
        tasks,
        keys,
        reads,
        loads,
        gets,
        other_calls,
        l1_hits,
    } = fills;
    format!(
        "  {store:<8} {tasks:>6} {keys:>7} {reads:>6} {loads:>7.2} {gets:>13.3} \
         {other_calls:>12.3} {l1_hits:>8.2}"
    )
}

fn judged(verdict: &Verdict) -> String {
    let Verdict {
        promise,
        at_most,
        found,
        is_met,
    } = verdict;
    let came = if *is_met { "met" } else { "MISSED" };
    format!("  {promise:<46} at most {at_most:.2}  {found:>5.2}  {came}")
}

fn bracketed(ratio: Ratio) -> String {
    let Ratio {
        median,
        lower,
        upper,
    } = ratio;
    format!("{median:>5.2} [{lower:>5.2}, {upper:>5.2}]")
}

fn line(text: &mut String, line: &str) {
    // Into a string, which can't fail.
    let _ = writeln!(text, "{line}");
}
