//! The command line, and what it asks for.

mod guided;
mod options;
mod places;
mod replay;
mod report;
mod seeded;
mod session;

use std::io;
use std::process::ExitCode;

use larder_fuzz::targets::{PLANTED, TARGETS};

pub(crate) use self::options::{Command, USAGE};

impl Command {
    pub(crate) fn run(&self) -> io::Result<ExitCode> {
        match self {
            Self::Help => print!("{USAGE}"),
            Self::List => print!("{}", list()),
            Self::Replay { target, file } => return replay::run(target, file),
            Self::Search(options) => return seeded::search(options),
            Self::Session(options) => return session::run(options),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list() -> String {
    let line = |target: &larder_fuzz::Target| {
        let missing = (target.missing)().map(|why| format!(" ({why})"));
        let missing = missing.unwrap_or_default();
        format!("{:<18} {}{missing}\n", target.name, target.parses)
    };
    let planted = "\nOnly when asked for by name, to see that bugs are found:\n";
    let lines = TARGETS.iter().map(line).chain([planted.to_owned()]);
    lines.chain(PLANTED.iter().map(line)).collect()
}
