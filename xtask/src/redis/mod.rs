mod state;
mod topology;

use std::path::{Path, PathBuf};

use crate::cargo::Workspace;
use crate::failure::Failure;
use crate::redis_install;
use state::State;
use topology::Topology;

/// `cargo xtask redis up [standalone|cluster|sentinel]`, `down`, `status`
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match Command::parse(args)? {
        Command::Up(topology) => up(topology, &state_folder()?),
        Command::Down => down(&state_folder()?),
        Command::Status => status(&state_folder()?),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Up(Topology),
    Down,
    Status,
}

impl Command {
    fn parse(args: &[String]) -> Result<Self, Failure> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        match args[..] {
            ["up"] => Ok(Self::Up(Topology::Standalone)),
            ["up", name] => match Topology::parse(name) {
                Some(topology) => Ok(Self::Up(topology)),
                None => Err(Failure::Usage(format!(
                    "unknown topology `{name}`: expected standalone, cluster or sentinel"
                ))),
            },
            ["down"] => Ok(Self::Down),
            ["status"] => Ok(Self::Status),
            [] => Err(Failure::Usage(
                "`cargo xtask redis` needs up, down or status".into(),
            )),
            ["up", _, extra, ..] | ["down" | "status", extra, ..] | [extra, ..] => {
                Err(Failure::unknown_argument("redis", extra))
            }
        }
    }
}

fn up(topology: Topology, folder: &Path) -> Result<(), Failure> {
    if let Some(state) = State::recall(topology, folder)? {
        if state.running()? == state.servers() {
            eprintln!("Already up; end it with `cargo xtask redis down`.");
            println!("{}", state.export());
            return Ok(());
        }
        eprintln!("Some of its servers have ended: all start anew.");
        state.forget()?;
    }
    let running = topology.start(redis_install::ensure()?)?;
    // Remembered before they can outlive this process: at no time are there servers that neither
    // end with it nor can be found again.
    let state = State::remember(topology, folder, running.export(), running.servers()?)?;
    running.detach();
    eprintln!(
        "Up until `cargo xtask redis down`; logs are in {}.",
        state.log_folders().join(", ")
    );
    println!("{}", state.export());
    Ok(())
}

/// Tries all before it reports that one could not be stopped.
fn down(folder: &Path) -> Result<(), Failure> {
    let mut result = Ok(());
    let mut was_any_up = false;
    for topology in Topology::ALL {
        match State::recall(topology, folder) {
            Ok(None) => {}
            Ok(Some(state)) => {
                was_any_up = true;
                result = result.and(stop(topology, state));
            }
            Err(failure) => result = result.and(Err(failure)),
        }
    }
    if result.is_ok() && !was_any_up {
        eprintln!("Not up.");
    }
    result
}

fn stop(topology: Topology, state: State) -> Result<(), Failure> {
    let (name, export) = (topology.name(), state.export().to_owned());
    let stopped = state.forget()?;
    if stopped == 0 {
        eprintln!("Not up: the {name} {export} had ended before.");
    } else {
        eprintln!("Stopped the {name} {export}.");
    }
    Ok(())
}

fn status(folder: &Path) -> Result<(), Failure> {
    let mut is_any_up = false;
    for topology in Topology::ALL {
        let Some(state) = State::recall(topology, folder)? else {
            continue;
        };
        let (running, all, name) = (state.running()?, state.servers(), topology.name());
        if running < all {
            eprintln!("{name}: {running} of {all} servers run.");
        }
        if running > 0 {
            println!("{}", state.export());
            is_any_up = true;
        }
    }
    if is_any_up {
        return Ok(());
    }
    eprintln!("Not up; start it with `cargo xtask redis up`.");
    Err(Failure::Reported)
}

fn state_folder() -> Result<PathBuf, Failure> {
    Ok(Workspace::load()?.target_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Failure> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Command::parse(&args)
    }

    #[test]
    fn command_lines_are_understood() {
        let check = |line: &str, expected| assert_eq!(parse(line).expect(line), expected);
        check("up", Command::Up(Topology::Standalone));
        check("up standalone", Command::Up(Topology::Standalone));
        check("up cluster", Command::Up(Topology::Cluster));
        check("up sentinel", Command::Up(Topology::Sentinel));
        check("down", Command::Down);
        check("status", Command::Status);
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |line: &str, expected: &str| match parse(line) {
            Err(Failure::Usage(message)) => assert!(message.contains(expected), "{message}"),
            other => panic!("{line}: {other:?}"),
        };
        check("", "needs up, down or status");
        check("sideways", "unknown argument `sideways`");
        check("up now", "unknown topology `now`");
        check("up cluster now", "unknown argument `now`");
        check("down cluster", "unknown argument `cluster`");
    }
}
