//! What the curve says.

use serde::{Deserialize, Serialize};

use super::sizing::SizeAdvice;

/// What a namespace counted since the curve was made, or [restarted](super::Curve::restart).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceTotals {
    /// Which namespace.
    pub space: u32,
    /// All reads.
    pub accesses: u64,
    /// Those that L1 answered.
    pub l1_hits: Option<u64>,
}

impl SpaceTotals {
    /// So many reads.
    #[must_use]
    pub const fn new(space: u32, accesses: u64) -> Self {
        Self {
            space,
            accesses,
            l1_hits: None,
        }
    }

    /// How many of them L1 answered: the curve then goes through what really happened at the
    /// configured size. Default: not known, and the curve is all of the simulation's.
    #[must_use]
    pub const fn l1_hits(mut self, hits: u64) -> Self {
        self.l1_hits = Some(hits);
        self
    }
}

/// What L1 would hit at other sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurveReport {
    /// All namespaces together.
    pub whole: SpaceCurve,
    /// Each namespace whose totals were given, as far as it is told apart: the first 255 are.
    pub spaces: Vec<(u32, SpaceCurve)>,
    /// How many accesses were simulated.
    pub simulated: u64,
    /// How many more would have been, had not another thread been at it.
    pub skipped: u64,
    /// The bytes that the curve takes by now.
    pub memory_bytes: usize,
}

/// What a namespace, or all of them, would hit by the size of the L1 that all of them share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SpaceCurve {
    /// The bytes of L1 as configured.
    pub l1_bytes: u64,
    /// All reads.
    pub accesses: u64,
    /// By size, the smallest first; empty where L1 is off.
    pub points: Vec<CurvePoint>,
}

/// The hits at one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurvePoint {
    /// The size of L1.
    pub l1_bytes: u64,
    /// The share of all reads that L1 would answer, from 0 to 1.
    pub hit_ratio: f64,
    /// How far off this may be for want of samples; two times in three it is less.
    pub standard_error: f64,
    /// The share of keys that is followed at this size.
    pub rate: f64,
}

impl SpaceCurve {
    /// The hit ratio at a size, between those that were simulated by the logarithm of the size.
    /// `None`: it is beyond them.
    #[must_use]
    pub fn at(&self, l1_bytes: u64) -> Option<f64> {
        self.point(l1_bytes).map(|point| point.hit_ratio)
    }

    /// What to do with the size of L1.
    #[must_use]
    pub fn advice(&self) -> SizeAdvice {
        SizeAdvice::of(self)
    }

    pub(super) fn point(&self, l1_bytes: u64) -> Option<CurvePoint> {
        let above = self.points.iter().position(|p| p.l1_bytes >= l1_bytes)?;
        let upper = self.points[above];
        if upper.l1_bytes == l1_bytes {
            return Some(upper);
        }
        let lower = self.points[above.checked_sub(1)?];
        let ratio = |to: u64| (to as f64 / lower.l1_bytes as f64).ln();
        let share = ratio(l1_bytes) / ratio(upper.l1_bytes);
        let between = |from: f64, to: f64| from + (to - from) * share;
        Some(CurvePoint {
            l1_bytes,
            hit_ratio: between(lower.hit_ratio, upper.hit_ratio),
            standard_error: lower.standard_error.max(upper.standard_error),
            rate: upper.rate,
        })
    }
}
