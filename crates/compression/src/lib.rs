//! Compression for the values of a Larder cache, or of anything else: which algorithm pays is
//! measured on the values themselves.
//!
//! The [`Optimizer`] is a [`Codec`](larder_cache_core::Codec) for a cache, and works without one:
//!
//! ```
//! use larder_compression::{CompressOptions, Optimizer};
//!
//! let optimizer = Optimizer::default();
//! let text = "the same words, ".repeat(1000);
//! let packed = optimizer.compress(text.as_bytes(), &CompressOptions::new())?;
//! assert!(packed.metadata.ratio() > 10.0);
//! assert_eq!(optimizer.decompress(&packed.bytes, 1 << 20)?, text.as_bytes());
//! for found in optimizer.recommendations() {
//!     println!("{found}");
//! }
//! # Ok::<(), larder_cache_core::Error>(())
//! ```
//!
//! Payloads that are too large for memory go through [`ChunkedWriter`] and [`ChunkedReader`].
//!
//! # What this crate does not do
//! It stores nothing and talks to nobody: a cache keeps trained dictionaries in its backend and
//! hands them to all processes. It does not encrypt; what is compressed next to text of an
//! attacker's tells its length, so turn compression off for such values.

mod algorithms;
mod candidate;
mod chunked;
mod codec;
mod dictionary;
mod frame;
#[cfg(test)]
mod model;
mod objective;
mod optimizer;
mod options;
mod report;
mod selector;
mod space;
mod standalone;
mod stopwatch;
mod tally;

pub use self::chunked::{
    ChunkOptions, ChunkedReader, ChunkedWriter, compress_chunked, decompress_chunked,
};
pub use self::objective::Objective;
pub use self::optimizer::Optimizer;
pub use self::options::{Adaptive, Chunking, OptimizerOptions};
pub use self::report::{
    AlgorithmStats, Benchmark, BenchmarkRow, CompressionStats, DictionaryStats, Measured,
    NamespaceStats, Recommendation,
};
pub use self::selector::Content;
pub use self::standalone::{CompressOptions, Compressed, Layout, Metadata};

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
