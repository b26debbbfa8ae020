//! The environment of a process, in a process of its own.

use std::ffi::OsStr;
use std::process::Command;

use larder::Config;

const FILE: &str = "LARDER_TEST_FILE";

/// Runs one test of this binary in another environment.
fn check(test: &str, variables: &[(&str, &OsStr)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test]).env_clear();
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn the_environment_is_read() {
    let seven = OsStr::new("7");
    check("environment::reads_what_is_set", &[]);
    check(
        "environment::reads_what_is_set",
        &[("CACHE_TTL_SHORT", seven)],
    );
}

/// Holds in any environment.
#[test]
fn reads_what_is_set() {
    let read = Config::from_env().map_err(|error| error.to_string());
    let expected = Config::from_vars(std::env::vars()).map_err(|error| error.to_string());
    assert_eq!(read, expected);
    if let Ok(seconds) = std::env::var("CACHE_TTL_SHORT") {
        let short = read.unwrap().ttl_classes.short.as_secs();
        assert_eq!(short.to_string(), seconds);
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.toml");
    let file = "cache_ttl_short = 1\ncache_ttl_long = 2\n[[namespaces]]\nname = \"users\"\n";
    std::fs::write(&path, file).unwrap();
    let variables = [
        (FILE, path.as_os_str()),
        ("CACHE_TTL_SHORT", OsStr::new("3")),
        ("CACHE_TTL_MEDIUM", OsStr::new("4")),
        ("CACHE_TTL_LONG", OsStr::new("")),
    ];
    check("environment::reads_file_and_environment", &variables);
}

/// Without a file there is nothing to compare but the environment.
#[test]
fn reads_file_and_environment() {
    let Ok(path) = std::env::var(FILE) else {
        let missing = Config::from_file("no-such-file.toml").unwrap_err();
        assert!(
            missing.to_string().contains("no-such-file.toml"),
            "{missing}"
        );
        return;
    };
    let config = Config::from_file(path).unwrap();
    let classes = config.ttl_classes;
    let seconds = [classes.default, classes.short, classes.medium, classes.long];
    assert_eq!(seconds.map(|class| class.as_secs()), [3600, 3, 4, 2]);
    assert_eq!(config.namespaces.len(), 1);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let variables = [("REDIS_KEY_PREFIX", OsStr::from_bytes(b"\xFFs3cret"))];
    check("environment::refuses_what_is_no_text", &variables);
}

#[test]
fn refuses_what_is_no_text() {
    let odd = std::env::var_os("REDIS_KEY_PREFIX").is_some_and(|text| text.to_str().is_none());
    match Config::from_env() {
        Err(error) if odd => {
            let text = error.to_string();
            assert!(
                text.contains("REDIS_KEY_PREFIX") && text.contains("UTF-8"),
                "{text}"
            );
        }
        other => assert!(!odd, "{other:?}"),
    }
}
