//! The arguments of the suite.

use std::time::Duration;

use larder_benches::{Arguments, Output};

use crate::Failure;
use crate::adapters;
use crate::workload::{self, Workload};

const USAGE: &str = "\
[--rounds N] [--slice MS] [--only WORKLOADS] [--adapters NAMES] [--json]
  --rounds N        rounds, in each of which every adapter runs every workload (7)
  --slice MS        how long one adapter runs one workload in a round (250)
  --only A,B        workloads (get64, set_many_100_c8) or all of an operation (get, set_many)
  --adapters A,B    adapters to compare; redis-rs, which the ratios refer to, is always among them
  --json            print JSON in place of tables";

/// What to measure, and for how long.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) adapters: Vec<&'static str>,
    pub(crate) output: Output,
}

impl Options {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            rounds: 7,
            slice: Duration::from_millis(250),
            workloads: workload::all(),
            adapters: adapters::NAMES.to_vec(),
            output: Output::Tables,
        };
        let mut args = Arguments::new(args, USAGE);
        while let Some(name) = args.name() {
            match name.as_str() {
                "--rounds" => options.rounds = args.positive(&name)?,
                "--slice" => options.slice = Duration::from_millis(args.positive(&name)?),
                "--only" => options.workloads = chosen_workloads(&args.value(&name)?)?,
                "--adapters" => options.adapters = chosen_adapters(&args.value(&name)?)?,
                "--json" => options.output = Output::Json,
                _ => return Err(args.unknown(&name)),
            }
        }
        Ok(options)
    }
}

fn chosen_workloads(text: &str) -> Result<Vec<Workload>, Failure> {
    let all = workload::all();
    let words: Vec<&str> = text.split(',').collect();
    if let Some(unknown) = words
        .iter()
        .find(|word| !all.iter().any(|w| w.is_called(word)))
    {
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        let names = names.join(", ");
        return Err(format!("unknown workload `{unknown}`; there are: {names}").into());
    }
    let is_chosen = |workload: &Workload| words.iter().any(|word| workload.is_called(word));
    Ok(all.into_iter().filter(is_chosen).collect())
}

fn chosen_adapters(text: &str) -> Result<Vec<&'static str>, Failure> {
    let words: Vec<&str> = text.split(',').collect();
    if let Some(unknown) = words.iter().find(|word| !adapters::NAMES.contains(word)) {
        let names = adapters::NAMES.join(", ");
        return Err(format!("unknown adapter `{unknown}`; there are: {names}").into());
    }
    let is_chosen = |name: &&str| words.contains(name) || *name == adapters::BASELINE;
    Ok(adapters::NAMES.iter().copied().filter(is_chosen).collect())
}
