//! Keys from files and from the environment.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use larder_cache_core::{Cipher, ErrorKind};
use larder_encryption::KeyRing;
use tempfile::TempDir;

const A: &str = "q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=";
const B: &str = "L0aXmDBvk2Y6y1OtDlwuSbYJfQCZcEO0b1bXrR5aS4A=";

/// A file with these bytes, closed to others.
fn key_file(directory: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join("cache.keys");
    std::fs::write(&path, bytes).unwrap();
    set_mode(&path, 0o600);
    path
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

#[test]
fn a_file_is_read() {
    let directory = TempDir::new().unwrap();
    let text = format!("# since May\n7:{A}\n\n# until June\n3:xchacha20-poly1305:{B}\n");
    let ring = KeyRing::from_file(key_file(&directory, text.as_bytes())).unwrap();
    assert_eq!((ring.current_key(), ring.key_ids()), (7, vec![3, 7]));
    assert!(ring.is_lasting());
}

#[test]
fn a_wrong_file_is_refused_by_name() {
    let directory = TempDir::new().unwrap();
    refuse(&directory, b"# nothing\n", "at least one encryption key");
    refuse(
        &directory,
        format!("7:{A}\n7:{B}\n").as_bytes(),
        "line: 2, entry: 2",
    );
    refuse(&directory, b"7:\xFF\xFE", "UTF-8");
    refuse(&directory, &[b'#'; 64 * 1024 + 1], "most bytes: 65536");
    let missing = KeyRing::from_file(directory.path().join("missing")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Config);
    assert!(missing.to_string().contains("missing"), "{missing}");
    assert!(std::error::Error::source(&missing).is_some());
    assert!(KeyRing::from_file(directory.path()).is_err());
}

fn refuse(directory: &TempDir, bytes: &[u8], expected: &str) {
    let error = KeyRing::from_file(key_file(directory, bytes)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let shown = format!("{error:?}");
    assert!(
        shown.contains(expected) && shown.contains("cache.keys"),
        "{shown}"
    );
    assert!(
        !shown.contains(&A[..8]) && !shown.contains(&B[..8]),
        "{shown}"
    );
}

#[test]
fn the_longest_file_is_read() {
    let directory = TempDir::new().unwrap();
    let keys = format!("7:{A}");
    let text = " ".repeat(64 * 1024 - keys.len()) + &keys;
    assert!(KeyRing::from_file(key_file(&directory, text.as_bytes())).is_ok());
}

#[cfg(unix)]
#[test]
fn a_file_that_is_open_to_others_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = key_file(&directory, format!("7:{A}").as_bytes());
    for mode in [0o400, 0o600, 0o440, 0o640, 0o700] {
        set_mode(&path, mode);
        assert!(KeyRing::from_file(&path).is_ok(), "{mode:o}");
    }
    for mode in [0o444, 0o604, 0o602, 0o620, 0o644, 0o666] {
        set_mode(&path, mode);
        let error = KeyRing::from_file(&path).unwrap_err().to_string();
        let expected = format!("(mode: {mode:o}, file: {})", path.display());
        assert!(
            error.contains("`chmod 600`") && error.contains(&expected),
            "{error}"
        );
    }
    // What counts is the file, not the link that leads to it.
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(KeyRing::from_file(&link).is_err());
    set_mode(&path, 0o600);
    assert!(KeyRing::from_file(&link).is_ok());
}

#[test]
fn one_of_two_settings_is_enough() {
    let directory = TempDir::new().unwrap();
    let file = key_file(&directory, format!("3:{B}").as_bytes());
    let file = Some(file.as_path());
    let keys = format!("7:{A}");
    let current = |keys, file| {
        let ring = KeyRing::from_settings(keys, file).unwrap();
        ring.map(|ring| ring.current_key())
    };
    assert_eq!(current(None, None), None);
    assert_eq!(current(Some(" \n"), Some(Path::new(""))), None);
    assert_eq!(current(Some(&keys), None), Some(7));
    assert_eq!(current(None, file), Some(3));
    assert_eq!(current(Some(""), file), Some(3));

    let both = KeyRing::from_settings(Some(&keys), file).unwrap_err();
    assert!(both.to_string().contains("both set"), "{both}");
    assert_eq!(both.kind(), ErrorKind::Config);
    for (keys, file, setting) in [
        (Some(A), None, "CACHE_ENCRYPTION_KEYS"),
        (
            None,
            Some(Path::new("/nowhere/keys")),
            "CACHE_ENCRYPTION_KEY_FILE",
        ),
    ] {
        let error = KeyRing::from_settings(keys, file).unwrap_err().to_string();
        assert!(error.contains(&format!("setting: {setting})")), "{error}");
    }
}

/// In processes of their own, as a process's own environment can't be set safely.
#[test]
fn the_environment_is_read() {
    let directory = TempDir::new().unwrap();
    let file = key_file(&directory, format!("3:{B}").as_bytes());
    let file = file.to_str().unwrap();
    let keys = format!("7:{A},3:{B}");
    check_environment(&[], "none");
    check_environment(&[("CACHE_ENCRYPTION_KEYS", "")], "none");
    check_environment(&[("CACHE_ENCRYPTION_KEYS", &keys)], "current: 7");
    check_environment(&[("CACHE_ENCRYPTION_KEY_FILE", file)], "current: 3");
    let both = [
        ("CACHE_ENCRYPTION_KEYS", &*keys),
        ("CACHE_ENCRYPTION_KEY_FILE", file),
    ];
    check_environment(&both, "both set");
}

fn check_environment(variables: &[(&str, &str)], expected: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "shows_the_ring_of_the_environment",
            "--ignored",
            "--nocapture",
        ])
        .env_remove("CACHE_ENCRYPTION_KEYS")
        .env_remove("CACHE_ENCRYPTION_KEY_FILE")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(
        shown.contains("ring: ") && shown.contains(expected),
        "{shown}"
    );
    assert!(
        !shown.contains(&A[..8]) && !shown.contains(&B[..8]),
        "{shown}"
    );
}

#[test]
#[ignore = "run by the_environment_is_read"]
fn shows_the_ring_of_the_environment() {
    match KeyRing::from_env() {
        Ok(None) => eprintln!("ring: none"),
        Ok(Some(ring)) => eprintln!("ring: current: {}", ring.current_key()),
        Err(error) => eprintln!("ring: {error}"),
    }
}
