//! What is read from a stream, for fuzz targets alone.

use bytes::Bytes;
use larder_cache_core::{DeadLetter, JournalRecord, Result};
use redis::Value;

use super::letter;
use super::record::{Marks, Read, record};

pub(crate) fn stream_record(
    id: &[u8],
    fields: Vec<Vec<u8>>,
    deliveries: i64,
) -> Result<Option<JournalRecord>> {
    let marks = Marks::read(Value::Array(Vec::new()))?;
    let fields = fields.into_iter().map(Value::BulkString).collect();
    let entry = vec![
        Value::BulkString(id.to_vec()),
        Value::Array(fields),
        Value::Int(deliveries),
    ];
    Ok(match record(Value::Array(entry), &marks)? {
        Read::Write(record) => Some(record),
        Read::Foreign { .. } => None,
    })
}

pub(crate) fn dead_letter(kept: &[u8]) -> Result<(DeadLetter, Bytes)> {
    let letter = letter::decode(kept.to_vec())?;
    let record = JournalRecord {
        sequence: letter.sequence,
        key: letter.key.clone(),
        value: letter.value.clone(),
        writer: 0,
        is_settled: true,
        deliveries: 0,
    };
    let written = letter::encode(&record, &letter.reason);
    Ok((letter, written))
}
