//! What callers are told when something is wrong with the file.

use std::fmt::Display;
use std::path::Path;

use larder_cache_core::{Error, ErrorKind};

/// The journal can't be opened as it is asked to be.
pub(crate) fn unusable(path: &Path, message: &'static str) -> Error {
    Error::new(ErrorKind::Config, message).with("file", path.display())
}

/// The file could not be opened or read.
pub(crate) fn unreadable(
    path: &Path,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::new(
        ErrorKind::Config,
        "the journal's file could not be opened; it must be a whole journal of this version on a disk that can be read and written: see the cause, and restore the file or name another",
    )
    .with("file", path.display())
    .with("cause", &cause)
    .with_source(cause)
}

/// A write or a sync failed: whether what it was for is on the disk is not known.
pub(crate) fn failed(path: &Path, cause: &dyn Display) -> Error {
    Error::new(
        ErrorKind::Server,
        "the journal's file could not be written, and the journal takes nothing more; see to the disk (space, health), then open the journal again",
    )
    .with("file", path.display())
    .with("cause", cause)
}

pub(crate) fn closed() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the file journal was closed; open it again",
    )
}

pub(crate) fn superseded(shard: u32) -> Error {
    Error::new(
        ErrorKind::Superseded,
        "the claim of a journal's shard has ended; claim it again and read anew",
    )
    .with("shard", shard)
}

pub(crate) fn no_such_shard(shard: u32, shards: usize) -> Error {
    Error::new(
        ErrorKind::Config,
        "a shard's number must be below the number of shards; ask `shard_of`",
    )
    .with("shard", shard)
    .with("shards", shards)
}

pub(crate) fn stray(shard: u32, expected: u32) -> Error {
    Error::new(
        ErrorKind::Config,
        "a write must go to the shard of its key; ask `shard_of`",
    )
    .with("shard", shard)
    .with("expected", expected)
}

pub(crate) fn full(held: u64, capacity: u64) -> Error {
    Error::new(
        ErrorKind::Backpressure,
        "the file journal is full and took nothing; see why the database takes no writes, look at the dead letters, or allow the journal more",
    )
    .with("held", held)
    .with("capacity", capacity)
}
