//! The rows a new database begins with.

mod text;

use fastrand::Rng;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::DatabaseError;

/// Raised with every change of the tables or of what is in them.
const VERSION: i32 = 2;

/// What a version without settings and progress left: these tables are added to it.
const BEFORE_SETTINGS: i32 = 1;

/// What a database holds that is older than any version of this example: nothing.
const NEW: i32 = 0;

const TABLES: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
    CREATE TABLE courses (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
    CREATE TABLE contents (
        id INTEGER PRIMARY KEY, course INTEGER NOT NULL REFERENCES courses,
        title TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE attempts (
        user INTEGER NOT NULL REFERENCES users, content INTEGER NOT NULL REFERENCES contents,
        score INTEGER NOT NULL);
    CREATE TABLE sessions (
        token TEXT PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, since INTEGER NOT NULL);
    CREATE INDEX contents_by_course ON contents (course);
    CREATE INDEX attempts_by_user ON attempts (user);
    CREATE INDEX attempts_by_content ON attempts (content);";

const SETTINGS_AND_PROGRESS: &str = "
    CREATE TABLE settings (
        user INTEGER PRIMARY KEY REFERENCES users, language TEXT NOT NULL,
        daily_minutes INTEGER NOT NULL, reminders INTEGER NOT NULL);
    CREATE TABLE progress (
        user INTEGER NOT NULL REFERENCES users, content INTEGER NOT NULL REFERENCES contents,
        position INTEGER NOT NULL, sequence INTEGER NOT NULL,
        PRIMARY KEY (user, content)) WITHOUT ROWID;";

/// How many rows a new database begins with. The same numbers give the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Users. Default: 2,000.
    pub users: u32,
    /// Courses of [`CONTENTS_PER_COURSE`](Sample::CONTENTS_PER_COURSE) contents.
    /// Default: 100.
    pub courses: u32,
    /// Exercises that each user has tried. Default: 30.
    pub attempts_per_user: u32,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            users: 2_000,
            courses: 100,
            attempts_per_user: 30,
        }
    }
}

impl Sample {
    /// Contents of each course.
    pub const CONTENTS_PER_COURSE: u32 = 12;

    /// Few rows, which are made in no time: for tests.
    #[must_use]
    pub fn small() -> Self {
        Self {
            users: 50,
            courses: 5,
            attempts_per_user: 4,
        }
    }

    /// Contents of all courses.
    #[must_use]
    pub fn contents(&self) -> u32 {
        self.courses * Self::CONTENTS_PER_COURSE
    }

    /// Makes the tables and the rows, all or none, unless they are there.
    pub(super) fn prepare(
        self,
        connection: &mut Connection,
        progress: fn(&str),
    ) -> Result<(), DatabaseError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let tables: u32 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        match (version, tables) {
            (VERSION, _) => return Ok(()),
            (NEW, 0) => self.fill(&transaction, progress)?,
            (BEFORE_SETTINGS, _) => {}
            _ => return Err(DatabaseError::Foreign),
        }
        transaction.execute_batch(SETTINGS_AND_PROGRESS)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        Ok(transaction.commit()?)
    }

    fn fill(self, transaction: &Transaction<'_>, progress: fn(&str)) -> rusqlite::Result<()> {
        let mut rng = Rng::with_seed(0x1ea2);
        transaction.execute_batch(TABLES)?;
        progress(&format!("{} users", self.users));
        self.fill_users(transaction, &mut rng)?;
        progress(&format!("{} contents", self.contents()));
        self.fill_contents(transaction, &mut rng)?;
        progress(&format!(
            "{} attempts at exercises",
            self.users * self.attempts_per_user
        ));
        self.fill_attempts(transaction, &mut rng)
    }

    fn fill_users(self, transaction: &Transaction<'_>, rng: &mut Rng) -> rusqlite::Result<()> {
        let insert = "INSERT INTO users (id, name, email) VALUES (?1, ?2, ?3)";
        let mut insert = transaction.prepare(insert)?;
        for id in 1..=self.users {
            let email = format!("learner{id}@example.org");
            insert.execute((id, text::name(rng), email))?;
        }
        Ok(())
    }

    fn fill_contents(self, transaction: &Transaction<'_>, rng: &mut Rng) -> rusqlite::Result<()> {
        let course = "INSERT INTO courses (id, title) VALUES (?1, ?2)";
        let content = "INSERT INTO contents (id, course, title, body) VALUES (?1, ?2, ?3, ?4)";
        let mut insert_course = transaction.prepare(course)?;
        let mut insert_content = transaction.prepare(content)?;
        let mut ids = 1..;
        for course in 1..=self.courses {
            let subject = text::subject(rng);
            insert_course.execute((course, format!("{subject}, course {course}")))?;
            for (lesson, id) in (1..=Self::CONTENTS_PER_COURSE).zip(&mut ids) {
                let title = format!("{subject}, lesson {lesson}");
                insert_content.execute((id, course, title, text::body(rng)))?;
            }
        }
        Ok(())
    }

    fn fill_attempts(self, transaction: &Transaction<'_>, rng: &mut Rng) -> rusqlite::Result<()> {
        let insert = "INSERT INTO attempts (user, content, score) VALUES (?1, ?2, ?3)";
        let mut insert = transaction.prepare(insert)?;
        for user in 1..=self.users {
            for _ in 0..self.attempts_per_user {
                insert.execute((user, rng.u32(1..=self.contents()), rng.u32(40..=100)))?;
            }
        }
        Ok(())
    }
}
