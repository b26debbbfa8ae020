//! The command line.

pub(crate) const USAGE: &str = "\
Usage: cargo xtask chaos [--seconds N] [--seed S] [--only NAME_OR_NUMBER] [--json] [--list]

  --seconds N   The time to spend. Long faults are shortened to fit, and scenarios
                without a number left out; from 600 on all have their full
                length. Default: 120.
  --seed S      What all choices at random begin with: keys, moments, nodes.
                Default: another one each time, which is printed.
  --only X      Only the scenarios of this number or name, or whose names begin with it and a
                hyphen. May be repeated.
  --json        The results for programs.
  --list        What there is, without running it.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    List,
    Run(Options),
}

/// How to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    pub(crate) only: Vec<String>,
    pub(crate) json: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Command, String> {
        let mut options = Self {
            seconds: 120,
            seed: fastrand::u64(..),
            only: Vec::new(),
            json: false,
        };
        let mut lists = false;
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
                "--list" => lists = true,
                "--json" => options.json = true,
                "--seconds" => options.seconds = number(name, &value()?)?,
                "--seed" => options.seed = number(name, &value()?)?,
                "--only" => options.only.push(value()?),
                _ => return Err(format!("unknown argument `{arg}`")),
            }
        }
        Ok(if lists {
            Command::List
        } else {
            Command::Run(options)
        })
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
        let expected = Options {
            seconds: 5,
            seed: 7,
            only: vec!["3".to_owned(), "kill".to_owned()],
            json: true,
        };
        let line = "--seconds 5 --seed=7 --only 3 --only=kill --json";
        assert_eq!(parse(line), Ok(Command::Run(expected)));
        assert_eq!(parse("--list"), Ok(Command::List));
        assert_eq!(parse("--seconds 5 -h"), Ok(Command::Help));
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |line: &str, expected: &str| {
            let message = parse(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        };
        check("now", "unknown argument `now`");
        check("--seconds", "`--seconds` needs a value");
        check("--seconds soon", "needs a whole number");
    }
}
