use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::RedisServerError;

const OVERRIDE: &str = "LARDER_REDIS_SERVER";

pub(crate) fn find() -> Result<PathBuf, RedisServerError> {
    choose(env::var_os(OVERRIDE), env::var_os("PATH").as_deref())
}

fn choose(chosen: Option<OsString>, path: Option<&OsStr>) -> Result<PathBuf, RedisServerError> {
    match chosen.filter(|value| !value.is_empty()) {
        Some(value) => existing(value.into()),
        None => first_on(path).ok_or_else(RedisServerError::no_binary),
    }
}

fn existing(path: PathBuf) -> Result<PathBuf, RedisServerError> {
    if is_executable(&path) {
        Ok(path)
    } else {
        Err(RedisServerError::wrong_binary(path))
    }
}

fn first_on(path: Option<&OsStr>) -> Option<PathBuf> {
    env::split_paths(path?)
        .map(|dir| dir.join("redis-server"))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Major and minor version of a server.
pub(crate) fn version(binary: &Path) -> Result<(u32, u32), RedisServerError> {
    let failed = |error| {
        let what = format!("could not read the version of {}", binary.display());
        RedisServerError::io(what, error)
    };
    let output = Command::new(binary).arg("--version").output();
    let text = output.map_err(failed)?.stdout;
    let text = String::from_utf8_lossy(&text);
    let unknown = || io::Error::other(format!("expected v=MAJOR.MINOR, found `{}`", text.trim()));
    parse_version(&text).ok_or_else(|| failed(unknown()))
}

/// `Redis server v=7.0.15 sha=...`, `Valkey server v=8.0.1 sha=...`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text.split(' ').find_map(|word| word.strip_prefix("v="))?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let check = |text, expected| assert_eq!(parse_version(text), expected, "{text}");
        check("Redis server v=7.0.15 sha=00000000:0 bits=64", Some((7, 0)));
        check("Valkey server v=8.1.1-rc2 sha=0", Some((8, 1)));
        check("Redis server sha=0", None);
        check("v=seven", None);
    }

    fn message(chosen: Option<&str>, path: &str) -> String {
        match choose(chosen.map(Into::into), Some(OsStr::new(path))) {
            Ok(found) => format!("found {}", found.display()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_absent_binary_says_how_to_get_it() {
        let text = message(None, "/nowhere:/nowhere/else");
        assert!(text.contains("apt-get install redis-server"), "{text}");
        assert!(text.contains("set LARDER_REDIS_SERVER"), "{text}");
    }

    #[test]
    fn the_override_wins_and_must_be_executable() {
        assert_eq!(message(Some("/bin/sh"), "/nowhere"), "found /bin/sh");
        assert!(message(Some("/etc/passwd"), "/bin").contains("is `/etc/passwd`, which is not"));
    }

    #[test]
    fn an_empty_override_counts_as_unset() {
        assert!(message(Some(""), "/nowhere").starts_with("no redis-server on PATH"));
    }
}
