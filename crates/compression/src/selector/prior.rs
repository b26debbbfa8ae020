//! What is chosen before anything was measured: by speeds that were published.

use crate::candidate::{COUNT, PLAIN_AT, TRAINED_AT};
use crate::options::OptimizerOptions;
use crate::selector::decision::{Estimates, decide};
use crate::selector::{Content, Estimate, Mode};

/// Typical ratios and speeds (in MB/s) of one candidate, at each of [`SIZES`].
struct Published {
    place: usize,
    ratio: [f64; 4],
    compress: [f64; 4],
    decompress: [f64; 4],
}

/// The largest plain values that each column stands for.
const SIZES: [usize; 3] = [2 << 10, 16 << 10, 256 << 10];

/// Of JSON and English text, on one core of a common server (AMD EPYC, 2026).
const PUBLISHED: [Published; 4] = [
    Published {
        place: 1,
        ratio: [1.66, 1.76, 2.30, 2.72],
        compress: [575.0, 512.0, 594.0, 611.0],
        decompress: [3100.0, 2660.0, 3150.0, 3450.0],
    },
    Published {
        place: 2,
        ratio: [2.27, 2.46, 3.18, 4.26],
        compress: [178.0, 300.0, 473.0, 583.0],
        decompress: [457.0, 799.0, 1554.0, 2001.0],
    },
    Published {
        place: 3,
        ratio: [2.29, 2.49, 3.37, 4.77],
        compress: [152.0, 242.0, 338.0, 377.0],
        decompress: [437.0, 786.0, 1524.0, 1698.0],
    },
    Published {
        place: 7,
        ratio: [2.56, 2.78, 3.73, 5.26],
        compress: [25.0, 37.0, 54.0, 57.0],
        decompress: [199.0, 269.0, 520.0, 672.0],
    },
];

/// The larger a value, the less a dictionary helps it.
const TRAINED_UP_TO: usize = 16 << 10;

/// What is likely best for a value.
pub(crate) fn guess(
    plain_bytes: usize,
    content: Content,
    mode: Mode,
    options: &OptimizerOptions,
) -> usize {
    if content == Content::Noise {
        return PLAIN_AT;
    }
    if mode == Mode::Trained && plain_bytes <= TRAINED_UP_TO {
        return TRAINED_AT;
    }
    decide(&estimates(plain_bytes), None, Mode::Auto, options)
}

fn estimates(plain_bytes: usize) -> Estimates {
    let column = SIZES.partition_point(|size| *size < plain_bytes);
    let plain_bytes = plain_bytes as f64;
    let mut estimates = [None; COUNT];
    estimates[PLAIN_AT] = Some(Estimate::plain(plain_bytes, 0));
    for published in &PUBLISHED {
        estimates[published.place] = Some(Estimate {
            stored: 1.0 / published.ratio[column],
            compress_ns: 1000.0 / published.compress[column],
            decompress_ns: 1000.0 / published.decompress[column],
            plain_bytes,
            samples: 0,
        });
    }
    estimates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::CANDIDATES;
    use crate::objective::Objective;

    #[test]
    fn guesses_by_size_look_and_objective() {
        let check = |objective, bytes, content, mode, expected: &str| {
            let options = OptimizerOptions::new().objective(objective);
            let place = guess(bytes, content, mode, &options);
            assert_eq!(
                CANDIDATES[place].to_string(),
                expected,
                "{bytes} {objective:?}"
            );
        };
        use Content::{Dense, Noise, Text};
        use Objective::{Balanced, Fastest, Smallest};
        let trained = "zstd:3 with dictionary";
        check(Balanced, 1500, Noise, Mode::Auto, "plain");
        check(Balanced, 1500, Noise, Mode::Trained, "plain");
        check(Balanced, 1500, Text, Mode::Trained, trained);
        check(Balanced, 20_000, Dense, Mode::Trained, "zstd:3");
        check(Balanced, 1500, Text, Mode::Auto, "lz4");
        check(Balanced, 1 << 20, Text, Mode::Auto, "zstd:3");
        check(Fastest, 1500, Dense, Mode::Auto, "plain");
        check(Smallest, 65_536, Text, Mode::Auto, "brotli:5");
    }
}
