//! Which candidate is chosen, of what was measured: no clock, no values.

use crate::candidate::{CANDIDATES, COUNT, PLAIN_AT};
use crate::options::OptimizerOptions;
use crate::selector::{Estimate, Mode};

/// What was measured of each candidate; `None`: nothing.
pub(crate) type Estimates = [Option<Estimate>; COUNT];

/// By so much another candidate must be better to take the place of the present one, so that
/// noise does not make the choice waver.
const MARGIN: f64 = 0.03;

/// The candidate of the least cost.
pub(crate) fn decide(
    estimates: &Estimates,
    present: Option<usize>,
    mode: Mode,
    options: &OptimizerOptions,
) -> usize {
    let cost = |place: usize| {
        let estimate = estimates[place].filter(|_| is_eligible(place, estimates, mode, options));
        estimate.map(|estimate| cost_ns(&estimate, options))
    };
    let costs = (0..COUNT).filter_map(|place| Some((place, cost(place)?)));
    let Some((best, least)) = costs.min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
        return PLAIN_AT;
    };
    match present.and_then(|place| Some((place, cost(place)?))) {
        Some((present, cost)) if least > cost * (1.0 - MARGIN) => present,
        _ => best,
    }
}

/// What a typical value costs under the objective.
pub(crate) fn cost_ns(estimate: &Estimate, options: &OptimizerOptions) -> f64 {
    let per_byte = options.objective.cost_ns(
        estimate.compress_ns,
        estimate.decompress_ns,
        estimate.stored,
    );
    per_byte * estimate.plain_bytes
}

/// Whether compressing a typical value takes no longer than it may.
pub(crate) fn is_fast_enough(estimate: &Estimate, options: &OptimizerOptions) -> bool {
    let nanos = estimate.compress_ns * estimate.plain_bytes;
    nanos <= options.performance_target.as_nanos() as f64
}

fn is_eligible(
    place: usize,
    estimates: &Estimates,
    mode: Mode,
    options: &OptimizerOptions,
) -> bool {
    let candidate = CANDIDATES[place];
    let fast_enough = estimates[place].is_some_and(|e| is_fast_enough(&e, options));
    let with_dictionary = !candidate.needs_dictionary() || mode == Mode::Trained;
    candidate.is_worth_trying(options.objective) && with_dictionary && fast_enough
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::objective::Objective;

    fn estimate(ratio: f64, compress_mb_s: f64, decompress_mb_s: f64, bytes: f64) -> Estimate {
        Estimate {
            stored: 1.0 / ratio,
            compress_ns: 1000.0 / compress_mb_s,
            decompress_ns: 1000.0 / decompress_mb_s,
            plain_bytes: bytes,
            samples: 9,
        }
    }

    /// Measured on MessagePack of 1 KiB: plain, lz4, zstd 1 and 3, zstd 1 and 3 with a
    /// dictionary.
    fn message_pack() -> Estimates {
        let mut estimates = [None; COUNT];
        estimates[0] = Some(Estimate::plain(1024.0, 9));
        for (place, ratio, compress, decompress) in [
            (1, 1.55, 544.0, 3428.0),
            (2, 1.87, 144.0, 388.0),
            (3, 1.88, 128.0, 382.0),
            (4, 2.61, 288.0, 644.0),
            (5, 2.99, 258.0, 942.0),
        ] {
            estimates[place] = Some(estimate(ratio, compress, decompress, 1024.0));
        }
        estimates
    }

    fn check(objective: Objective, mode: Mode, expected: &str) {
        let options = OptimizerOptions::new().objective(objective);
        let place = decide(&message_pack(), None, mode, &options);
        assert_eq!(CANDIDATES[place].to_string(), expected, "{objective:?}");
    }

    #[test]
    fn the_objective_decides() {
        check(Objective::Fastest, Mode::Auto, "plain");
        check(Objective::Balanced, Mode::Auto, "lz4");
        check(Objective::Balanced, Mode::Trained, "zstd:3 with dictionary");
        check(Objective::Smallest, Mode::Auto, "zstd:3");
    }

    #[test]
    fn the_present_choice_stays_while_it_is_about_as_good() {
        let mut estimates = [None; COUNT];
        estimates[1] = Some(estimate(2.0, 500.0, 3000.0, 4096.0));
        let check = |ratio: f64, present, expected: usize, estimates: &mut Estimates| {
            estimates[2] = Some(estimate(ratio, 500.0, 3000.0, 4096.0));
            let options = OptimizerOptions::new();
            let found = decide(estimates, present, Mode::Auto, &options);
            assert_eq!(found, expected, "{ratio}");
        };
        check(2.02, Some(1), 1, &mut estimates);
        check(2.02, Some(2), 2, &mut estimates);
        check(2.02, None, 2, &mut estimates);
        check(2.20, Some(1), 2, &mut estimates);
        check(1.98, Some(2), 2, &mut estimates);
        check(1.80, Some(2), 1, &mut estimates);
    }

    #[test]
    fn what_is_too_slow_is_not_chosen() {
        let mut estimates = [None; COUNT];
        estimates[0] = Some(Estimate::plain(1e6, 9));
        estimates[1] = Some(estimate(2.0, 500.0, 3000.0, 1e6));
        estimates[3] = Some(estimate(4.0, 350.0, 3000.0, 1e6));
        let check = |target: u64, expected: usize| {
            let options = OptimizerOptions::new().performance_target(Duration::from_micros(target));
            let found = decide(&estimates, Some(3), Mode::Auto, &options);
            assert_eq!(found, expected, "{target}");
        };
        check(3000, 3);
        check(2500, 1);
        check(1000, 0);
    }

    #[test]
    fn what_was_not_measured_is_not_chosen() {
        let options = OptimizerOptions::new();
        let found = decide(&[None; COUNT], Some(3), Mode::Auto, &options);
        assert_eq!(found, PLAIN_AT);
    }
}
