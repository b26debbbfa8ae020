//! The arguments of the suite.

use larder_benches::{Arguments, Failure, Output};
use serde::Serialize;

const USAGE: &str = "\
[--rounds N] [--only PARTS] [--json]
  --rounds N     rounds, in each of which every candidate runs once (9)
  --only A,B     parts: choices, dictionaries, chunks, ciphers
  --json         print JSON in place of tables";

/// What to measure, and how often.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) output: Output,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// What the optimizer chooses, next to each algorithm.
    Choices,
    /// Trained dictionaries, next to zstd without.
    Dictionaries,
    /// A large value in chunks.
    Chunks,
    /// Encryption.
    Ciphers,
}

const PARTS: [(&str, Part); 4] = [
    ("choices", Part::Choices),
    ("dictionaries", Part::Dictionaries),
    ("chunks", Part::Chunks),
    ("ciphers", Part::Ciphers),
];

impl Options {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            rounds: 9,
            parts: PARTS.map(|(_, part)| part).to_vec(),
            output: Output::Tables,
        };
        let mut args = Arguments::new(args, USAGE);
        while let Some(name) = args.name() {
            match name.as_str() {
                "--rounds" => options.rounds = args.positive(&name)?,
                "--only" => options.parts = args.parts(&name, &PARTS)?,
                "--json" => options.output = Output::Json,
                _ => return Err(args.unknown(&name)),
            }
        }
        Ok(options)
    }
}
