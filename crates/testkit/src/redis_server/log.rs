use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const TAIL_LINES: usize = 20;

/// What one run of the server prints, in a file that earlier runs wrote to as well.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
    run_starts_at: u64,
}

impl Log {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("redis.log");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let run_starts_at = file.metadata()?.len();
        Ok(Self {
            file,
            path,
            run_starts_at,
        })
    }

    pub(super) fn writer(&self) -> io::Result<Stdio> {
        Ok(self.file.try_clone()?.into())
    }

    /// What this run has printed so far, or why that can't be read.
    pub(super) fn text(&self) -> String {
        self.read()
            .unwrap_or_else(|error| format!("(unreadable: {error})"))
    }

    /// The last lines of this run.
    pub(super) fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    fn read(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.run_starts_at))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_shows_the_end_of_its_own_run() {
        let directory = super::super::directory::Directory::create().expect("a directory");
        let mut first = Log::open(directory.path()).expect("a log");
        first.file.write_all(b"the first run\n").expect("written");
        let mut second = Log::open(directory.path()).expect("a log");
        for line in 1..=30 {
            writeln!(second.file, "line {line}").expect("written");
        }
        assert!(second.text().starts_with("line 1\n"));
        assert!(second.tail().starts_with("line 11\n"));
        assert!(second.tail().ends_with("line 30"));
    }
}
