//! The suite that every journal passes, under every sync policy, in real time and in a test's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::Journal;
use larder_file_journal::{FileJournal, FileJournalOptions, SyncPolicy};
use larder_testkit::journal::Subject;
use larder_testkit::{ManualClock, journal_tests};

const SMALL: usize = 10;

async fn synced() -> Subject {
    subject(FileJournalOptions::default()).await
}

async fn unsynced() -> Subject {
    let policy = SyncPolicy::Every(Duration::from_millis(5));
    subject(FileJournalOptions::default().sync(policy)).await
}

async fn manual_time() -> Subject {
    let clock = ManualClock::new();
    let options = FileJournalOptions::default().clock(clock.clone());
    subject(options).await.clock(clock)
}

async fn subject(options: FileJournalOptions) -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let small = options.clone().capacity(SMALL as u64);
    let small = open(directory.path().join("small"), small).await;
    Subject::new(open(path.clone(), options.clone()).await)
        .small(small, SMALL)
        .reopen(move || open(path.clone(), options.clone()))
        .keep(directory)
}

async fn open(path: PathBuf, options: FileJournalOptions) -> Arc<dyn Journal> {
    Arc::new(FileJournal::open(path, options).await.unwrap())
}

journal_tests!(file, synced);
journal_tests!(file_synced_later, unsynced);
journal_tests!(file_by_manual_clock, manual_time);
