//! The database that is written behind.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_patterns::{Update, WriteFailure};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::time::sleep;

use crate::Failure;

/// An SQLite file that takes each update once, however often it comes, and keeps what it took in
/// the order in which it did.
#[derive(Debug)]
pub(crate) struct Sink {
    connection: Mutex<Connection>,
}

/// What became of the updates, by the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Updates that took effect.
    pub(crate) applied: u64,
    /// Updates that had taken effect before, and did not again.
    pub(crate) again: u64,
    /// Updates that came after a later one of their key, and took no effect.
    pub(crate) late: u64,
    /// Versions that took effect more than once.
    pub(crate) duplicates: u64,
    /// Versions that took effect after a later one of their key.
    pub(crate) reordered: u64,
}

/// Others may write at the same time.
const PATIENCE: Duration = Duration::from_secs(20);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS current (
        key TEXT PRIMARY KEY, version INTEGER NOT NULL, sequence INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS applied (
        position INTEGER PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS refused (
        position INTEGER PRIMARY KEY, key TEXT NOT NULL, is_late INTEGER NOT NULL
    );";

const UPSERT: &str = "
    INSERT INTO current (key, version, sequence) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET version = excluded.version, sequence = excluded.sequence
    WHERE excluded.sequence > current.sequence";

const APPLIED: &str = "INSERT INTO applied (key, version) VALUES (?1, ?2)";

const REFUSED: &str = "
    INSERT INTO refused (key, is_late)
    SELECT key, sequence > ?2 FROM current WHERE key = ?1";

const DUPLICATES: &str = "
    SELECT COALESCE(SUM(times - 1), 0)
    FROM (SELECT COUNT(*) AS times FROM applied GROUP BY key, version)";

const REORDERED: &str = "
    SELECT COUNT(*) FROM (
        SELECT version, MAX(version) OVER (
            PARTITION BY key ORDER BY position
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier FROM applied
    ) WHERE version < earlier";

impl Sink {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Arc<Self>> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        let connection = Mutex::new(connection);
        Ok(Arc::new(Self { connection }))
    }

    /// Writes a batch in one transaction.
    pub(crate) async fn write(
        self: Arc<Self>,
        updates: Vec<Update<u64>>,
        takes: Duration,
    ) -> Result<(), WriteFailure> {
        if !takes.is_zero() {
            sleep(takes).await;
        }
        tokio::task::spawn_blocking(move || self.apply(&updates)).await??;
        Ok(())
    }

    fn apply(&self, updates: &[Update<u64>]) -> rusqlite::Result<()> {
        let mut connection = self.lock();
        let batch = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for update in updates {
            take(&batch, update)?;
        }
        batch.commit()
    }

    /// The version of each key.
    pub(crate) fn versions(&self) -> Result<HashMap<String, u64>, Failure> {
        let connection = self.lock();
        let mut rows = connection.prepare("SELECT key, version FROM current")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        let mut versions = HashMap::new();
        for row in rows {
            let (key, version): (String, i64) = row?;
            versions.insert(key, u64::try_from(version)?);
        }
        Ok(versions)
    }

    /// All that took effect.
    pub(crate) fn applied(&self) -> Result<HashSet<(String, u64)>, Failure> {
        let connection = self.lock();
        let mut rows = connection.prepare("SELECT key, version FROM applied")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        let mut applied = HashSet::new();
        for row in rows {
            let (key, version): (String, i64) = row?;
            applied.insert((key, u64::try_from(version)?));
        }
        Ok(applied)
    }

    pub(crate) fn findings(&self) -> Result<Findings, Failure> {
        let connection = self.lock();
        let count = |query: &str| -> Result<u64, Failure> {
            let count: i64 = connection.query_row(query, [], |row| row.get(0))?;
            Ok(u64::try_from(count)?)
        };
        Ok(Findings {
            applied: count("SELECT COUNT(*) FROM applied")?,
            again: count("SELECT COUNT(*) FROM refused WHERE is_late = 0")?,
            late: count("SELECT COUNT(*) FROM refused WHERE is_late = 1")?,
            duplicates: count(DUPLICATES)?,
            reordered: count(REORDERED)?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        let lock = self.connection.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(batch: &Transaction<'_>, update: &Update<u64>) -> rusqlite::Result<()> {
    let sequence = signed(update.sequence.as_u64());
    let version = signed(update.value.as_deref().copied().unwrap_or_default());
    let row = params![update.key, version, sequence];
    if batch.prepare_cached(UPSERT)?.execute(row)? > 0 {
        batch
            .prepare_cached(APPLIED)?
            .execute(params![update.key, version])?;
    } else {
        batch
            .prepare_cached(REFUSED)?
            .execute(params![update.key, sequence])?;
    }
    Ok(())
}

/// SQLite's numbers have a sign; those of updates leave room for it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The name of a key of a member. Every second one is of one life alone, so that nothing that
/// comes later hides what was lost with it.
pub(crate) fn key_of(member: u32, life: u32, number: u32) -> String {
    if number.is_multiple_of(2) {
        format!("m{member}:k{number}")
    } else {
        format!("m{member}:k{number}:l{life}")
    }
}

#[cfg(test)]
mod tests {
    use larder_cache_core::Sequence;

    use super::*;
    use crate::scratch::Scratch;

    fn update(key: &str, version: u64, sequence: u64) -> Update<u64> {
        Update {
            key: key.to_owned(),
            value: Some(Arc::new(version)),
            sequence: Sequence::from_u64(sequence),
        }
    }

    fn found(updates: &[Update<u64>]) -> Findings {
        let scratch = Scratch::create("sink").unwrap();
        let sink = Sink::open(&scratch.path().join("db")).unwrap();
        for update in updates {
            sink.apply(std::slice::from_ref(update)).unwrap();
        }
        sink.findings().unwrap()
    }

    #[test]
    fn what_comes_again_or_late_takes_no_effect_and_is_counted() {
        let updates = [
            ("a", 1, 1),
            ("a", 3, 3),
            ("b", 2, 2),
            ("a", 3, 3),
            ("a", 1, 1),
        ];
        let expected = Findings {
            applied: 3,
            again: 1,
            late: 1,
            ..Findings::default()
        };
        assert_eq!(found(&updates.map(|(k, v, s)| update(k, v, s))), expected);
    }

    #[test]
    fn one_write_under_two_numbers_and_wrong_order_are_found() {
        let twice = found(&[update("a", 1, 1), update("a", 1, 2)]);
        assert_eq!((twice.duplicates, twice.reordered), (1, 0));
        let wrong = found(&[update("a", 2, 1), update("a", 1, 2), update("b", 1, 3)]);
        assert_eq!((wrong.duplicates, wrong.reordered), (0, 1));
    }
}
