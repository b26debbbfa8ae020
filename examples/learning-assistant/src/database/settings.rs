use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::{Database, DatabaseError};

/// How a user likes to learn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The language of the interface, such as `en`.
    pub language: String,
    /// How many minutes a day they mean to learn.
    pub daily_minutes: u32,
    /// Whether they want to be reminded of it.
    pub reminders: bool,
}

/// A user without settings has these.
const SETTINGS: &str = "
    SELECT coalesce(language, 'en'), coalesce(daily_minutes, 20), coalesce(reminders, 1)
    FROM users LEFT JOIN settings ON user = users.id
    WHERE users.id = ?1";

const CHANGE: &str = "
    INSERT INTO settings (user, language, daily_minutes, reminders)
    SELECT id, ?2, ?3, ?4 FROM users WHERE id = ?1
    ON CONFLICT (user) DO UPDATE SET language = excluded.language,
        daily_minutes = excluded.daily_minutes, reminders = excluded.reminders";

impl Database {
    /// The settings of a user.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn settings(&self, user: u32) -> Result<Option<Settings>, DatabaseError> {
        self.query(move |connection| {
            let mut statement = connection.prepare_cached(SETTINGS)?;
            statement.query_row([user], read).optional()
        })
        .await
    }

    /// Changes the settings of a user, and says whether there is such a user.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn change_settings(
        &self,
        user: u32,
        settings: Settings,
    ) -> Result<bool, DatabaseError> {
        self.update(move |connection| {
            let Settings {
                language,
                daily_minutes,
                reminders,
            } = settings;
            let mut statement = connection.prepare_cached(CHANGE)?;
            let rows = statement.execute((user, language, daily_minutes, reminders))?;
            Ok(rows > 0)
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Settings> {
    Ok(Settings {
        language: row.get(0)?,
        daily_minutes: row.get(1)?,
        reminders: row.get(2)?,
    })
}
