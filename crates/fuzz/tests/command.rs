//! What a person gets from the command line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use larder_fuzz::targets::{PLANTED, TARGETS};
use serde_json::Value;
use tempfile::TempDir;

/// The program, in a folder in which it is alone: it keeps what it finds beside it.
struct Program {
    folder: TempDir,
}

impl Program {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Self { folder };
        std::fs::create_dir(program.file().parent().unwrap()).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_larder-fuzz"), program.file()).unwrap();
        program
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("debug/larder-fuzz")
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(self.file()).args(args).output().unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn all_targets_are_listed() {
    let output = Program::new().run(&["--list"]);
    let text = stdout(&output);
    assert!(output.status.success());
    for target in TARGETS.iter().chain(PLANTED) {
        let listed = text.lines().any(|line| line.starts_with(target.name));
        assert!(listed, "{}: {text}", target.name);
    }
}

#[test]
fn what_holds_ends_with_success_and_says_where_it_is() {
    let output = Program::new().run(&["--only", "keys", "--seconds", "1", "--seed", "1"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("inputs/s") && text.contains("ok"), "{text}");
    let progress = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(progress.contains("keys (1 of 1)"), "{progress}");
    assert!(progress.contains("seed 1"), "{progress}");
}

/// Each kind of bug ends with a failure, an input, and a command that shows it again.
fn check(name: &str, expected: &str) {
    let program = Program::new();
    let output = program.run(&["--only", name, "--seed", "1", "--seconds", "30", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{name}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failure = &said["targets"][0]["failure"];
    let fault = failure["fault"].as_str().unwrap();
    assert!(fault.contains(expected), "{name}: {fault}");
    assert!(failure["input"].as_str().unwrap().contains("b\""), "{name}");
    let file = failure["file"].as_str().unwrap();
    let kept = std::fs::read(file).unwrap();
    assert!(kept.windows(2).any(|pair| pair == [0xC1, 0x4D]), "{name}");
    let replay = failure["replay"].as_str().unwrap();
    let args = replay.strip_prefix("cargo xtask fuzz ").unwrap();
    let args: Vec<&str> = args.split(' ').collect();
    assert_eq!(args, ["--only", name, "--replay", file]);
    let again = program.run(&args);
    assert!(!again.status.success(), "{name}: {}", stdout(&again));
}

#[test]
fn a_panic_is_kept_and_shown_again() {
    check("planted-panic", "panicked: planted");
}

#[test]
fn memory_is_kept_and_shown_again() {
    check("planted-allocation", "bytes at once");
}

#[test]
fn a_hang_is_kept_and_shown_again() {
    check("planted-hang", "did not end");
}

#[test]
fn the_end_of_the_process_is_kept_and_shown_again() {
    check("planted-abort", "ended the process");
}

#[test]
fn a_replay_that_holds_is_a_success() {
    let program = Program::new();
    let file = program.folder.path().join("input");
    std::fs::write(&file, "profile:1\nprofile:2").unwrap();
    let output = program.run(&["--only", "keys", "--replay", file.to_str().unwrap()]);
    assert!(output.status.success());
    assert!(stdout(&output).contains("19 bytes: b\"profile:1\\nprofile:2\""));
    let output = program.run(&["--only", "keys", "--replay", "no such file"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains("can't be read"),
        "{text}"
    );
    assert!(!Path::new("no such file").exists());
}

#[test]
fn the_other_failures_do_not_end_a_session() {
    let args = [
        "--only",
        "planted-panic,keys",
        "--seed",
        "1",
        "--seconds",
        "1",
        "--json",
    ];
    let output = Program::new().run(&args);
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["seed"], 1);
    assert_eq!(said["targets"][1]["target"], "keys");
    assert_eq!(said["targets"][1]["failure"], Value::Null);
    assert!(said["targets"][1]["inputs"].as_u64().unwrap() > 0);
}

#[test]
fn a_wrong_command_line_is_answered_with_the_usage() {
    let output = Program::new().run(&["--only", "nonsense"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text.contains("no target `nonsense`") && text.contains("Usage:"),
        "{text}"
    );
}
