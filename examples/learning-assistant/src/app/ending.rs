//! What the end left undone.

use std::fmt;

use larder::{DrainReport, RefreshAheadReport, ShutdownReport};

/// What the end left undone. Its `Display` is one line.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Of the progress that was to be written.
    pub progress: DrainReport,
    /// Of the contents that were to be refreshed.
    pub contents: RefreshAheadReport,
    /// Of the cache's own tasks.
    pub cache: ShutdownReport,
}

impl Ending {
    /// Whether nothing was left undone.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.progress.is_clean() && self.contents.is_clean() && self.cache.is_clean()
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elapsed = self.progress.elapsed + self.contents.elapsed + self.cache.elapsed;
        write!(f, "Ended in {:.2} s: ", elapsed.as_secs_f64())?;
        match self.progress.left {
            Some(0) => f.write_str("the database has all progress that was acknowledged")?,
            Some(left) => write!(f, "{left} changes of progress wait in the journal")?,
            None => f.write_str("nobody knows what waits in the journal")?,
        }
        for (number, what) in [
            (
                self.progress.dead_letters,
                "can never be written: dead letters",
            ),
            (
                self.contents.left.len() as u64,
                "contents were not refreshed",
            ),
            (
                self.cache.aborted.len() as u64,
                "tasks of the cache were aborted",
            ),
        ] {
            if number > 0 {
                write!(f, "; {number} {what}")?;
            }
        }
        Ok(())
    }
}
