//! What the optimizer tells of its work.

mod benchmark;
mod recommendations;
mod stats;

pub use self::benchmark::{Benchmark, BenchmarkRow};
pub use self::recommendations::{Measured, Recommendation};
pub use self::stats::{AlgorithmStats, CompressionStats, DictionaryStats, NamespaceStats};
