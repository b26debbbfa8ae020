//! A large value in chunks, next to the same in one piece.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use larder_benches::{Failure, Ratio, quantile};
use larder_cache_core::{Algorithm, Compression};
use larder_compression::{Chunking, CompressOptions, Optimizer, OptimizerOptions};
use serde::Serialize;

use crate::corpora;
use crate::options::Options;

const BYTES: usize = 64 << 20;

/// Chunks, in the figures of one piece.
#[derive(Debug, Serialize)]
pub(crate) struct Chunks {
    bytes: usize,
    ratio_whole: f64,
    ratio_chunked: f64,
    compress_mb_per_second: f64,
    decompress_mb_per_second: f64,
    compress: Ratio,
    decompress: Ratio,
}

/// Seconds there and back, and bytes.
#[derive(Clone, Copy)]
struct Trip {
    compress: f64,
    decompress: f64,
    stored_bytes: usize,
}

pub(crate) fn measure(options: &Options) -> Result<Chunks, Failure> {
    let value = corpora::large(BYTES);
    let optimizer = |chunking| Optimizer::new(OptimizerOptions::new().chunking(chunking));
    let (whole, chunked) = (optimizer(Chunking::Off)?, optimizer(Chunking::Above(0))?);
    let mut pairs = Vec::with_capacity(options.rounds);
    for round in 0..options.rounds {
        pairs.push(if round % 2 == 0 {
            let first = trip(&whole, &value)?;
            (first, trip(&chunked, &value)?)
        } else {
            let first = trip(&chunked, &value)?;
            (trip(&whole, &value)?, first)
        });
    }
    let median = |of: fn(&Trip) -> f64| quantile(pairs.iter().map(|(_, c)| of(c)), 0.5);
    let ratio = |of: fn(&Trip) -> f64| Ratio::of(pairs.iter().map(|(w, c)| of(c) / of(w)));
    let smaller = |trip: &Trip| BYTES as f64 / trip.stored_bytes as f64;
    let speed = |seconds: f64| BYTES as f64 / seconds / 1e6;
    Ok(Chunks {
        bytes: BYTES,
        ratio_whole: smaller(&pairs[0].0),
        ratio_chunked: smaller(&pairs[0].1),
        compress_mb_per_second: speed(median(|trip| trip.compress)),
        decompress_mb_per_second: speed(median(|trip| trip.decompress)),
        compress: ratio(|trip| trip.compress),
        decompress: ratio(|trip| trip.decompress),
    })
}

fn trip(optimizer: &Optimizer, value: &[u8]) -> Result<Trip, Failure> {
    let zstd = CompressOptions::new().compression(Compression::With(Algorithm::Zstd(3)));
    let began = Instant::now();
    let packed = optimizer.compress(value, &zstd)?;
    let compress = began.elapsed().as_secs_f64();
    let began = Instant::now();
    black_box(optimizer.decompress(&packed.bytes, BYTES)?);
    Ok(Trip {
        compress,
        decompress: began.elapsed().as_secs_f64(),
        stored_bytes: packed.bytes.len(),
    })
}

impl fmt::Display for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, chunked) = (self.ratio_whole, self.ratio_chunked);
        let (into, out) = (self.compress_mb_per_second, self.decompress_mb_per_second);
        writeln!(
            f,
            "text of {} bytes, zstd:3, in chunks of 256 KiB",
            self.bytes
        )?;
        writeln!(
            f,
            "  ratio {chunked:.2}, in one piece {whole:.2}; MB/s in {into:.0}, out {out:.0}"
        )?;
        writeln!(
            f,
            "  time to compress, in that of one piece   {}",
            self.compress
        )?;
        writeln!(
            f,
            "  time to decompress, in that of one piece {}",
            self.decompress
        )
    }
}
