//! Entries of a stream as writes of a journal.

use std::collections::HashMap;

use bytes::Bytes;
use larder_cache_core::{JournalRecord, Result, Sequence};
use redis::Value;

use super::answer::{array, number, text};
use crate::error::unexpected_reply;

/// An entry of a stream: a write, or something that somebody else put there.
#[derive(Debug)]
pub(super) enum Read {
    Write(JournalRecord),
    Foreign { id: String, reason: &'static str },
}

/// How far each writer is settled, as it stands in the state of a shard.
#[derive(Debug)]
pub(super) struct Marks(HashMap<Vec<u8>, Vec<u8>>);

impl Marks {
    /// Reads names and values in turn.
    pub(super) fn read(state: Value) -> Result<Self> {
        let mut words = array(state)?.into_iter();
        let mut marks = HashMap::new();
        while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) =
            (words.next(), words.next())
        {
            marks.insert(name, value);
        }
        Ok(Self(marks))
    }

    fn settles(&self, record: &JournalRecord) -> bool {
        let mark = self.0.get(format!("w{:016x}", record.writer).as_bytes());
        mark.is_some_and(|mark| sortable(record.sequence).as_bytes() <= &mark[..])
    }
}

/// Reads an id, its fields and how often it was read.
pub(super) fn record(entry: Value, marks: &Marks) -> Result<Read> {
    let Ok([id, fields, deliveries]) = <[Value; 3]>::try_from(array(entry)?) else {
        return Err(unexpected_reply("an id, fields and a count"));
    };
    let (id, deliveries) = (text(id)?, number(&deliveries)?);
    let Some(sequence) = sequence(&id) else {
        let reason = "its id is none that the journal gives";
        return Ok(Read::Foreign { id, reason });
    };
    match fields_of(array(fields)?) {
        Ok((key, value, writer)) => {
            let mut record = JournalRecord {
                sequence,
                key,
                value,
                writer,
                is_settled: false,
                deliveries: u32::try_from(deliveries).unwrap_or(u32::MAX),
            };
            record.is_settled = marks.settles(&record);
            Ok(Read::Write(record))
        }
        Err(reason) => Ok(Read::Foreign { id, reason }),
    }
}

/// Key, value and writer in the fields of an entry. Others are left to later versions.
fn fields_of(fields: Vec<Value>) -> Result<(String, Option<Bytes>, u64), &'static str> {
    let (mut key, mut value, mut writer) = (None, None, None);
    let mut words = fields.into_iter();
    while let Some(name) = words.next() {
        let (Value::BulkString(name), Some(Value::BulkString(word))) = (name, words.next()) else {
            return Err("its fields are no pairs of strings");
        };
        let before = match &name[..] {
            b"k" => key
                .replace(String::from_utf8(word).map_err(|_| "its key is not UTF-8")?)
                .is_some(),
            b"v" => value.replace(Some(Bytes::from(word))).is_some(),
            b"d" => value.replace(None).is_some(),
            b"w" => writer
                .replace(writer_of(&word).ok_or("its writer is no number")?)
                .is_some(),
            _ => false,
        };
        if before {
            return Err("it has a field twice");
        }
    }
    match (key, value, writer) {
        (Some(key), Some(value), Some(writer)) => Ok((key, value, writer)),
        _ => Err("it lacks its key, its value or its writer"),
    }
}

fn writer_of(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word)
        .ok()
        .filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

/// The sequence that an id stands for, if it stands for one.
pub(super) fn sequence(id: &str) -> Option<Sequence> {
    let (millis, counter) = id.split_once('-')?;
    let (millis, counter) = (millis.parse::<u64>().ok()?, counter.parse::<u64>().ok()?);
    let bits = Sequence::COUNTER_BITS;
    let fits = millis < 1 << (63 - bits) && counter < 1 << bits;
    fits.then(|| Sequence::of(millis, counter))
}

/// An id as text that sorts as ids do.
pub(super) fn sortable(sequence: Sequence) -> String {
    let millis = sequence.time().as_millis();
    format!("{millis:013}-{:07}", sequence.counter())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&[u8]]) -> Vec<Value> {
        words
            .iter()
            .map(|word| Value::BulkString(word.to_vec()))
            .collect()
    }

    fn check(fields: &[&[u8]], expected: Result<(&str, Option<&str>, u64), &'static str>) {
        let expected = expected.map(|(key, value, writer)| {
            let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
            (key.to_owned(), value, writer)
        });
        assert_eq!(fields_of(words(fields)), expected);
    }

    const WRITER: &[u8] = b"00000000000000ff";

    #[test]
    fn fields_are_read_in_any_order_and_unknown_ones_left_alone() {
        check(
            &[b"k", b"a", b"w", WRITER, b"v", b""],
            Ok(("a", Some(""), 255)),
        );
        check(
            &[b"d", b"", b"x", b"\xff", b"w", WRITER, b"k", b"a"],
            Ok(("a", None, 255)),
        );
    }

    #[test]
    fn what_is_no_write_is_told_with_its_reason() {
        let lacks = "it lacks its key, its value or its writer";
        check(&[], Err(lacks));
        check(&[b"k", b"a", b"w", WRITER], Err(lacks));
        check(&[b"k", b"a", b"v", b"1"], Err(lacks));
        check(
            &[b"k", b"a", b"k", b"b", b"w", WRITER, b"v", b"1"],
            Err("it has a field twice"),
        );
        check(
            &[b"k", b"a", b"w", WRITER, b"v", b"1", b"d", b""],
            Err("it has a field twice"),
        );
        check(
            &[b"k", b"\xff", b"w", WRITER, b"v", b"1"],
            Err("its key is not UTF-8"),
        );
        check(
            &[b"k", b"a", b"w", b"ff", b"v", b"1"],
            Err("its writer is no number"),
        );
    }

    #[test]
    fn ids_are_sequences_and_sort_as_they_do() {
        let last = Sequence::of((1 << 42) - 1, (1 << 21) - 1);
        for known in [
            Sequence::of(1, 0),
            Sequence::of(999, 2_097_151),
            Sequence::of(1000, 7),
            last,
        ] {
            assert_eq!(sequence(&known.to_string()), Some(known));
        }
        for wrong in [
            "",
            "5",
            "a-b",
            "-1-0",
            "5-2097152",
            "4398046511104-0",
            "1-18446744073709551616",
        ] {
            assert_eq!(sequence(wrong), None, "{wrong}");
        }
        assert!(sortable(Sequence::of(999, 2_097_151)) < sortable(Sequence::of(1000, 7)));
        assert!(sortable(Sequence::of(1000, 7)) < sortable(Sequence::of(1000, 10)));
        assert!(sortable(last) > sortable(Sequence::of(1 << 41, 0)));
    }
}
