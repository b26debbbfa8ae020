//! Times for tests, in place of a clock's.

use std::time::Duration;

use larder_cache_core::Algorithm;

use crate::stopwatch::{Step, Work};

/// About what a common server takes for 1 KiB.
pub(crate) fn server(work: Work) -> Duration {
    let (compress, decompress) = match (work.candidate.algorithm, work.candidate.dictionary) {
        (Some(Algorithm::Lz4), _) => (550, 3000),
        (Some(Algorithm::Zstd(1 | 3)), crate::candidate::With::Dictionary) => (270, 900),
        (Some(Algorithm::Zstd(1)), _) => (180, 450),
        (Some(Algorithm::Zstd(3)), _) => (150, 440),
        _ => (30, 250),
    };
    let mb_per_second = match work.step {
        Step::Compress => compress,
        Step::Decompress => decompress,
    };
    Duration::from_nanos(1000 * work.plain_bytes as u64 / mb_per_second)
}
