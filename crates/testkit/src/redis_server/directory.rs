use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::RedisServerError;

const PREFIX: &str = "larder-redis-";

/// A temporary directory of one server, removed when dropped.
///
/// Its path is absolute and its name begins with [`PREFIX`], whoever made it: nothing else is ever
/// removed.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    is_kept: bool,
}

impl Directory {
    pub(crate) fn create() -> Result<Self, RedisServerError> {
        loop {
            let path = std::env::temp_dir().join(fresh_name());
            match fs::create_dir(&path) {
                Ok(()) => {
                    return Ok(Self {
                        path,
                        is_kept: false,
                    });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let what = format!("could not create {}", path.display());
                    return Err(RedisServerError::io(what, error));
                }
            }
        }
    }

    /// The directory of a server that an earlier process left running, unless `path` does not
    /// look like one.
    pub(crate) fn adopt(path: PathBuf) -> Option<Self> {
        if !is_ours(&path) {
            return None;
        }
        Some(Self {
            path,
            is_kept: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory up without removing it.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.is_kept = true;
        self.path.clone()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.is_kept && is_ours(&self.path) {
            // A temporary directory that can't be removed is no reason to fail a test.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    path.is_absolute() && name.is_some_and(|name| name.starts_with(PREFIX))
}

fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{PREFIX}{}-{}",
        process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_directory_is_gone_and_a_kept_one_stays() {
        let gone = Directory::create().expect("a directory");
        let path = gone.path().to_owned();
        drop(gone);
        assert!(!path.exists());

        let kept = Directory::create().expect("a directory").keep();
        assert!(kept.exists());
        drop(Directory::adopt(kept.clone()));
        assert!(!kept.exists());
    }

    #[test]
    fn a_directory_of_another_name_is_neither_adopted_nor_removed() {
        let outer = Directory::create().expect("a directory");
        let path = outer.path().join("precious");
        fs::create_dir(&path).expect("created");
        assert!(Directory::adopt(path.clone()).is_none());
        drop(Directory {
            path: path.clone(),
            is_kept: false,
        });
        assert!(path.exists());
    }

    #[test]
    fn ours_are_absolute_and_carry_the_prefix() {
        let check =
            |path: &str, expected: bool| assert_eq!(is_ours(Path::new(path)), expected, "{path}");
        check("/tmp/larder-redis-1-0", true);
        check("/tmp", false);
        check("/", false);
        check("", false);
        check("larder-redis-1-0", false);
        check("/tmp/larder-redis-1-0/..", false);
    }
}
