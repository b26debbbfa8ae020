//! What another size of L1 would bring, and whether that came true.

use std::fmt;

use larder::analytics::{SizeAdvice, SpaceCurve};

use super::numbers::bytes;
use crate::app::App;

/// Below this share of reads a larger L1 is not worth its memory.
const WORTH: f64 = 0.01;

/// What the miss-ratio curve of L1 says. Its `Display` is a table.
#[derive(Clone, Debug)]
pub struct Advice {
    curve: SpaceCurve,
    /// The share of reads that L1 answered, from 0 to 1.
    came: f64,
}

impl Advice {
    pub(super) fn of(app: &App) -> Self {
        let reports = app.analytics.reports();
        let (mut hits, mut reads) = (0, 0);
        for totals in reports.iter().map(|report| &report.totals) {
            hits += totals.l1_hits + totals.l1_absences;
            reads += totals.reads();
        }
        Self {
            curve: app.analytics.curve().whole,
            came: hits as f64 / reads.max(1) as f64,
        }
    }

    /// The size that is advised: the smallest that loses nothing, where there is a smaller one,
    /// else the next that pays. `None`: the present one, or too little is known.
    #[must_use]
    pub fn advised_bytes(&self) -> Option<u64> {
        let SizeAdvice::Known(sizing) = self.curve.advice() else {
            return None;
        };
        if sizing.is_shrinking_free() {
            return Some(sizing.spare.l1_bytes);
        }
        let gain = sizing.enough.hit_ratio - sizing.now.hit_ratio;
        (gain > WORTH).then_some(sizing.enough.l1_bytes)
    }

    /// What was foretold of the other's size, and what came.
    #[must_use]
    pub fn compared_with(&self, other: &Self) -> String {
        let size = other.curve.l1_bytes;
        let foretold = self.curve.at(size).unwrap_or_default();
        format!(
            "With an L1 of {} it was foretold that {:.1} % of reads hit L1; {:.1} % did",
            bytes(size),
            100.0 * foretold,
            100.0 * other.came,
        )
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = bytes(self.curve.l1_bytes);
        writeln!(
            f,
            "  {:<15} {:<10} {}",
            "L1 size",
            size,
            self.curve.advice()
        )?;
        let points = self
            .curve
            .points
            .iter()
            .map(|point| format!("{} {:.1} %", bytes(point.l1_bytes), 100.0 * point.hit_ratio));
        let curve = points.collect::<Vec<_>>().join(", ");
        if !curve.is_empty() {
            writeln!(f, "  {:<15} {:<10} {curve}", "", "curve")?;
        }
        let advised = self.advised_bytes().map_or_else(
            || "none: the present size suits, or too little is known".to_owned(),
            |advised| format!("an L1 of {}; --check-advice tries it", bytes(advised)),
        );
        write!(f, "  {:<15} {:<10} {advised}", "", "advised")
    }
}
