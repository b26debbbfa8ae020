use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::{Database, DatabaseError};

/// A user who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// What the client shows at every request.
    pub token: String,
    /// Who it is.
    pub user: u32,
    /// Since when, in seconds since 1970.
    pub since: i64,
}

impl Database {
    /// The session with a token.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn session(&self, token: String) -> Result<Option<Session>, DatabaseError> {
        self.query(move |connection| {
            let select = "SELECT token, user, since FROM sessions WHERE token = ?1";
            let mut statement = connection.prepare_cached(select)?;
            statement.query_row([token], read).optional()
        })
        .await
    }

    /// Begins a session, if there is such a user.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn begin_session(
        &self,
        token: String,
        user: u32,
    ) -> Result<Option<Session>, DatabaseError> {
        self.update(move |connection| {
            let insert = "INSERT INTO sessions (token, user, since)
                SELECT ?1, id, unixepoch() FROM users WHERE id = ?2
                RETURNING token, user, since";
            let mut statement = connection.prepare_cached(insert)?;
            statement.query_row((token, user), read).optional()
        })
        .await
    }

    /// Ends a session, and says whether there was one.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn end_session(&self, token: String) -> Result<bool, DatabaseError> {
        self.update(move |connection| {
            let delete = "DELETE FROM sessions WHERE token = ?1";
            let rows = connection.prepare_cached(delete)?.execute([token])?;
            Ok(rows > 0)
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        token: row.get(0)?,
        user: row.get(1)?,
        since: row.get(2)?,
    })
}
