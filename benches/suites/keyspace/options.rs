//! The arguments of the suite.

use std::path::PathBuf;

use larder_benches::{Arguments, Failure, Output};

const USAGE: &str = "\
[--rounds N] [--keys N] [--stored-keys N] [--traces DIR] [--only PARTS] [--json]
  --rounds N     rounds of the cost, in each of which every candidate runs once (51)
  --keys N       how many different keys the memory is watched over (1000000000)
  --stored-keys N
                 how many keys are in the database that a quota is kept in (1000000)
  --traces DIR   where orm-busy.u32be.zst and web07.u32be.zst are (../shared/traces, beside
                 the project)
  --only A,B     parts: cost, hot-keys, curve, memory, quota
  --json         print JSON in place of tables";

/// What to measure, and from what.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) keys: u64,
    pub(crate) stored_keys: usize,
    pub(crate) traces: PathBuf,
    pub(crate) parts: Vec<Part>,
    pub(crate) output: Output,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What an observed hit costs, next to hash maps with counters.
    Cost,
    /// The hottest keys, next to a count of all.
    HotKeys,
    /// The miss-ratio curve, next to L1 at each size.
    Curve,
    /// Memory over very many keys.
    Memory,
    /// A quota, in a database of many keys.
    Quota,
}

const PARTS: [(&str, Part); 5] = [
    ("cost", Part::Cost),
    ("hot-keys", Part::HotKeys),
    ("curve", Part::Curve),
    ("memory", Part::Memory),
    ("quota", Part::Quota),
];

impl Options {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let project = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let mut options = Self {
            rounds: 51,
            keys: 1_000_000_000,
            stored_keys: 1_000_000,
            traces: PathBuf::from(project).join("../shared/traces"),
            parts: PARTS.map(|(_, part)| part).to_vec(),
            output: Output::Tables,
        };
        let mut args = Arguments::new(args, USAGE);
        while let Some(name) = args.name() {
            match name.as_str() {
                "--rounds" => options.rounds = args.positive(&name)?,
                "--keys" => options.keys = args.positive(&name)?,
                "--stored-keys" => options.stored_keys = args.positive(&name)?,
                "--traces" => options.traces = args.value(&name)?.into(),
                "--only" => options.parts = args.parts(&name, &PARTS)?,
                "--json" => options.output = Output::Json,
                _ => return Err(args.unknown(&name)),
            }
        }
        Ok(options)
    }
}
