//! Names of compression algorithms.

use larder_cache_core::{Algorithm, ErrorKind};

use super::pieces::texts;
use crate::target::{Bounds, Target, always};

pub(super) const ALGORITHMS: Target = Target {
    name: "algorithm-names",
    parses: "names of compression algorithms, with their levels",
    run: algorithms,
    seeds,
    missing: always,
    bounds: Bounds::new().input_bytes(256),
};

fn algorithms(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match text.parse::<Algorithm>() {
        Ok(algorithm) => {
            assert!(algorithm.validate().is_ok());
            assert_ne!(algorithm.id(), 0);
            assert_eq!(algorithm.to_string().parse().ok(), Some(algorithm));
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Config),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    texts(&[
        "lz4",
        "zstd:3",
        "zstd:-7",
        "zstd:128",
        "zstd:+3",
        "brotli:11",
        "gzip:9",
        "lz-string",
        "lz-string-base64",
        "lz4:",
        ":3",
    ])
}
