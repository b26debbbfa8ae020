//! Dictionaries that are trained from values, on other values.

use std::fmt;

use fastrand::Rng;
use larder_benches::{Failure, Ratio};
use larder_cache_core::{Algorithm, Codec, Compression, Dictionaries, KeyPrefix, Place};
use larder_compression::{Optimizer, OptimizerOptions};
use serde::Serialize;

use crate::corpora;
use crate::options::Options;
use crate::pass::{Candidate, Pass, median, passes};

/// What dictionaries are for.
pub(crate) const SMALL: &str = "MessagePack 200 B to 1000 B";

/// So many are trained on, and so many others measured.
const TRAINED_ON: usize = 2000;
const HELD_OUT: usize = 1000;

const SEED: u64 = 0x1A2D_E201;

/// One kind of values.
#[derive(Debug, Serialize)]
pub(crate) struct Trained {
    pub(crate) corpus: &'static str,
    /// What the training found.
    proof: Option<String>,
    plain_bytes: usize,
    dictionary_bytes: usize,
    zstd_ratio: f64,
    trained_ratio: f64,
    /// Of the trained, in those of zstd 3 without a dictionary; `None`: not adopted.
    pub(crate) shares: Option<Shares>,
}

/// What the dictionary leaves.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Shares {
    pub(crate) bytes: f64,
    pub(crate) compress: Ratio,
    pub(crate) decompress: Ratio,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Trained>, Failure> {
    let mut rng = Rng::with_seed(SEED);
    let count = TRAINED_ON + HELD_OUT;
    let small = corpora::records(&mut rng, count, 200..1000)?;
    let large = corpora::records(&mut rng, count, 900..1100)?;
    let documents = corpora::documents(&mut rng, count)?;
    [
        (SMALL, small),
        ("MessagePack 1K", large),
        ("JSON 1K", documents),
    ]
    .into_iter()
    .map(|(name, values)| of_corpus(name, &values, options))
    .collect()
}

fn of_corpus(
    corpus: &'static str,
    values: &[Vec<u8>],
    options: &Options,
) -> Result<Trained, Failure> {
    let settings = OptimizerOptions::new().threshold_bytes(128);
    let (plain, trained) = (Optimizer::new(settings.clone())?, Optimizer::new(settings)?);
    let (training, held_out) = values.split_at(TRAINED_ON);
    let dictionary_bytes = train(&trained, corpus, training)?;
    let candidate = |codec, wanted| Candidate {
        name: String::new(),
        codec,
        wanted,
        namespace: corpus,
    };
    let zstd = Compression::With(Algorithm::Zstd(3));
    let candidates = [
        candidate(&plain, zstd),
        candidate(&trained, Compression::Trained),
    ];
    let series = passes(&candidates, held_out, options.rounds)?;
    let (theirs, ours) = (&series[0], &series[1]);
    let plain_bytes = held_out.iter().map(Vec::len).sum();
    let ratio = |passes| plain_bytes as f64 / median(passes, |pass| pass.stored_bytes as f64);
    let stats = trained.stats();
    Ok(Trained {
        corpus,
        proof: stats
            .namespaces
            .first()
            .and_then(|n| n.last_training.clone()),
        plain_bytes,
        dictionary_bytes,
        zstd_ratio: ratio(theirs),
        trained_ratio: ratio(ours),
        shares: (dictionary_bytes > 0).then(|| shares(ours, theirs)),
    })
}

/// What the cache does: values pass by, then it asks for a dictionary. The bytes of that; 0:
/// none.
fn train(optimizer: &Optimizer, namespace: &str, values: &[Vec<u8>]) -> Result<usize, Failure> {
    let key = KeyPrefix::new("bench")?.value("payload", "value")?;
    let place = Place {
        namespace,
        key: &key,
    };
    for value in values {
        optimizer.encode(value, Compression::Trained, &place)?;
    }
    let Some(dictionary) = optimizer.train(namespace)? else {
        return Ok(0);
    };
    optimizer.install(namespace, &dictionary)?;
    optimizer.adopt(namespace, Some(dictionary.id()));
    Ok(dictionary.bytes().len())
}

fn shares(ours: &[Pass], theirs: &[Pass]) -> Shares {
    let ratio = |of: fn(&Pass) -> f64| {
        let pairs = ours.iter().zip(theirs);
        Ratio::of(pairs.map(|(ours, theirs)| of(ours) / of(theirs)))
    };
    Shares {
        bytes: ratio(|pass| pass.stored_bytes as f64).median,
        compress: ratio(|pass| pass.compress_ns),
        decompress: ratio(|pass| pass.decompress_ns),
    }
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (corpus, bytes) = (self.corpus, self.dictionary_bytes);
        let (zstd, trained) = (self.zstd_ratio, self.trained_ratio);
        writeln!(
            f,
            "{corpus}, held out: zstd:3 {zstd:.2}, under `trained` {trained:.2}"
        )?;
        if let Some(proof) = &self.proof {
            writeln!(f, "  training: {proof}")?;
        }
        let Some(shares) = &self.shares else {
            return writeln!(f, "  no dictionary was proposed");
        };
        writeln!(
            f,
            "  a dictionary of {bytes} bytes; of what zstd:3 takes without:"
        )?;
        let (compress, decompress) = (shares.compress, shares.decompress);
        writeln!(f, "  time to compress   {compress}")?;
        writeln!(f, "  time to decompress {decompress}")
    }
}
