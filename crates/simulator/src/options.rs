//! The command line.

use larder_simulator::{Rule, Tracing};

use crate::sweep::Until;

pub(crate) const USAGE: &str = "\
Usage: cargo xtask simulate [--seeds N] [--from S] [--all] [--without RULE]
                             [--json]
       cargo xtask simulate --seed S [--trace] [--without RULE]
       cargo xtask simulate --guards [--from S] [--json]

  --seeds N       How many seeds, on all cores. The first that breaks a promise is shown
                  with its trace. Default: 1000.
  --from S        The first seed. Default: 1.
  --all           Go on after a seed that breaks a promise, to count them.
  --seed S        This one alone.
  --trace         Everything that happens in it.
  --without RULE  With a rule of the protocol left out. The names: --guards prints them.
  --guards        With each rule left out in turn, until a promise is broken: shows that
                  the checker sees each.
  --json          The results for programs.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Guards { from: u64, json: bool },
    One { seed: u64, options: Options },
    Sweep(Options),
}

/// How to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) without: Option<Rule>,
    pub(crate) tracing: Tracing,
    pub(crate) until: Until,
    pub(crate) json: bool,
}

impl Command {
    fn new(options: Options, seed: Option<u64>, guards: bool) -> Self {
        match (seed, guards) {
            (_, true) => Self::Guards {
                from: options.from,
                json: options.json,
            },
            (Some(seed), false) => Self::One { seed, options },
            (None, false) => Self::Sweep(options),
        }
    }
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Command, String> {
        let mut options = Self {
            seeds: 1000,
            from: 1,
            without: None,
            tracing: Tracing::Off,
            until: Until::Failure,
            json: false,
        };
        let (mut seed, mut guards) = (None, false);
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
                "--seeds" => options.seeds = number(name, &value()?)?,
                "--from" => options.from = number(name, &value()?)?,
                "--seed" => seed = Some(number(name, &value()?)?),
                "--without" => options.without = Some(value()?.parse()?),
                "--trace" => options.tracing = Tracing::On,
                "--all" => options.until = Until::End,
                "--json" => options.json = true,
                "--guards" => guards = true,
                _ => return Err(format!("unknown argument `{arg}`")),
            }
        }
        Ok(Command::new(options, seed, guards))
    }
}

fn number(name: &str, text: &str) -> Result<u64, String> {
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
        let options = |tracing| Options {
            seeds: 1000,
            from: 1,
            without: Some(Rule::Fills),
            tracing,
            until: Until::Failure,
            json: false,
        };
        assert_eq!(
            parse("--without=fills"),
            Ok(Command::Sweep(options(Tracing::Off)))
        );
        assert_eq!(
            parse("--seed 9 --trace --without fills"),
            Ok(Command::One {
                seed: 9,
                options: options(Tracing::On)
            })
        );
        assert_eq!(
            parse("--guards --from 7 --json"),
            Ok(Command::Guards {
                from: 7,
                json: true
            })
        );
        assert_eq!(parse("--seeds 5 -h"), Ok(Command::Help));
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |line: &str, expected: &str| {
            let message = parse(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        };
        check("now", "unknown argument `now`");
        check("--seeds", "`--seeds` needs a value");
        check("--seed soon", "needs a whole number");
        check("--without luck", "there is no rule `luck`");
    }
}
