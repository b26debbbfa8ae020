//! What is promised of the patterns.

use std::fmt;

use serde::Serialize;

use crate::results::Results;
use crate::sets;

/// What share of write-through's writes a skewed load may leave to the database.
const COALESCED: f64 = 0.2;

/// What a `set` may take with the stream journal, in what a plain one takes.
const SET: f64 = 1.6;

/// A promise, and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    promise: String,
    at_most: f64,
    found: f64,
    is_met: bool,
}

/// Every promise about what was run.
pub(crate) fn judge(results: &Results) -> Vec<Verdict> {
    let coalescing = results.coalescing.iter().map(|coalescing| {
        let promise = "rows written, of write-through's".to_owned();
        Verdict::new(promise, COALESCED, coalescing.share)
    });
    let sets = results.sets.iter().flat_map(|comparison| {
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

impl Verdict {
    fn new(promise: String, at_most: f64, found: f64) -> Self {
        Self {
            promise,
            at_most,
            found,
            is_met: found <= at_most,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            promise,
            at_most,
            found,
            is_met,
        } = self;
        let came = if *is_met { "met" } else { "MISSED" };
        write!(
            f,
            "  {promise:<46} at most {at_most:.2}  {found:>5.2}  {came}"
        )
    }
}
