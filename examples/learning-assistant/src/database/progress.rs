use std::sync::atomic::Ordering;

use rusqlite::{ErrorCode, OptionalExtension, Transaction, TransactionBehavior, ffi};
use serde::{Deserialize, Serialize};

use super::{Database, DatabaseError};

/// How far a user is in a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Who.
    pub user: u32,
    /// In which content.
    pub content: u32,
    /// How far, in seconds.
    pub position: u32,
}

/// Progress with a number that grows with each report of the same user and content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The progress.
    pub progress: Progress,
    /// The number.
    pub sequence: u64,
}

/// Writing a report twice, or after a later one, changes nothing.
const SAVE: &str = "
    INSERT INTO progress (user, content, position, sequence) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (user, content) DO UPDATE
    SET position = excluded.position, sequence = excluded.sequence
    WHERE excluded.sequence > progress.sequence";

impl Database {
    /// How far a user is in a content; `None`: they have not begun.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn progress(
        &self,
        user: u32,
        content: u32,
    ) -> Result<Option<Progress>, DatabaseError> {
        self.query(move |connection| {
            let select = "SELECT position FROM progress WHERE user = ?1 AND content = ?2";
            let mut statement = connection.prepare_cached(select)?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Progress {
                    user,
                    content,
                    position: row.get(0)?,
                })
            };
            statement.query_row((user, content), read).optional()
        })
        .await
    }

    /// Saves reports in one transaction, all or none: none where some are of users or contents
    /// that don't exist, which are returned.
    ///
    /// # Errors
    /// When SQLite fails; nothing was saved then.
    pub async fn save_progress(
        &self,
        reports: Vec<Report>,
    ) -> Result<Vec<Progress>, DatabaseError> {
        self.counters.updates.fetch_add(1, Ordering::Relaxed);
        let save = move |connection: &mut rusqlite::Connection| {
            let behavior = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(behavior)?;
            let unknown = save_all(&transaction, reports)?;
            if unknown.is_empty() {
                transaction.commit()?;
            }
            Ok(unknown)
        };
        self.writer.run(save).await
    }
}

/// Saves what it can, and returns what names nobody or nothing.
fn save_all(
    transaction: &Transaction<'_>,
    reports: Vec<Report>,
) -> rusqlite::Result<Vec<Progress>> {
    let mut save = transaction.prepare_cached(SAVE)?;
    let mut unknown = Vec::new();
    for Report { progress, sequence } in reports {
        // A sequence has 63 bits.
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let row = (progress.user, progress.content, progress.position, sequence);
        match save.execute(row) {
            Ok(_) => {}
            Err(error) if names_the_unknown(&error) => unknown.push(progress),
            Err(error) => return Err(error),
        }
    }
    Ok(unknown)
}

fn names_the_unknown(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
        && error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}
