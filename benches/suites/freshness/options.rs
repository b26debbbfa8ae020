//! The arguments of the suite.

use std::time::Duration;

use larder_benches::{Arguments, Failure, Output, Rounds};
use serde::Serialize;

const USAGE: &str = "\
[--rounds N] [--slice MS] [--entries N] [--only PARTS] [--json]
  --rounds N     rounds, in each of which every candidate runs once (7)
  --slice MS     how long a candidate runs in a round (250)
  --entries N    how many entries carry the tag that many carry (1000000)
  --only A,B     parts: invalidation, reads, l1, fills, loads
  --json         print JSON in place of tables";

/// What to measure, and for how long.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: Rounds,
    pub(crate) entries: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) output: Output,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Invalidating a tag that one entry carries, and one that many carry.
    Invalidation,
    /// Reads from the backend, by number of tags.
    Reads,
    /// Reads with and without L1.
    L1,
    /// What the backend is asked for each key that is loaded.
    Fills,
    /// Loads, next to a read and a write without a lease.
    Loads,
}

const PARTS: [(&str, Part); 5] = [
    ("invalidation", Part::Invalidation),
    ("reads", Part::Reads),
    ("l1", Part::L1),
    ("fills", Part::Fills),
    ("loads", Part::Loads),
];

impl Options {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            rounds: Rounds {
                count: 7,
                slice: Duration::from_millis(250),
            },
            entries: 1_000_000,
            parts: PARTS.map(|(_, part)| part).to_vec(),
            output: Output::Tables,
        };
        let mut args = Arguments::new(args, USAGE);
        while let Some(name) = args.name() {
            match name.as_str() {
                "--rounds" => options.rounds.count = args.positive(&name)?,
                "--slice" => options.rounds.slice = Duration::from_millis(args.positive(&name)?),
                "--entries" => options.entries = args.positive(&name)?,
                "--only" => options.parts = args.parts(&name, &PARTS)?,
                "--json" => options.output = Output::Json,
                _ => return Err(args.unknown(&name)),
            }
        }
        Ok(options)
    }
}
