//! From what was counted to a curve.

use super::counts::{self, Misses, Row};
use super::report::{CurvePoint, CurveReport, SpaceCurve, SpaceTotals};
use super::simulation::Simulation;
use super::simulations::{CONFIGURED, Simulations};

/// By how much the variance exceeds that of misses which don't depend on each other: the misses
/// of one key come and go together. Found on the traces of `cargo xtask bench keyspace`.
const CLUSTERING: f64 = 4.0;

/// Beyond so many standard errors, what really happened differs for other reasons than sampling.
const CHANCE: f64 = 6.0;

/// The share of misses at one size.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    misses: f64,
    /// Of the logarithm of the misses. That of the smaller sizes is part of it.
    variance: f64,
}

pub(super) fn report(
    simulations: &Simulations,
    totals: &[SpaceTotals],
    skipped: u64,
) -> CurveReport {
    let counts = simulations.counts();
    let simulated = simulations.accesses();
    // What was skipped missed as often as the rest.
    let scale = 1.0 + skipped as f64 / simulated.max(1) as f64;
    let curve = |row: &Row, totals| curve(simulations, row, totals, scale);
    let spaces = totals.iter().filter_map(|totals| {
        let row = counts.get(totals.space)?;
        let is_known = counts::is_told_apart(totals.space) && totals.accesses > 0;
        is_known.then(|| (totals.space, curve(row, *totals)))
    });
    CurveReport {
        spaces: spaces.collect(),
        whole: curve(&all(simulations, totals), together(totals)),
        simulated,
        skipped,
        memory_bytes: simulations.memory(),
    }
}

fn curve(simulations: &Simulations, row: &Row, totals: SpaceTotals, scale: f64) -> SpaceCurve {
    let sizes = simulations.sizes();
    let mut estimates = chain(sizes, &row.misses, totals.accesses, scale);
    crowd(sizes, &mut estimates);
    if let Some(hits) = totals.l1_hits {
        let misses = totals.accesses.saturating_sub(hits) as f64;
        anchor(&mut estimates, misses / totals.accesses.max(1) as f64);
    }
    let points = sizes.iter().zip(&estimates).map(|(size, estimate)| {
        let misses = estimate.misses.clamp(0.0, 1.0);
        CurvePoint {
            l1_bytes: size.bytes(),
            hit_ratio: 1.0 - misses,
            standard_error: (misses * estimate.variance.sqrt()).min(1.0),
            rate: size.rate(),
        }
    });
    SpaceCurve {
        l1_bytes: simulations.l1_bytes(),
        accesses: totals.accesses,
        points: points.collect(),
    }
}

/// From the smallest size on, each has of the misses of the one before it what it has of them
/// among the keys that both follow.
fn chain(sizes: &[Simulation], misses: &[Misses], accesses: u64, scale: f64) -> Vec<Estimate> {
    let mut last = Estimate {
        misses: scale / accesses.max(1) as f64,
        variance: 0.0,
    };
    let mut estimates = Vec::with_capacity(sizes.len());
    for (at, (size, misses)) in sizes.iter().zip(misses).enumerate() {
        let here = misses.here as f64;
        if at == 0 {
            last.misses *= here;
            last.variance = (1.0 - size.rate()) * CLUSTERING / sampled(here, size);
        } else if misses.below > 0 {
            let below = misses.below as f64;
            let share = here / below;
            last.misses *= share;
            let likely = share.max(1.0 / sampled(below, size));
            last.variance += (1.0 - size.rate()) * CLUSTERING * (1.0 - likely).abs()
                / (likely * sampled(below, size));
        }
        estimates.push(last);
    }
    estimates
}

/// Moves the curve through what really happened at the configured size. Errors of sampling add up
/// from size to size, so that those of smaller ones are the part of it that they had by then.
fn anchor(estimates: &mut [Estimate], real: f64) {
    let Some(configured) = estimates.get(CONFIGURED).copied() else {
        return;
    };
    if configured.misses <= 0.0 || real <= 0.0 {
        return;
    }
    let error = (real / configured.misses).ln();
    let is_chance = error.abs() <= CHANCE * configured.variance.sqrt();
    for estimate in estimates {
        let part = (estimate.variance / configured.variance).min(1.0);
        if is_chance && part < 1.0 {
            estimate.misses *= (error * part).exp();
            estimate.variance *= 1.0 - part;
        } else {
            estimate.misses *= error.exp();
            estimate.variance = (estimate.variance - configured.variance).abs();
        }
    }
}

/// Adds the error of the number of keys that are sampled, of all namespaces: more of them in the
/// same room are as a smaller room, which costs the more the steeper the curve is.
fn crowd(sizes: &[Simulation], estimates: &mut [Estimate]) {
    let slopes: Vec<f64> = (0..estimates.len())
        .map(|at| slope(sizes, estimates, at))
        .collect();
    for ((size, estimate), slope) in sizes.iter().zip(estimates).zip(slopes) {
        let keys = (1.0 - size.rate()) * CLUSTERING / size.entries().max(1) as f64;
        if estimate.misses > 0.0 {
            estimate.variance += (slope / estimate.misses).powi(2) * keys;
        }
    }
}

/// By how much misses change there with the logarithm of the size.
fn slope(sizes: &[Simulation], estimates: &[Estimate], at: usize) -> f64 {
    let (from, to) = (at.saturating_sub(1), (at + 1).min(estimates.len() - 1));
    let bytes = |at: usize| (sizes[at].bytes() as f64).ln();
    (estimates[to].misses - estimates[from].misses) / (bytes(to) - bytes(from))
}

fn sampled(misses: f64, size: &Simulation) -> f64 {
    (misses * size.rate()).max(1.0)
}

/// The misses of the namespaces whose totals are given: others have no part in L1.
fn all(simulations: &Simulations, totals: &[SpaceTotals]) -> Row {
    let mut all = Row::new(simulations.sizes().len());
    let spaces = totals.iter().map(|totals| totals.space);
    for row in simulations.counts().of(spaces) {
        for (all, misses) in all.misses.iter_mut().zip(&row.misses) {
            all.here += misses.here;
            all.below += misses.below;
        }
    }
    all
}

fn together(totals: &[SpaceTotals]) -> SpaceTotals {
    let hits = totals.iter().map(|totals| totals.l1_hits);
    SpaceTotals {
        space: 0,
        accesses: totals.iter().map(|totals| totals.accesses).sum(),
        l1_hits: hits.sum(),
    }
}
