use rusqlite::Row;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Database, DatabaseError};

/// Something to read, and how others fared with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The number.
    pub id: u32,
    /// The course it belongs to.
    pub course: u32,
    /// What it is about.
    pub title: String,
    /// The text.
    pub body: String,
    /// How many have tried the exercise behind it.
    pub learners: u32,
    /// The average of their scores, 0 to 100.
    pub average_score: f64,
}

/// A course: contents in the order in which they are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The number.
    pub id: u32,
    /// What it teaches.
    pub title: String,
    /// The numbers of its contents.
    pub contents: Vec<u32>,
}

const CONTENTS: &str = "
    SELECT id, course, title, body, count(DISTINCT user), coalesce(avg(score), 0.0)
    FROM contents LEFT JOIN attempts ON content = id
    WHERE id IN (SELECT value FROM json_each(?1)) GROUP BY id";

const COURSE: &str = "
    SELECT courses.title, contents.id
    FROM courses JOIN contents ON course = courses.id
    WHERE courses.id = ?1 ORDER BY contents.id";

impl Database {
    /// The content with a number.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn content(&self, id: u32) -> Result<Option<Content>, DatabaseError> {
        let found = self.contents(vec![id]).await?;
        Ok(found.into_iter().next())
    }

    /// The contents with these numbers, by one query; those that don't exist are left out.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn contents(&self, ids: Vec<u32>) -> Result<Vec<Content>, DatabaseError> {
        self.query(move |connection| {
            let mut statement = connection.prepare_cached(CONTENTS)?;
            let rows = statement.query_map([json!(ids).to_string()], read)?;
            rows.collect()
        })
        .await
    }

    /// The course with a number.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn course(&self, id: u32) -> Result<Option<Course>, DatabaseError> {
        self.query(move |connection| {
            let mut statement = connection.prepare_cached(COURSE)?;
            let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows: Vec<(String, u32)> = rows.collect::<Result<_, _>>()?;
            Ok(rows.first().map(|(title, _)| Course {
                id,
                title: title.clone(),
                contents: rows.iter().map(|(_, content)| *content).collect(),
            }))
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Content> {
    Ok(Content {
        id: row.get(0)?,
        course: row.get(1)?,
        title: row.get(2)?,
        body: row.get(3)?,
        learners: row.get(4)?,
        average_score: row.get(5)?,
    })
}
