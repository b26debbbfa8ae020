//! The arguments of the suite.

use std::time::Duration;

use larder_benches::{Arguments, Failure, Output, Rounds};
use serde::Serialize;

const USAGE: &str = "\
[--rounds N] [--slice MS] [--writes N] [--only PARTS] [--json]
  --rounds N     rounds, in each of which every candidate runs once (7)
  --slice MS     how long a candidate runs in a round (250)
  --writes N     how many writes are coalesced (200000)
  --only A,B     parts: coalescing, sets
  --json         print JSON in place of tables";

/// What to measure, and for how long.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: Rounds,
    pub(crate) writes: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) output: Output,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// How many of the writes reach the database.
    Coalescing,
    /// What a write costs its caller.
    Sets,
}

const PARTS: [(&str, Part); 2] = [("coalescing", Part::Coalescing), ("sets", Part::Sets)];

impl Options {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            rounds: Rounds {
                count: 7,
                slice: Duration::from_millis(250),
            },
            writes: 200_000,
            parts: PARTS.map(|(_, part)| part).to_vec(),
            output: Output::Tables,
        };
        let mut args = Arguments::new(args, USAGE);
        while let Some(name) = args.name() {
            match name.as_str() {
                "--rounds" => options.rounds.count = args.positive(&name)?,
                "--slice" => options.rounds.slice = Duration::from_millis(args.positive(&name)?),
                "--writes" => options.writes = args.positive(&name)?,
                "--only" => options.parts = args.parts(&name, &PARTS)?,
                "--json" => options.output = Output::Json,
                _ => return Err(args.unknown(&name)),
            }
        }
        Ok(options)
    }
}
