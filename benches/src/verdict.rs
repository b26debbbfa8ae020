//! Promises, and what came of them.

use std::fmt;

use serde::Serialize;

/// A promise of a figure that is at most so much, and what came of it.
#[derive(Debug, Serialize)]
pub struct Verdict {
    promise: String,
    at_most: f64,
    found: f64,
    is_met: bool,
}

impl Verdict {
    /// What was promised, and what was found.
    pub fn new(promise: String, at_most: f64, found: f64) -> Self {
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
