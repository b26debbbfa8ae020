//! Where lists of keys come from: the environment, or a file that it names.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use larder_cache_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use crate::ring::KeyRing;

const KEYS: &str = "CACHE_ENCRYPTION_KEYS";
const KEY_FILE: &str = "CACHE_ENCRYPTION_KEY_FILE";

/// Room for more than a thousand keys. A limit, as a file may be a device without an end.
const MAX_FILE_BYTES: usize = 64 * 1024;

impl KeyRing {
    /// Reads the environment of this process: the keys in `CACHE_ENCRYPTION_KEYS`, or those in the
    /// file that `CACHE_ENCRYPTION_KEY_FILE` names. `None` where neither is set; an empty value
    /// counts as not set.
    ///
    /// Prefer the file: the environment is inherited by every child of the process, and shown by
    /// many tools.
    ///
    /// # Errors
    /// Kind `Config` where both are set, and for everything that [`parse`](KeyRing::parse) and
    /// [`from_file`](KeyRing::from_file) refuse.
    pub fn from_env() -> Result<Option<Self>> {
        let keys = match std::env::var(KEYS) {
            Ok(keys) => Some(Zeroizing::new(keys)),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => return Err(not_text().with("setting", KEYS)),
        };
        let file = std::env::var_os(KEY_FILE).map(PathBuf::from);
        Self::from_settings(keys.as_ref().map(|keys| keys.as_str()), file.as_deref())
    }

    /// What [`from_env`](KeyRing::from_env) reads, from anywhere: a list of keys, or the path of a
    /// file with one. `None` where both are missing or empty.
    ///
    /// # Errors
    /// As [`from_env`](KeyRing::from_env).
    pub fn from_settings(keys: Option<&str>, file: Option<&Path>) -> Result<Option<Self>> {
        let keys = keys.filter(|keys| !keys.trim().is_empty());
        let file = file.filter(|file| !file.as_os_str().is_empty());
        match (keys, file) {
            (None, None) => Ok(None),
            (Some(keys), None) => Self::parse(keys)
                .map(Some)
                .map_err(|error| error.with("setting", KEYS)),
            (None, Some(file)) => Self::from_file(file)
                .map(Some)
                .map_err(|error| error.with("setting", KEY_FILE)),
            (Some(_), Some(_)) => Err(both()),
        }
    }

    /// Reads a file with a list of keys, as [`parse`](KeyRing::parse) takes it.
    ///
    /// On Unix it is refused where others can read or change it, or its group can change it: it
    /// should have mode 600, or 440 and the group of the service.
    ///
    /// # Cost
    /// Blocks while the file is read.
    ///
    /// # Errors
    /// Kind `Config` for a file that can't be read, is open to others, or holds no such list. The
    /// error shows nothing of what was read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        read(path)
            .and_then(|text| Self::parse(&text))
            .map_err(|error| error.with("file", path.display()))
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let mut file = File::open(path).map_err(unreadable)?;
    check_access(&file)?;
    // All at once, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES + 1));
    let limit = u64::try_from(MAX_FILE_BYTES + 1).unwrap_or(u64::MAX);
    Read::by_ref(&mut file)
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_long());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| not_text())?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Looks at the file that was opened, which the path may not lead to any more.
#[cfg(unix)]
fn check_access(file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    const GROUP_WRITES: u32 = 0o020;
    const OTHERS_READ_OR_WRITE: u32 = 0o006;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & (GROUP_WRITES | OTHERS_READ_OR_WRITE) == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Config,
        "the file with the encryption keys must be closed to others; they can read or change it; \
         run `chmod 600` on it",
    )
    .with("mode", format!("{:03o}", mode & 0o777)))
}

#[cfg(not(unix))]
fn check_access(_file: &File) -> Result<()> {
    Ok(())
}

fn unreadable(source: std::io::Error) -> Error {
    let message = "the file with the encryption keys can't be read";
    Error::new(ErrorKind::Config, message).with_source(source)
}

fn not_text() -> Error {
    let message = "a list of encryption keys must be text in UTF-8";
    Error::new(ErrorKind::Config, message)
}

fn too_long() -> Error {
    let message = "a file with encryption keys must be short; is this another file?";
    Error::new(ErrorKind::Config, message).with("most bytes", MAX_FILE_BYTES)
}

fn both() -> Error {
    Error::new(
        ErrorKind::Config,
        "CACHE_ENCRYPTION_KEYS and CACHE_ENCRYPTION_KEY_FILE are both set; set one of them",
    )
}
