use super::backend::{EXPECTED, Selection};
use crate::arguments::split_at_dashes;
use crate::failure::Failure;

/// What to test, and what to hand to the tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) selection: Selection,
    pub(super) test_args: Vec<String>,
}

impl Options {
    pub(super) fn parse(args: &[String]) -> Result<Self, Failure> {
        let (own, test_args) = split_at_dashes(args);
        let selection = match own {
            [] => Selection::All,
            [flag] if flag == "--backend" => {
                return Err(Failure::Usage(format!("`--backend` needs {EXPECTED}")));
            }
            [flag, value] if flag == "--backend" => Selection::parse(value)?,
            [flag] if flag.starts_with("--backend=") => {
                Selection::parse(&flag["--backend=".len()..])?
            }
            [flag, _, extra, ..] if flag == "--backend" => {
                return Err(Failure::unknown_argument("test", extra));
            }
            [extra, ..] => return Err(Failure::unknown_argument("test", extra)),
        };
        Ok(Self {
            selection,
            test_args: test_args.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::backend::Backend;
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        Options::parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn command_lines_are_understood() {
        let check = |line: &str, selection: Selection, test_args: &[&str]| {
            let test_args = test_args.iter().map(|arg| (*arg).to_owned()).collect();
            let options = parse(line).expect(line);
            assert_eq!(
                options,
                Options {
                    selection,
                    test_args
                },
                "{line}"
            );
        };
        check("", Selection::All, &[]);
        check("--backend memory", Selection::Only(Backend::Memory), &[]);
        check("--backend=redis", Selection::Only(Backend::Redis), &[]);
        let sentinel = Selection::Only(Backend::Sentinel);
        check("--backend sentinel -- kill", sentinel, &["kill"]);
        check("--backend=cluster", Selection::Only(Backend::Cluster), &[]);
        check(
            "--backend all -- lease --nocapture",
            Selection::All,
            &["lease", "--nocapture"],
        );
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |line: &str, expected: &str| match parse(line) {
            Err(Failure::Usage(message)) => assert!(message.contains(expected), "{message}"),
            other => panic!("{line}: {other:?}"),
        };
        check("lease", "unknown argument `lease`");
        check("--backend", "needs memory, redis, cluster, sentinel or all");
        check("--backend mongo", "unknown backend `mongo`");
        check("--backend redis lease", "unknown argument `lease`");
    }
}
