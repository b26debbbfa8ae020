//! What a person gets who mistypes a command.

use std::process::{Command, Output};

fn xtask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("xtask: {error}"))
}

#[test]
fn a_wrong_command_line_is_answered_with_the_usage() {
    let check = |args: &[&str], expected: &str| {
        let output = xtask(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(expected), "{args:?}: {text}");
        assert!(text.contains("Usage: cargo xtask"), "{args:?}: {text}");
    };
    check(&[], "a command is missing");
    check(&["nonsense"], "unknown command `nonsense`");
    check(&["test", "nonsense"], "unknown argument `nonsense`");
    check(&["test", "--backend", "mongo"], "unknown backend `mongo`");
    check(&["redis"], "needs up, down or status");
    check(&["redis", "sideways"], "unknown argument `sideways`");
    check(&["redis", "up", "now"], "unknown topology `now`");
    check(&["redis", "down", "now"], "unknown argument `now`");
    check(&["fuzz", "--engine", "afl"], "unknown engine `afl`");
    check(&["ci", "nonsense"], "unknown argument `nonsense`");
}

#[test]
fn help_lists_the_commands() {
    for args in [&["help"][..], &["--help"], &["test", "-h"]] {
        let output = xtask(args);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}");
        assert!(text.contains("redis down|status"), "{args:?}: {text}");
    }
}
