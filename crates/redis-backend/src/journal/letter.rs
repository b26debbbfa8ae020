//! Dead letters as they are kept.

use bytes::Bytes;
use larder_cache_core::{DeadLetter, JournalRecord, Result};

use super::record::{sequence, sortable};
use crate::error::unexpected_reply;

/// A letter as it is kept: the sortable id and a space, the reason and the key each behind its
/// length in four bytes, `v` or `d`, the value.
pub(super) fn encode(record: &JournalRecord, reason: &str) -> Bytes {
    let value = record.value.as_deref().unwrap_or_default();
    let mut letter = Vec::with_capacity(40 + reason.len() + record.key.len() + value.len());
    letter.extend_from_slice(sortable(record.sequence).as_bytes());
    letter.push(b' ');
    for text in [reason, &record.key] {
        letter.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
        letter.extend_from_slice(text.as_bytes());
    }
    letter.push(if record.value.is_some() { b'v' } else { b'd' });
    letter.extend_from_slice(value);
    letter.into()
}

/// Reads a letter back.
pub(super) fn decode(kept: Vec<u8>) -> Result<DeadLetter> {
    read(&Bytes::from(kept)).ok_or_else(|| unexpected_reply("a dead letter of this journal"))
}

fn read(kept: &Bytes) -> Option<DeadLetter> {
    const ID: usize = "0000000000000-0000000".len();
    let id = std::str::from_utf8(kept.get(..ID)?).ok()?;
    let (reason, at) = text(kept, ID + 1)?;
    let (key, at) = text(kept, at)?;
    let value = match kept.get(at)? {
        b'v' => Some(kept.slice(at + 1..)),
        b'd' => None,
        _ => return None,
    };
    let sequence = sequence(id)?;
    Some(DeadLetter {
        sequence,
        key,
        value,
        reason,
    })
}

/// The text at a place, and where it ends.
fn text(kept: &Bytes, at: usize) -> Option<(String, usize)> {
    let length = kept.get(at..)?.first_chunk::<4>()?;
    let start = at + 4;
    let end = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let text = std::str::from_utf8(kept.get(start..end)?).ok()?;
    Some((text.to_owned(), end))
}

#[cfg(test)]
mod tests {
    use larder_cache_core::Sequence;

    use super::*;

    fn check(value: Option<&'static [u8]>) {
        let record = JournalRecord {
            sequence: Sequence::of(1_700_000_000_000, 3),
            key: "a b {é}!".to_owned(),
            value: value.map(Bytes::from_static),
            writer: 1,
            is_settled: true,
            deliveries: 5,
        };
        let kept = encode(&record, "refused: \"no\"");
        let letter = decode(kept.to_vec()).unwrap();
        assert_eq!(letter.sequence, record.sequence);
        assert_eq!((letter.key, letter.value), (record.key, record.value));
        assert_eq!(letter.reason, "refused: \"no\"");
        for end in 0..kept.len() - value.map_or(0, <[u8]>::len) {
            assert!(read(&kept.slice(..end)).is_none(), "{end}");
        }
    }

    #[test]
    fn letters_are_read_back_and_broken_ones_refused() {
        check(Some(b"\0\xff 1"));
        check(Some(b""));
        check(None);
    }
}
