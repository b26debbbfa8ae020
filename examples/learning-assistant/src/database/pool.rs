//! A few connections, used by one query each at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::DatabaseError;

/// How long SQLite waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A few connections to one file, opened when first needed. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    path: Arc<PathBuf>,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Pool {
    pub(super) fn new(path: Arc<PathBuf>, connections: usize) -> Self {
        Self {
            path,
            permits: Arc::new(Semaphore::new(connections)),
            idle: Arc::default(),
        }
    }

    /// Waits for a connection and runs on it, on a thread that may block. A caller that goes
    /// away meanwhile doesn't stop it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| DatabaseError::Interrupted)?;
        let pool = self.clone();
        spawn_blocking(move || {
            let _permit = permit;
            let mut connection = pool.take()?;
            let result = run(&mut connection);
            pool.put_back(connection);
            result
        })
        .await
        .map_err(|_| DatabaseError::Interrupted)?
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.lock().pop();
        idle.map_or_else(|| self.connect(), Ok)
    }

    fn put_back(&self, connection: Connection) {
        self.lock().push(connection);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&*self.path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // With a write-ahead log, readers and the writer don't wait for each other.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
        )?;
        Ok(connection)
    }
}
