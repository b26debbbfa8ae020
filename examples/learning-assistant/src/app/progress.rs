//! Progress is written behind: players report every few seconds, and the database gets the
//! last position of each, many at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{
    Event, FileJournal, FileJournalOptions, Journal, Observer, Refusal, Result, SyncPolicy,
    TypedCache, Update, WriteBehind, WriteBehindOptions, WriteFailure,
};

use super::App;
use crate::database::{Database, Progress, Report};

/// How long the database may be behind.
const DELAY: Duration = Duration::from_secs(1);

/// A power failure may take so much; the end of the process takes nothing. The database itself
/// does not sync at each commit either (`synchronous = NORMAL`).
const SYNCED_WITHIN: Duration = Duration::from_millis(100);

/// Opens the journal beside the database's file. It is there for one process; several that
/// share a Redis take a `RedisStreamJournal` instead.
pub(super) async fn open_journal(database: &Database) -> Result<Arc<dyn Journal>> {
    let options = FileJournalOptions::default()
        .sync(SyncPolicy::Every(SYNCED_WITHIN))
        // SQLite has one writer at a time, so that more shards would only wait for each other.
        .shards(1);
    let path = journal_path(database);
    Ok(Arc::new(FileJournal::open(path, options).await?))
}

pub(super) fn journal_path(database: &Database) -> PathBuf {
    database.path().with_extension("progress.journal")
}

pub(super) fn start(
    cache: TypedCache<Progress>,
    journal: Arc<dyn Journal>,
    database: Database,
) -> Result<WriteBehind<Progress>> {
    let options = WriteBehindOptions::new().max_delay(DELAY);
    WriteBehind::start(cache, journal, options, move |updates| {
        let database = database.clone();
        async move { write(&database, updates).await }
    })
}

/// Writes a batch in one transaction. It may be called again with the same updates, or late:
/// the sequence in the row keeps what is newer.
async fn write(
    database: &Database,
    updates: Vec<Update<Progress>>,
) -> std::result::Result<(), WriteFailure> {
    let reports = updates.into_iter().filter_map(|update| {
        // Nothing here deletes progress, so that each update has a value.
        let progress = (*update.value?).clone();
        Some(Report {
            progress,
            sequence: update.sequence.as_u64(),
        })
    });
    let unknown = database.save_progress(reports.collect()).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let refusals = unknown.into_iter().map(|progress| Refusal {
        key: App::progress_key(progress.user, progress.content),
        reason: "there is no such user or content".to_owned(),
    });
    Err(WriteFailure::Refused(refusals.collect()))
}

/// Counts what the write-behind did, as the cache's observer.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    pub(super) batches: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) dead_letters: AtomicU64,
}

impl Observer for Flushes {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Flushed { keys, .. } => {
                self.batches.fetch_add(1, Ordering::Relaxed);
                self.rows.fetch_add(*keys as u64, Ordering::Relaxed);
            }
            Event::DeadLettered { .. } => {
                self.dead_letters.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}
