//! What chunks cost: a value of 256 MiB is written and read in 32 MiB of memory.
//!
//! One test alone, because the peak of the whole process is measured as well: allocations in C
//! are counted nowhere else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};

use allocation_counter::measure;
use larder_cache_core::Algorithm;
use larder_compression::{ChunkOptions, ChunkedReader, ChunkedWriter};

const MIB: usize = 1 << 20;
const MOST: usize = 32 * MIB;
const PART: usize = 64 << 10;

/// A part of the value, made when it is needed: 256 bytes of noise, again and again.
fn part(number: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(u64::try_from(number).unwrap());
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(256).collect();
    noise.repeat(PART / noise.len())
}

fn write(value: usize, options: ChunkOptions) -> Vec<u8> {
    let mut writer = ChunkedWriter::new(Vec::new(), options).unwrap();
    for number in 0..value / PART {
        writer.write_all(&part(number)).unwrap();
    }
    writer.finish().unwrap()
}

fn read(value: usize, stored: &[u8]) {
    let mut reader = ChunkedReader::new(stored, u64::try_from(value).unwrap());
    let mut found = vec![0; PART];
    for number in 0..value / PART {
        reader.read_exact(&mut found).unwrap();
        assert!(found == part(number), "{number}");
    }
    assert_eq!(reader.read(&mut found).unwrap(), 0);
}

fn check(value: usize, options: ChunkOptions) {
    let mut stored = Vec::new();
    let written = measure(|| stored = write(value, options));
    let read = measure(|| read(value, &stored));
    for allocated in [written, read] {
        let most = usize::try_from(allocated.bytes_max).unwrap();
        assert!(most < MOST, "{options:?}: {allocated:?}");
    }
}

/// The most memory that this process ever held; 0 where the system does not tell.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.map_or("0", |line| line.trim().trim_end_matches(" kB"));
    kib.parse::<usize>().unwrap() << 10
}

#[test]
fn a_large_value_takes_little_memory() {
    let before = peak();
    let options = ChunkOptions::default();
    check(256 * MIB, options);
    check(256 * MIB, options.algorithm(Algorithm::Lz4));
    // Slow without optimization, and no chunk knows how many there are.
    for algorithm in [Algorithm::Brotli(5), Algorithm::Gzip(6)] {
        check(8 * MIB, options.algorithm(algorithm));
    }
    assert!(peak() - before < MOST, "{} before, {}", before, peak());
}
