//! One input again.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use larder_fuzz::{Target, excerpt, explore_one};

use super::places;

pub(super) fn run(target: &'static Target, file: &Path) -> io::Result<ExitCode> {
    let file = places::meant(file);
    let input = fs::read(&file).map_err(|error| {
        let message = format!("{} can't be read: {error}", file.display());
        io::Error::new(error.kind(), message)
    })?;
    println!("{}: {}", target.name, excerpt(&input));
    let outcome = explore_one(target, input);
    println!(
        "{:?}, at most {} bytes held",
        outcome.slowest, outcome.peak_bytes
    );
    match outcome.failure.map(|failure| failure.fault) {
        None => {
            println!("ok");
            Ok(ExitCode::SUCCESS)
        }
        Some(fault) => {
            println!("FAILED: {fault}");
            Ok(ExitCode::FAILURE)
        }
    }
}
