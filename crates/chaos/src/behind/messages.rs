use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use larder::{Builder, SystemClock};
use larder_cache_core::{Journal, Observers};
use larder_file_journal::{FileJournal, FileJournalOptions};
use larder_redis_backend::{RedisConfig, RedisStreamJournal, StreamJournalOptions};
use serde::{Deserialize, Serialize};

use crate::Failure;

/// A program that writes behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) place: Place,
    pub(crate) database: PathBuf,
    /// Which of those that run at the same time it is; its keys are no other's.
    pub(crate) member: u32,
    /// How many were started before it in its place.
    pub(crate) life: u32,
    pub(crate) keys: u32,
    /// How many updates are to be acknowledged.
    pub(crate) updates: u64,
    pub(crate) tasks: u32,
    pub(crate) max_batch: usize,
    /// What each batch takes the database besides.
    pub(crate) database_takes: Duration,
    /// How long it may take to write what is left when it is told to end.
    pub(crate) deadline: Duration,
}

/// Where the journal is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    File(PathBuf),
    Stream(String),
}

/// What a program that writes behind tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Updates that were acknowledged before this was said, by key and version.
    Acknowledged { writes: Vec<(String, u64)> },
    /// An update was not acknowledged.
    Refused { why: String },
    /// All its updates are acknowledged, and nothing waits in the journal.
    Written,
    /// It has ended in order.
    Drained(Drained),
}

/// How a program says that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Drained {
    pub(crate) left: Option<u64>,
    pub(crate) dead_letters: u64,
    pub(crate) elapsed: Duration,
}

const SHARDS: u32 = 4;

/// More than this is refused by the server's own slowness, not by its failure.
const BUDGET: Duration = Duration::from_secs(3);

impl Place {
    pub(crate) async fn open(&self) -> Result<Arc<dyn Journal>, Failure> {
        match self {
            Self::File(path) => Ok(Arc::new(FileJournal::open(path, file_options()).await?)),
            Self::Stream(url) => {
                let options = StreamJournalOptions::new("chaos").shards(SHARDS);
                let journal = RedisStreamJournal::connect(
                    RedisConfig::new(url),
                    options.budget(BUDGET),
                    Observers::default(),
                    Arc::new(SystemClock::new()),
                );
                Ok(Arc::new(journal.await?))
            }
        }
    }

    /// A cache where the journal is, if that can be.
    pub(crate) fn cache(&self) -> Builder {
        match self {
            Self::File(_) => larder::builder().memory(),
            Self::Stream(url) => larder::builder().redis(url),
        }
    }
}

/// As few shards as suffice to have several.
pub(crate) fn file_options() -> FileJournalOptions {
    FileJournalOptions::default().shards(SHARDS)
}
