//! A directory of this run's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A fresh directory, which goes with this value.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn create(what: &str) -> io::Result<Self> {
        let name = format!("larder-{what}-{:032x}", fastrand::u128(..));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What remains is in the system's directory for such things.
        let _ = fs::remove_dir_all(&self.path);
    }
}
