//! What was asked for.

use std::path::PathBuf;
use std::time::Duration;

use larder_fuzz::Target;
use larder_fuzz::targets::{self, TARGETS};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask fuzz [--seconds N] [--only TARGETS] [--seed S]
                        [--engine stable|nightly] [--json]
       cargo xtask fuzz --only TARGET --replay FILE
       cargo xtask fuzz --list

  --seconds N      How long, for all targets together; each gets its share, and 1 second at
                   least. Default: 60.
  --only TARGETS   These alone, with commas between.
  --seed S         Gives the inputs. Default: another one each time.
  --engine E       nightly: guided by coverage. stable: seeded mutations. Default: nightly
                   where there is such a toolchain.
  --json           The results for programs.
  --replay FILE    Tries the input of a file again.
  --list           The targets.
";

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    List,
    Replay {
        target: &'static Target,
        file: PathBuf,
    },
    /// One target in this process, for the session that started it.
    Search(Options),
    Session(Options),
}

/// How to run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) time: Duration,
    pub(crate) targets: Vec<&'static Target>,
    pub(crate) seed: u64,
    pub(crate) json: bool,
    /// The program that libFuzzer runs, where there is one.
    pub(crate) guided: Option<PathBuf>,
}

impl Command {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Options {
            time: Duration::from_secs(60),
            targets: TARGETS.iter().collect(),
            seed: fastrand::u64(..),
            json: false,
            guided: None,
        };
        let (mut replay, mut search) = (None, false);
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
                "--help" | "-h" => return Ok(Self::Help),
                "--list" => return Ok(Self::List),
                "--seconds" => options.time = seconds(name, &value()?)?,
                "--only" => options.targets = named(&value()?)?,
                "--seed" => options.seed = number(name, &value()?)?,
                "--json" => options.json = true,
                "--guided" => options.guided = Some(value()?.into()),
                "--replay" => replay = Some(PathBuf::from(value()?)),
                // What a session gives to the process that it starts for a target.
                "--search" => search = true,
                _ => return Err(format!("unknown argument `{arg}`")),
            }
        }
        match (replay, &options.targets[..]) {
            (Some(file), [target]) => Ok(Self::Replay { target, file }),
            (Some(_), _) => Err("`--replay` needs `--only` with the target".to_owned()),
            (None, _) if search => Ok(Self::Search(options)),
            (None, _) => Ok(Self::Session(options)),
        }
    }
}

fn named(names: &str) -> Result<Vec<&'static Target>, String> {
    let found = names.split(',').map(|name| {
        targets::find(name).ok_or_else(|| {
            format!("there is no target `{name}`; `cargo xtask fuzz --list` names them")
        })
    });
    found.collect()
}

fn seconds(name: &str, text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    seconds
        .and_then(Result::ok)
        .ok_or_else(|| format!("`{name}` needs a number of seconds, found `{text}`"))
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
        Command::parse(&args)
    }

    #[test]
    fn command_lines_are_understood() {
        let Ok(Command::Session(options)) = parse("--only=keys,globs --seed 7 --json") else {
            panic!("no session");
        };
        let names: Vec<&str> = options.targets.iter().map(|target| target.name).collect();
        assert_eq!(names, ["keys", "globs"]);
        assert_eq!((options.seed, options.json), (7, true));
        assert_eq!(options.time, Duration::from_secs(60));
        let Ok(Command::Replay { target, file }) = parse("--replay a/b --only keys") else {
            panic!("no replay");
        };
        assert_eq!((target.name, file), ("keys", "a/b".into()));
        assert!(matches!(parse("--list"), Ok(Command::List)));
        assert!(matches!(parse("--seconds 5 -h"), Ok(Command::Help)));
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |line: &str, expected: &str| {
            let message = parse(line).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        };
        check("now", "unknown argument `now`");
        check("--seconds", "`--seconds` needs a value");
        check("--seed soon", "needs a whole number");
        check("--seconds -1", "needs a number of seconds");
        check("--only keys,nonsense", "no target `nonsense`");
        check("--replay a", "needs `--only`");
        check("--replay a --only keys,globs", "needs `--only`");
    }
}
