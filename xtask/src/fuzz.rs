use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo::{self, Workspace};
use crate::failure::Failure;

const PACKAGE: &str = "larder-fuzz";

/// The toolchain that knows the flags.
const NIGHTLY: &str = "nightly";

/// As fast as a release, but sums that overflow are found.
const PROFILE: &str = "fuzz";

/// What libFuzzer needs to see which code an input reaches. The flags are those of cargo-fuzz,
/// without a sanitizer: nothing here is unsafe.
const COVERAGE: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// `cargo xtask fuzz [--seconds N] [--only TARGETS] [--seed S] [--engine stable|nightly]
/// [--json] [--replay FILE] [--list]`
///
/// The program knows all arguments but `--engine`, and prints its own results.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (engine, args) = Engine::take(args)?;
    let searches = !args.iter().any(|arg| is_no_search(arg));
    let mut command = program(&args);
    if searches && let Some(guided) = engine.guided()? {
        command.arg("--guided").arg(guided);
    }
    finish(&mut command)
}

/// What `cargo xtask ci` runs, after the tests: they have built the program already.
pub(crate) fn run_built(workspace: &Workspace, args: &[&str]) -> Result<(), Failure> {
    let built = workspace.target_dir.join("debug").join(PACKAGE);
    let mut command = Command::new(built);
    command.args(args);
    println!("$ {}", cargo::line(&command));
    finish(&mut command)
}

fn finish(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| Failure::new("could not run the fuzz targets", error))?;
    if status.success() {
        Ok(())
    } else {
        // It has said why.
        Err(Failure::Reported)
    }
}

fn program(args: &[String]) -> Command {
    let fixed = ["run", "-q", "--profile", PROFILE, "-p", PACKAGE, "--"];
    let mut command = cargo::command(&fixed);
    command.args(args);
    command
}

fn is_no_search(arg: &str) -> bool {
    arg == "--list" || arg == "--replay" || arg.starts_with("--replay=")
}

/// What makes the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    /// Nightly where it can be built, else stable.
    Either,
    Stable,
    Nightly,
}

impl Engine {
    /// Takes the engine out of the arguments.
    fn take(args: &[String]) -> Result<(Self, Vec<String>), Failure> {
        let (mut engine, mut others) = (Self::Either, Vec::new());
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let name = match arg.split_once('=') {
                Some(("--engine", name)) => Some(name),
                _ if arg == "--engine" => Some(args.next().map_or("", String::as_str)),
                _ => None,
            };
            match name {
                None => others.push(arg.clone()),
                Some("stable") => engine = Self::Stable,
                Some("nightly") => engine = Self::Nightly,
                Some(unknown) => {
                    let message = format!("unknown engine `{unknown}`: it is stable or nightly");
                    return Err(Failure::Usage(message));
                }
            }
        }
        Ok((engine, others))
    }

    /// The program for libFuzzer, where it is wanted and can be built.
    fn guided(self) -> Result<Option<PathBuf>, Failure> {
        if self == Self::Stable {
            return Ok(None);
        }
        match build() {
            Ok(program) => Ok(Some(program)),
            Err(why) if self == Self::Nightly => Err(Failure::Failed(why)),
            Err(why) => {
                eprintln!("{why}: going on with seeded mutations on this toolchain");
                Ok(None)
            }
        }
    }
}

/// Builds the program for libFuzzer, beside the other builds: they stay as they are.
fn build() -> Result<PathBuf, String> {
    let host = host().ok_or("there is no nightly toolchain")?;
    let workspace = Workspace::load().map_err(|failure| format!("{failure:?}"))?;
    let target_dir = workspace.target_dir.join("fuzz-guided");
    eprintln!("building for libFuzzer with the nightly toolchain, which takes minutes");
    let status = build_command(&host, &target_dir)
        .status()
        .map_err(|error| format!("the nightly build did not start: {error}"))?;
    if !status.success() {
        // Cargo has said why.
        return Err("the nightly build failed".to_owned());
    }
    let folder = target_dir.join(&host).join(PROFILE);
    Ok(folder.join("larder-fuzz-guided"))
}

fn build_command(host: &str, target_dir: &Path) -> Command {
    let mut command = nightly(&["cargo", "build", "--profile", PROFILE, "-p", PACKAGE]);
    command
        .args(["--bin", "larder-fuzz-guided"])
        // With a target named, build scripts and macros are built without the flags.
        .args(["--target", host, "--target-dir"])
        .arg(target_dir)
        .env("RUSTFLAGS", COVERAGE.join(" "));
    command
}

/// The platform of the nightly toolchain, where there is one.
fn host() -> Option<String> {
    let output = nightly(&["rustc", "-vV"])
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
}

/// By rustup: the cargo that runs this program is of one toolchain alone.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", NIGHTLY]).args(args);
    command.env_remove("RUSTC").env_remove("RUSTDOC");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(line: &str) -> Result<(Engine, Vec<String>), Failure> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Engine::take(&args)
    }

    #[test]
    fn the_engine_is_taken_out_and_the_rest_handed_on() {
        let check = |line: &str, engine: Engine, expected: &str| {
            let (found, rest) = take(line).expect(line);
            assert_eq!(found, engine, "{line}");
            let expected = format!("cargo run -q --profile fuzz -p larder-fuzz --{expected}");
            assert_eq!(cargo::line(&program(&rest)), expected);
        };
        check("", Engine::Either, "");
        check("--engine stable --seed 7", Engine::Stable, " --seed 7");
        check("--json --engine=nightly", Engine::Nightly, " --json");
        for wrong in ["--engine", "--engine afl", "--engine="] {
            assert!(matches!(take(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn the_guided_build_has_its_own_flags_and_folder() {
        let line = cargo::line(&build_command("x86_64", Path::new("/t")));
        assert!(
            line.contains("--cfg fuzzing -Cpasses=sancov-module"),
            "{line}"
        );
        assert!(line.contains("rustup run nightly cargo build"), "{line}");
        assert!(line.ends_with("--target x86_64 --target-dir /t"), "{line}");
    }
}
