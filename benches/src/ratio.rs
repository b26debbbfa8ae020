//! Medians and ratios.

use serde::Serialize;

/// Over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    /// In the middle.
    pub median: f64,
    /// A quarter of the rounds is below.
    pub lower: f64,
    /// A quarter of the rounds is above.
    pub upper: f64,
}

impl Ratio {
    /// Of a ratio for each round.
    pub fn of(ratios: impl Iterator<Item = f64> + Clone) -> Self {
        Self {
            median: quantile(ratios.clone(), 0.5),
            lower: quantile(ratios.clone(), 0.25),
            upper: quantile(ratios, 0.75),
        }
    }
}

/// `1.20 [1.17, 1.24]`: the median and the middle half.
impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            median,
            lower,
            upper,
        } = self;
        write!(f, "{median:>5.2} [{lower:>5.2}, {upper:>5.2}]")
    }
}

/// Between two neighbours, in proportion.
pub fn quantile(values: impl Iterator<Item = f64>, quantile: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len() - 1) as f64 * quantile;
    let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
    below + (above - below) * at.fract()
}
