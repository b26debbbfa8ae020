use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::{Database, DatabaseError};

/// A learner, and how far they have come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The number.
    pub id: u32,
    /// What they are called.
    pub name: String,
    /// Where they get mail.
    pub email: String,
    /// Contents they have finished.
    pub finished: u32,
    /// Courses these belong to.
    pub courses: u32,
    /// The average of their scores, 0 to 100.
    pub average_score: f64,
}

const USER: &str = "
    SELECT users.id, name, email, count(DISTINCT content), count(DISTINCT course),
           coalesce(avg(score), 0.0)
    FROM users
    LEFT JOIN attempts ON user = users.id
    LEFT JOIN contents ON contents.id = content
    WHERE users.id = ?1 GROUP BY users.id";

impl Database {
    /// The user with a number.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn user(&self, id: u32) -> Result<Option<User>, DatabaseError> {
        self.query(move |connection| {
            let mut statement = connection.prepare_cached(USER)?;
            statement.query_row([id], read).optional()
        })
        .await
    }

    /// Gives a user another name, and says whether there is such a user.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn rename_user(&self, id: u32, name: String) -> Result<bool, DatabaseError> {
        self.update(move |connection| {
            let update = "UPDATE users SET name = ?2 WHERE id = ?1";
            let rows = connection.prepare_cached(update)?.execute((id, name))?;
            Ok(rows > 0)
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        finished: row.get(3)?,
        courses: row.get(4)?,
        average_score: row.get(5)?,
    })
}
