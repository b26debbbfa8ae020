//! What the optimizer chooses, next to each algorithm on all values.

use std::fmt;

use larder_benches::{Failure, Ratio};
use larder_cache_core::{Algorithm, Compression};
use larder_compression::{Objective, Optimizer, OptimizerOptions};
use serde::Serialize;

use crate::corpora::{self, Corpus};
use crate::options::Options;
use crate::pass::{Candidate, Pass, median, passes};

/// What is held against the optimizer.
const FIXED: [Option<Algorithm>; 6] = [
    None,
    Some(Algorithm::Lz4),
    Some(Algorithm::Zstd(1)),
    Some(Algorithm::Zstd(3)),
    Some(Algorithm::Brotli(5)),
    Some(Algorithm::Gzip(6)),
];

const OBJECTIVES: [(&str, Objective); 2] = [
    ("1 Gbit/s", Objective::Balanced),
    ("10 Gbit/s", Objective::Fastest),
];

/// One corpus.
#[derive(Debug, Serialize)]
pub(crate) struct Choices {
    pub(crate) corpus: &'static str,
    values: usize,
    plain_bytes: usize,
    algorithms: Vec<Row>,
    pub(crate) automatic: Vec<Automatic>,
}

/// One algorithm on all values.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    ratio: f64,
    compress_mb_per_second: f64,
    decompress_mb_per_second: f64,
    /// Of a mean value, for each objective.
    cost_us: Vec<f64>,
}

/// The optimizer under one objective.
#[derive(Debug, Serialize)]
pub(crate) struct Automatic {
    pub(crate) link: &'static str,
    chosen: String,
    best_fixed: String,
    cost_us: f64,
    /// In the cost of the best fixed choice, within each round.
    pub(crate) cost: Ratio,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Choices>, Failure> {
    let corpora = corpora::all()?;
    let choices = corpora.iter().map(|corpus| of_corpus(corpus, options));
    choices.collect()
}

fn of_corpus(corpus: &Corpus, options: &Options) -> Result<Choices, Failure> {
    let fixed = optimizer(Objective::Balanced)?;
    let automatic: Result<Vec<Optimizer>, Failure> =
        OBJECTIVES.iter().map(|(_, o)| optimizer(*o)).collect();
    let automatic = automatic?;
    let candidate = |name: String, codec, wanted| Candidate {
        name,
        codec,
        wanted,
        namespace: corpus.name,
    };
    let of_fixed = FIXED.iter().map(|algorithm| match algorithm {
        None => candidate("plain".to_owned(), &fixed, Compression::Off),
        Some(algorithm) => candidate(algorithm.to_string(), &fixed, Compression::With(*algorithm)),
    });
    let of_automatic = automatic.iter().zip(OBJECTIVES);
    let of_automatic = of_automatic
        .map(|(codec, (link, _))| candidate(format!("auto, {link}"), codec, Compression::Auto));
    let candidates: Vec<_> = of_fixed.chain(of_automatic).collect();
    let series = passes(&candidates, &corpus.values, options.rounds)?;
    let plain_bytes = corpus.values.iter().map(Vec::len).sum();
    let rows = candidates.iter().zip(&series);
    let rows = rows.map(|(candidate, passes)| row(candidate, passes, plain_bytes, corpus));
    let judged = automatic.iter().enumerate().map(|(index, optimizer)| {
        let own = &series[FIXED.len() + index];
        judge(index, optimizer, own, &series[..FIXED.len()], corpus)
    });
    Ok(Choices {
        corpus: corpus.name,
        values: corpus.values.len(),
        plain_bytes,
        algorithms: rows.collect(),
        automatic: judged.collect(),
    })
}

fn optimizer(objective: Objective) -> Result<Optimizer, Failure> {
    let options = OptimizerOptions::new().objective(objective);
    Ok(Optimizer::new(options.threshold_bytes(256))?)
}

fn row(candidate: &Candidate<'_>, passes: &[Pass], plain_bytes: usize, corpus: &Corpus) -> Row {
    let speed = |nanos: f64| plain_bytes as f64 * 1000.0 / nanos;
    let per_value = |nanos: f64| nanos / 1000.0 / corpus.values.len() as f64;
    let costs = OBJECTIVES.map(|(_, o)| per_value(median(passes, |pass| pass.cost_ns(o))));
    Row {
        name: candidate.name.clone(),
        ratio: plain_bytes as f64 / median(passes, |pass| pass.stored_bytes as f64),
        compress_mb_per_second: speed(median(passes, |pass| pass.compress_ns)),
        decompress_mb_per_second: speed(median(passes, |pass| pass.decompress_ns)),
        cost_us: costs.to_vec(),
    }
}

fn judge(
    index: usize,
    optimizer: &Optimizer,
    own: &[Pass],
    fixed: &[Vec<Pass>],
    corpus: &Corpus,
) -> Automatic {
    let (link, objective) = OBJECTIVES[index];
    let cost = |passes: &[Pass]| median(passes, |pass| pass.cost_ns(objective));
    let costs = fixed.iter().map(|passes| cost(passes)).enumerate();
    let best = costs.min_by(|(_, a), (_, b)| a.total_cmp(b));
    let best = best.map_or(0, |(place, _)| place);
    let pairs = own.iter().zip(&fixed[best]);
    Automatic {
        link,
        chosen: chosen(optimizer),
        best_fixed: FIXED[best].map_or("plain".to_owned(), |a| a.to_string()),
        cost_us: cost(own) / 1000.0 / corpus.values.len() as f64,
        cost: Ratio::of(pairs.map(|(own, best)| own.cost_ns(objective) / best.cost_ns(objective))),
    }
}

/// All that was chosen, for each kind of values that it told apart.
fn chosen(optimizer: &Optimizer) -> String {
    let mut names: Vec<String> = optimizer
        .recommendations()
        .iter()
        .map(|found| {
            found
                .algorithm
                .map_or("plain".to_owned(), |a| a.to_string())
        })
        .collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (corpus, values, bytes) = (self.corpus, self.values, self.plain_bytes);
        let heading = format!("{corpus}: {values} values, {bytes} bytes");
        write!(f, "{heading:<42} ratio  MB/s in  MB/s out")?;
        OBJECTIVES
            .iter()
            .try_for_each(|(link, _)| write!(f, "  us {link:<9}"))?;
        writeln!(f)?;
        for row in &self.algorithms {
            let (compress, decompress) = (row.compress_mb_per_second, row.decompress_mb_per_second);
            let (name, ratio) = (&row.name, row.ratio);
            write!(
                f,
                "  {name:<38} {ratio:>7.2} {compress:>8.0} {decompress:>9.0}"
            )?;
            row.cost_us
                .iter()
                .try_for_each(|cost| write!(f, "  {cost:>12.1}"))?;
            writeln!(f)?;
        }
        for automatic in &self.automatic {
            let Automatic {
                link,
                chosen,
                best_fixed,
                cost,
                ..
            } = automatic;
            let percent = 100.0 * (cost.median - 1.0);
            writeln!(
                f,
                "  {link}: chose {chosen}; {percent:+.1} % to {best_fixed}, the best"
            )?;
        }
        Ok(())
    }
}
