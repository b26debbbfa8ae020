//! Results as text and as a file.

use std::fmt::Write;

use crate::results::{Fills, Invalidation, Results};

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
        line(&mut text, "");
        text.push_str(&comparison.to_string());
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
        line(&mut text, &verdict.to_string());
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
    format!(
        "  {store:<12} {entries:>10} {stored_in_seconds:>8.1} s {first_us:>10.1}  \
         {one_p50_us:>14.1}  {many_p50_us:>7.1}  {ratio}"
    )
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

fn line(text: &mut String, line: &str) {
    // Into a string, which can't fail.
    let _ = writeln!(text, "{line}");
}
