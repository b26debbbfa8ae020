//! The service's database: SQLite in a file. Nothing in here knows of the cache.

mod contents;
mod error;
mod pool;
mod progress;
mod sample;
mod sessions;
mod settings;
mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

pub use self::contents::{Content, Course};
pub use self::error::DatabaseError;
use self::pool::Pool;
pub use self::progress::{Progress, Report};
pub use self::sample::Sample;
pub use self::sessions::Session;
pub use self::settings::Settings;
pub use self::users::User;

/// As many as a small server has cores; SQLite reads from memory most of the time.
const READERS: usize = 4;

/// The service's database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    path: Arc<PathBuf>,
    readers: Pool,
    /// SQLite has one writer at a time. They queue here, where nobody gives up waiting.
    writer: Pool,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    queries: AtomicU64,
    updates: AtomicU64,
}

impl Database {
    /// Opens a file, and fills it with sample rows if it is new; `progress` is told of each
    /// table.
    ///
    /// # Errors
    /// When the file can't be used, or holds something else.
    pub async fn open(
        path: impl Into<PathBuf>,
        sample: Sample,
        progress: fn(&str),
    ) -> Result<Self, DatabaseError> {
        let path = Arc::new(path.into());
        let writer = Pool::new(Arc::clone(&path), 1);
        writer
            .run(move |connection| sample.prepare(connection, progress))
            .await?;
        Ok(Self {
            readers: Pool::new(Arc::clone(&path), READERS),
            path,
            writer,
            counters: Arc::default(),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many queries ran.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.counters.queries.load(Ordering::Relaxed)
    }

    /// How many updates ran.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.counters.updates.load(Ordering::Relaxed)
    }

    async fn query<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.counters.queries.fetch_add(1, Ordering::Relaxed);
        self.readers.run(|connection| Ok(run(connection)?)).await
    }

    async fn update<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.counters.updates.fetch_add(1, Ordering::Relaxed);
        self.writer.run(|connection| Ok(run(connection)?)).await
    }
}
