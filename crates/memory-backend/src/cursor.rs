//! Where a scan is: in which shard, behind which key.

use larder_cache_core::{Bytes, Cursor, Error, ErrorKind, Glob, Result};

/// A place in a scan. A scan takes one shard after the other, each in the order of its
/// keys; so it goes on behind the last key however many came and went, and meets each
/// key that stayed exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanPlace {
    pub(crate) shard: usize,
    /// Empty before the first key: no key is empty.
    pub(crate) behind: String,
}

impl ScanPlace {
    /// The place before the first key of a shard.
    pub(crate) const fn start_of(shard: usize) -> Self {
        Self {
            shard,
            behind: String::new(),
        }
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// Kind `Unsupported` when another backend wrote it.
    pub(crate) fn read(cursor: &Cursor, shards: usize) -> Result<Self> {
        let Some((&shard, behind)) = cursor.place().split_first() else {
            return Ok(Self::start_of(0));
        };
        let shard = usize::from(shard);
        match std::str::from_utf8(behind) {
            Ok(behind) if shard < shards => Ok(Self {
                shard,
                behind: behind.to_owned(),
            }),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "this cursor is not from the memory backend; begin the scan with Cursor::start",
            )),
        }
    }

    pub(crate) fn write(&self) -> Cursor {
        let mut place = vec![u8::try_from(self.shard).unwrap_or(u8::MAX)];
        place.extend_from_slice(self.behind.as_bytes());
        Cursor::new(Bytes::from(place))
    }
}

/// What every text that matches begins with, so that a scan for a namespace looks at the
/// keys of that namespace only.
pub(crate) fn literal_start(pattern: &Glob) -> String {
    let mut start = String::new();
    let mut characters = pattern.as_str().chars();
    while let Some(c) = characters.next() {
        match c {
            '*' | '?' | '[' => break,
            '\\' => start.push(characters.next().unwrap_or('\\')),
            other => start.push(other),
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back() {
        for place in [
            ScanPlace::start_of(0),
            ScanPlace::start_of(63),
            ScanPlace {
                shard: 7,
                behind: "app:user:ä".to_owned(),
            },
        ] {
            assert_eq!(ScanPlace::read(&place.write(), 64).unwrap(), place);
        }
        assert_eq!(
            ScanPlace::read(&Cursor::start(), 64).unwrap(),
            ScanPlace::start_of(0)
        );
    }

    #[test]
    fn foreign_cursors_are_refused() {
        for place in [&b"\x40"[..], b"\x00\xff", b"1234567"] {
            let cursor = Cursor::new(Bytes::copy_from_slice(place));
            let shards = if place.len() == 7 { 8 } else { 64 };
            let error = ScanPlace::read(&cursor, shards).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{place:?}");
        }
    }

    #[test]
    fn literal_starts_end_at_the_first_wildcard() {
        for (pattern, expected) in [
            ("", ""),
            ("*", ""),
            ("user:*", "user:"),
            ("user:?b", "user:"),
            ("us[e]r", "us"),
            (r"my\-ns\*:*", "my-ns*:"),
            (r"ä\ö*", "äö"),
            (r"end\", r"end\"),
            ("all of it", "all of it"),
        ] {
            assert_eq!(literal_start(&Glob::new(pattern)), expected, "{pattern}");
        }
    }
}
