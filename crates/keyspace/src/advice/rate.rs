//! How often values change.

use serde::{Deserialize, Serialize};

use super::histogram::ChangeHistogram;

/// Of the logarithm of the likelihood, for 95 % on both sides: half of chi-square's quantile.
const BOTH_SIDES: f64 = 1.920_729;

/// The same for 95 % on one side: `-ln 0.05`, the rule of three.
const ONE_SIDE: f64 = 2.995_732;

/// So many halvings find a root to the precision of a number.
const HALVINGS: usize = 200;

/// Changes a second, between one in 30,000 years and one a nanosecond.
const RANGE: (f64, f64) = (1e-12, 1e9);

/// How often a value changes, in changes a second, with a confidence of 95 %.
///
/// Keys are taken as alike: of values that differ in how often they change, this is a rate between
/// theirs, nearest to that of the values which are reloaded most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ChangeRate {
    /// No reload brought another value: it is at most this, and may be nothing.
    AtMost(f64),
    /// About this.
    About {
        /// The most likely.
        per_second: f64,
        /// It is at least this,
        lower: f64,
        /// and at most this.
        upper: f64,
    },
    /// Every reload brought another value: it is at least this, and may be anything above.
    AtLeast(f64),
}

impl ChangeRate {
    /// The rate that explains best what was seen. `None`: no reload was seen.
    ///
    /// # Cost
    /// Some 10 µs.
    #[must_use]
    pub fn of(changes: &ChangeHistogram) -> Option<Self> {
        let changed: u64 = changes.bins().map(|bin| u64::from(bin.changed())).sum();
        let unchanged: u64 = changes.bins().map(|bin| u64::from(bin.unchanged())).sum();
        let likelihood = |rate| log_likelihood(changes, rate);
        match (changed, unchanged) {
            (0, 0) => None,
            (0, _) => Some(Self::AtMost(root(RANGE, |rate| {
                likelihood(rate) > -ONE_SIDE
            }))),
            (_, 0) => Some(Self::AtLeast(root(RANGE, |rate| {
                likelihood(rate) < -ONE_SIDE
            }))),
            _ => {
                let per_second = root(RANGE, |rate| slope(changes, rate) > 0.0);
                let least = likelihood(per_second) - BOTH_SIDES;
                let below = (RANGE.0, per_second);
                let above = (per_second, RANGE.1);
                Some(Self::About {
                    per_second,
                    lower: root(below, |rate| likelihood(rate) < least),
                    upper: root(above, |rate| likelihood(rate) > least),
                })
            }
        }
    }

    /// The most likely rate, or the bound there is.
    #[must_use]
    pub const fn per_second(self) -> f64 {
        match self {
            Self::AtMost(rate) | Self::AtLeast(rate) => rate,
            Self::About { per_second, .. } => per_second,
        }
    }
}

fn log_likelihood(changes: &ChangeHistogram, rate: f64) -> f64 {
    let of_bin = |bin: super::histogram::Bin| {
        let expected = rate * bin.seconds();
        let changed = match bin.changed() {
            0 => 0.0,
            some => f64::from(some) * (-(-expected).exp_m1()).ln(),
        };
        changed - f64::from(bin.unchanged()) * expected
    };
    changes.bins().map(of_bin).sum()
}

/// The derivative of that by the rate: falls all the way.
fn slope(changes: &ChangeHistogram, rate: f64) -> f64 {
    let of_bin = |bin: super::histogram::Bin| {
        let seconds = bin.seconds();
        let changed = f64::from(bin.changed()) * seconds / (rate * seconds).exp_m1();
        changed - f64::from(bin.unchanged()) * seconds
    };
    changes.bins().map(of_bin).sum()
}

/// Where a condition ends that holds at the lower end, halving the logarithm.
pub(super) fn root((mut lower, mut upper): (f64, f64), holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = (lower * upper).sqrt();
        if holds(middle) {
            lower = middle;
        } else {
            upper = middle;
        }
    }
    (lower * upper).sqrt()
}
