//! Decoders that nothing public reaches, for fuzz targets alone.

use bytes::Bytes;
use larder_cache_core::{Cursor, DeadLetter, JournalRecord, Result};

use crate::journal::fuzzing;
use crate::topology;

/// Reads an entry of a journal's stream; `None`: it is foreign.
///
/// # Errors
/// Kind `Connection` for what no server answers.
pub fn stream_record(
    id: &[u8],
    fields: Vec<Vec<u8>>,
    deliveries: i64,
) -> Result<Option<JournalRecord>> {
    fuzzing::stream_record(id, fields, deliveries)
}

/// Reads a dead letter, and writes it again.
///
/// # Errors
/// Kind `Connection` for anything else.
pub fn dead_letter(kept: &[u8]) -> Result<(DeadLetter, Bytes)> {
    fuzzing::dead_letter(kept)
}

/// Reads the cursor of a scan in a cluster, and writes it again.
///
/// # Errors
/// Kind `Config` for anything else.
pub fn cluster_cursor(cursor: &Cursor) -> Result<Cursor> {
    topology::read_and_write(cursor)
}
