//! The command line.

use crate::scenario::Topology;

pub(crate) const USAGE: &str = "\
Usage: cargo xtask staleness [--processes N] [--seconds S] [--topology T] [--seed X] [--json]

  --processes N   How many processes share the keys, 2 to 64. Default: 4.
  --seconds S     How long they do, 10 or more. Default: 60.
  --topology T    standalone, cluster or sentinel. Default: standalone.
  --seed X        What all choices at random begin with: keys, moments, faults.
                  Default: another one each time, which is printed.
  --json          The results for programs.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Run(Options),
}

/// How to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) processes: usize,
    pub(crate) seconds: u64,
    pub(crate) topology: Topology,
    pub(crate) seed: u64,
    pub(crate) json: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Command, String> {
        let mut options = Self {
            processes: 4,
            seconds: 60,
            topology: Topology::Standalone,
            seed: fastrand::u64(..),
            json: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| args.next().cloned());
                value.ok_or_else(|| format!("`{name}` needs a value"))
            };
            match name {
                "--help" | "-h" => return Ok(Command::Help),
                "--json" => options.json = true,
                "--processes" => options.processes = number(name, &value()?)?,
                "--seconds" => options.seconds = number(name, &value()?)?,
                "--seed" => options.seed = number(name, &value()?)?,
                "--topology" => options.topology = topology(&value()?)?,
                _ => return Err(format!("unknown argument `{arg}`")),
            }
        }
        options.checked().map(Command::Run)
    }

    fn checked(self) -> Result<Self, String> {
        if !(2..=64).contains(&self.processes) {
            return Err(format!(
                "`--processes` can be 2 to 64, found {}",
                self.processes
            ));
        }
        if self.seconds < 10 {
            return Err(format!(
                "`--seconds` must be 10 or more, found {}: less proves nothing",
                self.seconds
            ));
        }
        Ok(self)
    }
}

fn topology(word: &str) -> Result<Topology, String> {
    let all = [Topology::Standalone, Topology::Cluster, Topology::Sentinel];
    all.into_iter()
        .find(|topology| topology.name() == word)
        .ok_or_else(|| {
            format!("`--topology` can be standalone, cluster or sentinel, found `{word}`")
        })
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("`{name}` needs a whole number, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args)
    }

    #[test]
    fn command_lines_are_understood() {
        let expected = Options {
            processes: 8,
            seconds: 30,
            topology: Topology::Sentinel,
            seed: 7,
            json: true,
        };
        let line = "--processes 8 --seconds=30 --topology sentinel --seed 7 --json";
        assert_eq!(parse(line), Ok(Command::Run(expected)));
        assert_eq!(parse("--json --help"), Ok(Command::Help));
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |line: &str, expected: &str| {
            let message = parse(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        };
        check("soon", "unknown argument `soon`");
        check("--processes 1", "2 to 64");
        check("--seconds 3", "proves nothing");
        check("--seconds", "needs a value");
        check("--topology ring", "found `ring`");
    }
}
