//! Which files are opened, what is left of them, and how large they get.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_cache_core::{
    Append, Bytes, Durability, Error, ErrorKind, Journal, JournalWrite, Sequence,
};
use larder_file_journal::{FileJournal, FileJournalOptions, SyncPolicy};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(600);

async fn open(path: &Path) -> Result<FileJournal, Error> {
    FileJournal::open(path, FileJournalOptions::default()).await
}

fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.log", path.display()))
}

async fn append(journal: &FileJournal, key: &str, values: std::ops::Range<u64>) {
    let write = |value: u64| JournalWrite {
        key: key.to_owned(),
        value: Some(Bytes::from(value.to_string())),
    };
    let writes: Vec<_> = values.map(write).collect();
    let append = Append {
        writer: 1,
        settled: Sequence::ZERO,
        writes: &writes,
    };
    let shard = journal.shard_of(key);
    journal.append(shard, append).await.unwrap();
}

async fn values(journal: &FileJournal, key: &str) -> Vec<u64> {
    let shard = journal.shard_of(key);
    let claim = journal.claim(shard, LONG).await.unwrap().unwrap();
    let records = journal.read(&claim, Sequence::ZERO, usize::MAX).await;
    journal.release(&claim).await.unwrap();
    let parse = |value: &Bytes| std::str::from_utf8(value).unwrap().parse().unwrap();
    let records = records.unwrap();
    let values = records.iter().map(|record| record.value.as_ref().unwrap());
    values.map(parse).collect()
}

/// A journal with so many writes that was closed.
async fn closed_with(writes: u64) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = open(&path).await.unwrap();
    append(&journal, "key", 0..writes).await;
    journal.close().await;
    (directory, path)
}

async fn check_refused(path: &Path, expected: &str) {
    let before = (fs::read(path).ok(), fs::read(log_of(path)).ok());
    let refused = open(path).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config, "{refused}");
    assert!(refused.to_string().contains(expected), "{refused}");
    let after = (fs::read(path).ok(), fs::read(log_of(path)).ok());
    assert!(before == after, "{expected}: a file was changed");
}

#[tokio::test]
async fn a_journal_is_open_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let first = open(&path).await.unwrap();
    let second = open(&path).await.unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Config);
    assert!(second.to_string().contains("open already"), "{second}");
    append(&first, "key", 0..1).await;
    first.close().await;
    let again = open(&path).await.unwrap();
    assert_eq!(values(&again, "key").await, [0]);
}

#[tokio::test]
async fn the_policy_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let policy = SyncPolicy::Every(Duration::from_secs(1));
    let options = FileJournalOptions::default().sync(policy);
    let later = FileJournal::open(directory.path().join("later"), options).await;
    assert_eq!(later.unwrap().durability(), Durability::Crash);
    let always = open(&directory.path().join("always")).await.unwrap();
    assert_eq!(always.durability(), Durability::PowerLoss);
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    fs::write(&path, "Dear diary,").unwrap();
    check_refused(&path, "log is not beside it").await;
    fs::write(log_of(&path), "a log of something else, somewhat longer").unwrap();
    check_refused(&path, "not the log of a Larder journal").await;
}

#[tokio::test]
async fn a_journal_of_a_later_version_is_left_alone() {
    let (_directory, path) = closed_with(3).await;
    let mut log = fs::read(log_of(&path)).unwrap();
    log[16] = 2;
    fs::write(log_of(&path), log).unwrap();
    check_refused(&path, "another version").await;
}

#[tokio::test]
async fn the_number_of_shards_stays() {
    let (_directory, path) = closed_with(3).await;
    let options = FileJournalOptions::default().shards(3);
    let refused = FileJournal::open(&path, options).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("found: 16"), "{refused}");
    assert_eq!(values(&open(&path).await.unwrap(), "key").await, [0, 1, 2]);
}

#[tokio::test]
async fn half_a_journal_is_none() {
    let (_directory, path) = closed_with(3).await;
    let (store, log) = (fs::read(&path).unwrap(), fs::read(log_of(&path)).unwrap());
    fs::remove_file(&path).unwrap();
    check_refused(&path, "without the file it belongs to").await;
    fs::write(&path, "").unwrap();
    check_refused(&path, "without the file it belongs to").await;
    fs::write(&path, &store).unwrap();
    fs::remove_file(log_of(&path)).unwrap();
    check_refused(&path, "log is not beside it").await;
    fs::write(log_of(&path), log).unwrap();
    assert_eq!(values(&open(&path).await.unwrap(), "key").await, [0, 1, 2]);
}

