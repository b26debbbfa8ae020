//! The four ways to put a cache before a database.

mod write_behind;

pub use self::write_behind::{
    DrainReport, Journaled, Refusal, Update, WriteBehind, WriteBehindOptions, WriteFailure,
};
