//! What is promised of the patterns.

use larder_benches::Verdict;

use crate::results::Results;
use crate::sets;

/// What share of write-through's writes a skewed load may leave to the database.
const COALESCED: f64 = 0.2;

/// What a lone `set` may take with the stream journal, in what a plain one takes. Many at once
/// keep the server busy, and cost what its scripts cost.
const SET: f64 = 1.6;

/// Every promise about what was run.
pub(crate) fn judge(results: &Results) -> Vec<Verdict> {
    let coalescing = results.coalescing.iter().map(|coalescing| {
        let promise = "rows written, of write-through's".to_owned();
        Verdict::new(promise, COALESCED, coalescing.share)
    });
    let lone = results.sets.iter().filter(|sets| sets.tasks == 1);
    let sets = lone.flat_map(|comparison| {
        let promised = comparison
            .rows
            .iter()
            .filter(|row| row.name == sets::STREAM);
        promised.map(|row| {
            let promise = format!("set, {}, tasks: {}", row.name, comparison.tasks);
            Verdict::new(promise, SET, row.cost.median)
        })
    });
    coalescing.chain(sets).collect()
}
