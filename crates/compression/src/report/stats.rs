//! What was compressed so far.

use std::time::Duration;

use crate::candidate::With;
use crate::optimizer::Optimizer;
use crate::space::Space;
use crate::tally::Counted;

/// What was compressed so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CompressionStats {
    /// Each namespace, by name.
    pub namespaces: Vec<NamespaceStats>,
    /// How many dictionaries can be read.
    pub readable_dictionaries: usize,
}

/// What was compressed of one namespace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NamespaceStats {
    /// Its name.
    pub namespace: String,
    /// Each algorithm that was used, plain first.
    pub algorithms: Vec<AlgorithmStats>,
    /// The dictionary that writes use.
    pub dictionary: Option<DictionaryStats>,
    /// How many values are kept to train on.
    pub samples: usize,
    /// Their bytes.
    pub sample_bytes: usize,
    /// What the last training came to.
    pub last_training: Option<String>,
}

/// What one algorithm did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AlgorithmStats {
    /// Its name without the level, or `plain`.
    pub algorithm: &'static str,
    /// Whether a dictionary was used.
    pub with_dictionary: bool,
    /// How many values.
    pub values: u64,
    /// Their bytes before.
    pub plain_bytes: u64,
    /// Their bytes after.
    pub stored_bytes: u64,
    /// The time it took, that of measurements included.
    pub time: Duration,
}

/// A dictionary in use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DictionaryStats {
    /// Its id.
    pub id: u32,
    /// Its own size.
    pub bytes: usize,
    /// The share of the bytes that it saves next to the best algorithm without a dictionary,
    /// on the values that were measured last; `None`: none was yet.
    pub saved_share: Option<f64>,
}

impl AlgorithmStats {
    /// How many times smaller the values have become.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.plain_bytes as f64 / self.stored_bytes.max(1) as f64
    }
}

impl Optimizer {
    /// What was compressed so far, by namespace and algorithm.
    #[must_use]
    pub fn stats(&self) -> CompressionStats {
        CompressionStats {
            namespaces: self.spaces().iter().map(|space| of_space(space)).collect(),
            readable_dictionaries: self.shelf.len(),
        }
    }
}

fn of_space(space: &Space) -> NamespaceStats {
    let (samples, sample_bytes) = space.trainer.samples();
    let dictionary = space.current().map(|current| DictionaryStats {
        id: current.dictionary().id(),
        bytes: current.dictionary().bytes().len(),
        saved_share: current.saved_share(),
    });
    NamespaceStats {
        namespace: space.name.to_string(),
        algorithms: space.tallies.counted().map(of_algorithm).collect(),
        dictionary,
        samples,
        sample_bytes,
        last_training: space.trainer.last().map(|proof| proof.to_string()),
    }
}

fn of_algorithm((id, with, counted): (u8, With, Counted)) -> AlgorithmStats {
    AlgorithmStats {
        algorithm: name(id),
        with_dictionary: with == With::Dictionary,
        values: counted.values,
        plain_bytes: counted.plain_bytes,
        stored_bytes: counted.stored_bytes,
        time: counted.time,
    }
}

fn name(id: u8) -> &'static str {
    use larder_cache_core::{Algorithm, LzStringForm};
    let all = [
        Algorithm::Lz4,
        Algorithm::Zstd(3),
        Algorithm::Brotli(5),
        Algorithm::Gzip(6),
        Algorithm::LzString(LzStringForm::Utf16),
        Algorithm::LzString(LzStringForm::Base64),
    ];
    let found = all.iter().find(|algorithm| algorithm.id() == id);
    found.map_or("plain", |algorithm| algorithm.name())
}
