//! A disk that is full in earnest: a small file system in memory, where this process may make one.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use larder_cache_core::{Append, Bytes, Error, ErrorKind, Journal, JournalWrite, Sequence};
use larder_file_journal::FileJournal;

use crate::Failure;
use crate::behind::file_options;
use crate::scenario::Stage;
use crate::scratch::Scratch;
use crate::verdict::{Check, Verdict};

const SIZE: &str = "size=8m";
const VALUE_BYTES: usize = 4096;
const MOST_WRITES: u64 = 10_000;
const REFUSED: u64 = 5;

/// A file system of its own, which goes with this value.
struct Mount {
    path: PathBuf,
}

impl Mount {
    /// `None` where that is not allowed.
    fn create(path: PathBuf) -> Result<Option<Self>, Failure> {
        fs::create_dir(&path)?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "larder-chaos"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        let is_mounted = mount.is_ok_and(|status| status.success());
        Ok(is_mounted.then_some(Self { path }))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What remains is an empty file system in memory.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

pub(super) async fn check(stage: &Stage, verdict: &mut Verdict) -> Result<(), Failure> {
    let scratch = Scratch::create("chaos")?;
    let Some(mount) = Mount::create(scratch.path().join("small"))? else {
        stage
            .progress
            .say("a file system of a few megabytes may not be made: left out");
        return Ok(());
    };
    let path = mount.path.join("journal");
    let journal = FileJournal::open(&path, file_options()).await?;
    let (mut acknowledged, mut failure) = (0, None);
    while failure.is_none() && acknowledged < MOST_WRITES {
        match append(&journal, acknowledged).await {
            Ok(()) => acknowledged += 1,
            Err(error) => failure = Some(error),
        }
    }
    let mut refused = 0;
    for number in 0..REFUSED {
        let again = append(&journal, MOST_WRITES + number).await;
        refused += u64::from(again.is_err());
    }
    journal.close().await;
    stage
        .progress
        .say(&format!("full after {acknowledged} writes: {failure:?}"));
    let kind = failure.as_ref().map(Error::kind);
    let found = format!("{failure:?}");
    verdict.check(Check::that(
        "ENOSPC is told",
        kind == Some(ErrorKind::Server),
        found,
    ));
    verdict.check(Check::equal("refused after that", refused, REFUSED));
    // Where there is room.
    let roomy = scratch.path().join("roomy");
    fs::create_dir(&roomy)?;
    for name in ["journal", "journal.log"] {
        fs::copy(mount.path.join(name), roomy.join(name))?;
    }
    let journal = FileJournal::open(roomy.join("journal"), file_options()).await?;
    let mut lost = 0;
    for number in 0..acknowledged {
        lost += u64::from(journal.latest(&key(number)).await?.is_none());
    }
    journal.close().await;
    verdict.check(Check::equal("lost on a full disk", lost, 0));
    Ok(())
}

async fn append(journal: &FileJournal, number: u64) -> Result<(), Error> {
    let write = JournalWrite {
        key: key(number),
        value: Some(Bytes::from(vec![7; VALUE_BYTES])),
    };
    let append = Append {
        writer: 1,
        settled: Sequence::ZERO,
        writes: std::slice::from_ref(&write),
    };
    journal
        .append(journal.shard_of(&write.key), append)
        .await
        .map(drop)
}

fn key(number: u64) -> String {
    format!("key-{number}")
}