/// Cut anywhere, it is refused and left as it is.
#[tokio::test]
async fn a_cut_file_is_refused() {
    let (_directory, path) = closed_with(20_000).await;
    let whole = fs::read(&path).unwrap();
    let lengths = [
        1,
        9,
        64,
        320,
        512,
        4095,
        4096,
        8192,
        whole.len() / 2,
        whole.len() - 1,
    ];
    for length in lengths {
        fs::write(&path, &whole[..length]).unwrap();
        check_refused(&path, "could not be opened").await;
    }
    fs::write(&path, &whole).unwrap();
    let found = values(&open(&path).await.unwrap(), "key").await;
    assert_eq!(found.len(), 20_000);
}

/// Damaged anywhere, it is refused, or it has all that was in it: no panic, no half.
#[tokio::test]
async fn a_damaged_file_is_refused_or_whole() {
    let (_directory, path) = closed_with(50).await;
    let (whole, log) = (fs::read(&path).unwrap(), fs::read(log_of(&path)).unwrap());
    for at in (0..400).chain((0..60).map(|_| fastrand::usize(..whole.len()))) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        fs::write(log_of(&path), &log).unwrap();
        if let Ok(journal) = open(&path).await {
            let shard = journal.shard_of("key");
            let claim = journal.claim(shard, LONG).await.unwrap().unwrap();
            if let Ok(records) = journal.read(&claim, Sequence::ZERO, 100).await {
                assert_eq!(records.len(), 50, "damaged at {at}");
            }
            journal.close().await;
        }
    }
}

/// The store may be as old as its last checkpoint when the power fails: the log has the rest.
/// And where the log is torn, what comes before the tear is there.
#[tokio::test]
async fn the_log_has_what_the_store_lacks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = open(&path).await.unwrap();
    append(&journal, "key", 0..5).await;
    journal.close().await;
    let journal = open(&path).await.unwrap();
    let store = fs::read(&path).unwrap();
    for value in 5..15 {
        append(&journal, "key", value..value + 1).await;
    }
    let log = fs::read(log_of(&path)).unwrap();
    journal.close().await;
    let mut seen = 0;
    for length in (32..log.len()).step_by(13).chain([log.len()]) {
        let copy = directory.path().join("copy");
        fs::write(&copy, &store).unwrap();
        fs::write(log_of(&copy), &log[..length]).unwrap();
        let journal = open(&copy).await.unwrap();
        let found = values(&journal, "key").await;
        let expected: Vec<u64> = (0..found.len() as u64).collect();
        assert_eq!(found, expected);
        assert!(found.len() >= seen.max(5), "{length} bytes: {found:?}");
        seen = found.len();
        append(&journal, "key", 100..101).await;
        journal.close().await;
        let again = open(&copy).await.unwrap();
        assert_eq!(values(&again, "key").await.len(), seen + 1);
        again.close().await;
    }
    assert_eq!(seen, 15);
}

/// What has passed through a journal does not stay in its file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_journal_is_small_again() {
    let writes = std::env::var("LARDER_WRITES").map_or(100_000, |writes| writes.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = open(&path).await.unwrap();
    let shard = journal.shard_of("key");
    let claim = journal.claim(shard, LONG).await.unwrap().unwrap();
    for round in 0..writes / 10_000 {
        append(&journal, "key", round * 10_000..(round + 1) * 10_000).await;
        let records = journal.read(&claim, Sequence::ZERO, 10_000).await.unwrap();
        journal.acknowledge(&claim, &records).await.unwrap();
    }
    assert_eq!(journal.depth().await.unwrap().records, 0);
    let (store, log) = (size(&path), size(&log_of(&path)));
    assert!(
        store < 64 << 20 && log < 64 << 20,
        "{store} and {log} bytes"
    );
    journal.close().await;
    open(&path).await.unwrap().close().await;
    let (store, log) = (size(&path), size(&log_of(&path)));
    assert!(
        store <= 16 << 20 && log < 1 << 20,
        "{store} and {log} bytes"
    );
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}
