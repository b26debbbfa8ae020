//! What to do with the size of L1.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::{CurvePoint, SpaceCurve};

/// Below so many reads nothing is said.
const FEWEST_ACCESSES: u64 = 1_000;

/// The most that a figure may be off for want of samples, as a standard error.
const MOST_ERROR: f64 = 0.02;

/// What is lost below this is not noticed.
const FREE: f64 = 0.001;

/// What is lost below this is little.
const LITTLE: f64 = 0.01;

/// What to do with the size of L1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SizeAdvice {
    /// L1 is off, so that nothing is known.
    Off,
    /// There were too few accesses to say.
    TooFew {
        /// All reads there were.
        accesses: u64,
        /// How far off the figures may be, as a standard error of the hit ratio.
        standard_error: f64,
    },
    /// What other sizes would do.
    Known(Sizing),
}

/// What other sizes of L1 would do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sizing {
    /// As configured.
    pub now: CurvePoint,
    /// Twice as much.
    pub doubled: CurvePoint,
    /// Half as much.
    pub halved: CurvePoint,
    /// The smallest that hits as much as the configured one, to a tenth of a point.
    pub spare: CurvePoint,
    /// The smallest within a point of the largest that was simulated.
    pub enough: CurvePoint,
}

impl SizeAdvice {
    pub(super) fn of(curve: &SpaceCurve) -> Self {
        let Some(sizing) = Sizing::of(curve) else {
            return Self::Off;
        };
        let points = [sizing.halved, sizing.now, sizing.doubled];
        let errors = points.iter().map(|point| point.standard_error);
        let standard_error = errors.fold(0.0, f64::max);
        let accesses = curve.accesses;
        if accesses < FEWEST_ACCESSES || standard_error > MOST_ERROR {
            return Self::TooFew {
                accesses,
                standard_error,
            };
        }
        Self::Known(sizing)
    }
}

impl Sizing {
    fn of(curve: &SpaceCurve) -> Option<Self> {
        let bytes = curve.points.get(super::simulations::CONFIGURED)?.l1_bytes;
        let now = curve.point(bytes)?;
        let smallest = |least: f64| curve.points.iter().find(|p| p.hit_ratio >= least).copied();
        let best = curve.points.iter().map(|point| point.hit_ratio);
        Some(Self {
            now,
            doubled: curve.point(bytes.checked_mul(2)?)?,
            halved: curve.point(bytes / 2)?,
            spare: smallest(now.hit_ratio - FREE)?,
            enough: smallest(best.fold(0.0, f64::max) - LITTLE)?,
        })
    }

    /// Whether a smaller L1 would hit as much.
    #[must_use]
    pub fn is_shrinking_free(&self) -> bool {
        self.spare.l1_bytes < self.now.l1_bytes
    }
}

impl fmt::Display for SizeAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("L1 is off: nothing is known of other sizes"),
            Self::TooFew {
                accesses,
                standard_error,
            } => {
                let points = standard_error * 100.0;
                write!(
                    f,
                    "too few accesses to say: {accesses} so far, good for {points:.1} points"
                )
            }
            Self::Known(sizing) => sizing.fmt(f),
        }
    }
}

impl fmt::Display for Sizing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, doubled) = (percent(self.now), percent(self.doubled));
        let bytes = Bytes(self.doubled.l1_bytes);
        write!(
            f,
            "with 2x the L1 ({bytes}) you would hit {doubled:.1} % instead of {now:.1} %"
        )?;
        let lost = (now - percent(self.halved)).max(0.0);
        let bytes = Bytes(self.halved.l1_bytes);
        write!(f, "; with half ({bytes}) {lost:.1} points less")?;
        let enough = Bytes(self.enough.l1_bytes);
        write!(f, "; {enough} come within 1 point of the best")?;
        if self.is_shrinking_free() {
            let spare = Bytes(self.spare.l1_bytes);
            write!(f, "; {spare} would hit as much as now")?;
        }
        Ok(())
    }
}

fn percent(point: CurvePoint) -> f64 {
    point.hit_ratio * 100.0
}

/// `128 MiB`, `1.5 MiB`, `96 KiB`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
        let mut bytes = self.0 as f64;
        let mut unit = 0;
        while bytes >= 1024.0 && unit + 1 < UNITS.len() {
            bytes /= 1024.0;
            unit += 1;
        }
        let digits = usize::from(bytes < 10.0 && bytes.fract() > 0.0);
        write!(f, "{bytes:.digits$} {}", UNITS[unit])
    }
}
