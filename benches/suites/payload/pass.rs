//! Candidates that compress and decompress a corpus, in turn.

use std::hint::black_box;
use std::time::Instant;

use larder_benches::{Failure, quantile};
use larder_cache_core::{Codec, Compression, Key, KeyPrefix, Place};
use larder_compression::{Objective, Optimizer};
use serde::Serialize;

/// So many values are compressed first: until few of them are measured.
const WARM_UP: usize = 100;

/// Bytes compressed in one way.
pub(crate) struct Candidate<'a> {
    pub(crate) name: String,
    pub(crate) codec: &'a Optimizer,
    pub(crate) wanted: Compression,
    pub(crate) namespace: &'static str,
}

/// What one pass over all values took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Pass {
    pub(crate) compress_ns: f64,
    pub(crate) decompress_ns: f64,
    pub(crate) stored_bytes: usize,
}

impl Pass {
    pub(crate) fn cost_ns(&self, objective: Objective) -> f64 {
        let Self {
            compress_ns,
            decompress_ns,
            stored_bytes,
        } = *self;
        objective.cost_ns(compress_ns, decompress_ns, stored_bytes as f64)
    }
}

/// For each candidate its passes, one a round; those before the first are not counted.
pub(crate) fn passes(
    candidates: &[Candidate<'_>],
    values: &[Vec<u8>],
    rounds: usize,
) -> Result<Vec<Vec<Pass>>, Failure> {
    let key = KeyPrefix::new("bench")?.value("payload", "value")?;
    for candidate in candidates {
        for _ in 0..WARM_UP.div_ceil(values.len()).max(2) {
            pass(candidate, values, &key)?;
        }
    }
    let mut series = vec![Vec::with_capacity(rounds); candidates.len()];
    for round in 0..rounds {
        for turn in 0..candidates.len() {
            let which = (round + turn) % candidates.len();
            series[which].push(pass(&candidates[which], values, &key)?);
        }
    }
    Ok(series)
}

/// The figure in the middle.
pub(crate) fn median(passes: &[Pass], of: impl Fn(&Pass) -> f64) -> f64 {
    quantile(passes.iter().map(of), 0.5)
}

/// Whatever a cache does with values: all are written, then all are read.
fn pass(candidate: &Candidate<'_>, values: &[Vec<u8>], key: &Key) -> Result<Pass, Failure> {
    let place = Place {
        namespace: candidate.namespace,
        key,
    };
    let mut pass = Pass::default();
    let began = Instant::now();
    let mut stored = Vec::with_capacity(values.len());
    for value in values {
        stored.push(candidate.codec.encode(value, candidate.wanted, &place)?);
    }
    pass.compress_ns = began.elapsed().as_nanos() as f64;
    let began = Instant::now();
    for (encoded, value) in stored.iter().zip(values) {
        let Some(encoded) = encoded else {
            pass.stored_bytes += value.len();
            continue;
        };
        let read = candidate
            .codec
            .decode(&encoded.bytes, encoded.coding, value.len())?;
        pass.stored_bytes += encoded.bytes.len();
        black_box(read);
    }
    pass.decompress_ns = began.elapsed().as_nanos() as f64;
    Ok(pass)
}
