use std::{error, fmt};

/// How the database fails.
#[derive(Debug)]
#[non_exhaustive]
pub enum DatabaseError {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// The file holds something else than this example's tables.
    Foreign,
    /// The query panicked, or the process is ending.
    Interrupted,
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => write!(f, "the database failed: {error}"),
            Self::Foreign => f.write_str(
                "the file is no database of this version of the example; delete it, or name \
                 another one with --database",
            ),
            Self::Interrupted => f.write_str("the query was interrupted"),
        }
    }
}

impl error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Sqlite(error) => Some(error),
            Self::Foreign | Self::Interrupted => None,
        }
    }
}
