//! All algorithms, measured on data of the caller's.

use std::fmt;
use std::time::Duration;

use larder_cache_core::{Algorithm, Result};

use crate::candidate::{Candidate, With};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::selector::measure;
use crate::stopwatch::Stopwatch;

/// All algorithms, measured on some values.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Benchmark {
    /// How many values.
    pub values: usize,
    /// Their bytes.
    pub plain_bytes: usize,
    /// What costs are computed by.
    pub objective: Objective,
    /// Each algorithm, the least cost first.
    pub rows: Vec<BenchmarkRow>,
}

/// What was measured of one algorithm.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BenchmarkRow {
    /// The algorithm; `None`: plain.
    pub algorithm: Option<Algorithm>,
    /// The bytes of all values; those that it does not make smaller count as plain.
    pub stored_bytes: usize,
    /// How many times smaller the values become.
    pub ratio: f64,
    /// The time to compress all values.
    pub compress: Duration,
    /// The time to decompress them.
    pub decompress: Duration,
    /// In 10^6 plain bytes a second; endless for plain.
    pub compress_mb_per_second: f64,
    /// In 10^6 plain bytes a second; endless for plain.
    pub decompress_mb_per_second: f64,
    /// What a mean value costs under the objective.
    pub cost: Duration,
}

/// What is measured.
const ALGORITHMS: [Option<Algorithm>; 9] = [
    None,
    Some(Algorithm::Lz4),
    Some(Algorithm::Zstd(1)),
    Some(Algorithm::Zstd(3)),
    Some(Algorithm::Zstd(9)),
    Some(Algorithm::Brotli(1)),
    Some(Algorithm::Brotli(5)),
    Some(Algorithm::Gzip(1)),
    Some(Algorithm::Gzip(6)),
];

/// Each value is compressed so many times by each algorithm, of which the fastest counts.
const TIMES: u32 = 3;

impl Optimizer {
    /// Measures all algorithms on values of the caller's. Nothing is learned from it.
    ///
    /// # Cost
    /// CPU time: about a second for 4 MB. For a thread that may block.
    ///
    /// # Errors
    /// Kind `Codec` where an algorithm fails.
    pub fn benchmark<V: AsRef<[u8]>>(&self, values: &[V]) -> Result<Benchmark> {
        let objective = self.options().objective;
        let row = |algorithm: &Option<Algorithm>| {
            let mut totals = Totals::default();
            for value in values {
                totals.add(*algorithm, value.as_ref(), self.stopwatch)?;
            }
            Ok(totals.row(*algorithm, objective))
        };
        let rows: Result<Vec<BenchmarkRow>> = ALGORITHMS.iter().map(row).collect();
        let mut rows = rows?;
        rows.sort_by_key(|row| row.cost);
        Ok(Benchmark {
            values: values.len(),
            plain_bytes: values.iter().map(|value| value.as_ref().len()).sum(),
            objective,
            rows,
        })
    }
}

/// A table with a line for each algorithm.
impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (values, plain_bytes) = (self.values, self.plain_bytes);
        writeln!(f, "{values} values, {plain_bytes} bytes; speeds in MB/s")?;
        let heads = ["algorithm", "ratio", "compress", "decompress", "cost"];
        let [algorithm, ratio, compress, decompress, cost] = heads;
        writeln!(
            f,
            "{algorithm:<12} {ratio:>7} {compress:>10} {decompress:>10} {cost:>12}"
        )?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

impl fmt::Display for BenchmarkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.algorithm.map_or("plain".to_owned(), |a| a.to_string());
        let (ratio, cost) = (self.ratio, format!("{:.1?}", self.cost));
        let (compress, decompress) = (self.compress_mb_per_second, self.decompress_mb_per_second);
        write!(
            f,
            "{name:<12} {ratio:>7.2} {compress:>10.0} {decompress:>10.0} {cost:>12}"
        )
    }
}

/// What the values of one algorithm come to.
#[derive(Debug, Default)]
struct Totals {
    values: u32,
    plain_bytes: usize,
    stored_bytes: usize,
    compress: Duration,
    decompress: Duration,
}

impl Totals {
    fn add(
        &mut self,
        algorithm: Option<Algorithm>,
        value: &[u8],
        stopwatch: Stopwatch,
    ) -> Result<()> {
        let candidate = Candidate {
            algorithm,
            dictionary: With::NoDictionary,
        };
        let (sample, _) = measure(candidate, value, None, stopwatch, TIMES)?;
        self.values += 1;
        self.plain_bytes += sample.plain_bytes;
        self.stored_bytes += sample.stored_bytes;
        self.compress += sample.compress;
        self.decompress += sample.decompress;
        Ok(())
    }

    fn row(&self, algorithm: Option<Algorithm>, objective: Objective) -> BenchmarkRow {
        let speed = |time: Duration| self.plain_bytes as f64 / time.as_secs_f64() / 1e6;
        let nanos = objective.cost_ns(
            self.compress.as_nanos() as f64,
            self.decompress.as_nanos() as f64,
            self.stored_bytes as f64,
        );
        let cost = Duration::try_from_secs_f64(nanos / 1e9).unwrap_or(Duration::MAX);
        BenchmarkRow {
            algorithm,
            stored_bytes: self.stored_bytes,
            ratio: self.plain_bytes as f64 / self.stored_bytes.max(1) as f64,
            compress: self.compress,
            decompress: self.decompress,
            compress_mb_per_second: speed(self.compress),
            decompress_mb_per_second: speed(self.decompress),
            cost: cost / self.values.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::Candidate;
    use crate::options::OptimizerOptions;
    use crate::stopwatch::{Step, Work};

    /// LZ4 compresses 1 byte in a nanosecond, all others in 10; half of that to decompress.
    fn model(work: Work) -> Duration {
        let Candidate { algorithm, .. } = work.candidate;
        let nanos = match (algorithm, work.step) {
            (Some(Algorithm::Lz4), Step::Compress) => 2,
            (Some(Algorithm::Lz4), Step::Decompress) => 1,
            (_, Step::Compress) => 20,
            (_, Step::Decompress) => 10,
        };
        Duration::from_nanos(nanos * work.plain_bytes as u64 / 2)
    }

    #[test]
    fn measures_all_and_puts_the_best_first() {
        let fast = OptimizerOptions::new().objective(Objective::Fastest);
        let optimizer = Optimizer::with_stopwatch(fast, Stopwatch::Model(model));
        let values = vec!["the same words, ".repeat(100); 3];
        let found = optimizer.benchmark(&values).unwrap();
        assert_eq!((found.values, found.plain_bytes), (3, 4800));
        assert_eq!(found.rows.len(), ALGORITHMS.len());
        let best = &found.rows[0];
        assert_eq!(best.algorithm, Some(Algorithm::Lz4));
        assert_eq!(best.compress_mb_per_second, 1000.0);
        assert_eq!(best.decompress_mb_per_second, 2000.0);
        assert_eq!(best.ratio, 4800.0 / best.stored_bytes as f64);
        assert!(found.to_string().contains("lz4"), "{found}");
        assert!(optimizer.stats().namespaces.is_empty());
        let nothing = optimizer.benchmark::<&[u8]>(&[]).unwrap();
        assert_eq!(nothing.plain_bytes, 0);
    }
}
