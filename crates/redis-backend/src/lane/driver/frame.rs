//! Replies as bytes: where one ends, and what is in it.
//!
//! The driver finds the ends alone, which takes some 20 ns whatever the size; what a reply
//! means is read by the caller who waits for it, in the bytes as they came.

use bytes::Bytes;
use larder_cache_core::{Error, ErrorKind, Result};
use redis::{ServerError, Value};

use crate::error;

/// One complete reply of RESP3, errors included.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// As it came.
    Plain(Bytes),
    /// An array, part by part: so the parts of a large one need not stand in one piece of
    /// memory.
    Array(Vec<Self>),
}

/// How far the search for the end of a reply has come: it goes on there when more bytes
/// have arrived.
#[derive(Debug)]
pub(super) struct Search {
    at: usize,
    /// Values still to come; a reply of several parts adds their number.
    awaited: u64,
}

/// What the bytes so far say about the end of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The reply has so many bytes.
    End(usize),
    /// It has at least so many.
    AtLeast(usize),
}

/// The bytes are no RESP3, or break a limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Redis's own limit for a string.
const LONGEST_STRING: usize = 512 << 20;
/// No reply has more: what does not fit could only exhaust the memory.
const LONGEST_REPLY: usize = 1 << 30;
/// Numbers, states and errors: everything that ends with its line.
const LONGEST_LINE: usize = 64 << 10;
const MOST_PARTS: u64 = 1 << 32;

impl Search {
    pub(super) fn new() -> Self {
        Self { at: 0, awaited: 1 }
    }

    /// Looks for the end of the reply that the bytes begin with.
    pub(super) fn go_on(&mut self, bytes: &[u8]) -> std::result::Result<Found, Malformed> {
        while self.awaited > 0 {
            let Some(header) = Header::read(&bytes[self.at.min(bytes.len())..])? else {
                return Ok(Found::AtLeast(bytes.len() + 1));
            };
            let end = self.at + header.bytes + header.string_bytes.map_or(0, |len| len + 2);
            if end > LONGEST_REPLY {
                return Err(Malformed("a reply of more than a gigabyte"));
            }
            if end > bytes.len() {
                return Ok(Found::AtLeast(end));
            }
            if header.string_bytes.is_some() && !bytes[..end].ends_with(b"\r\n") {
                return Err(Malformed("a string that does not end where it should"));
            }
            self.at = end;
            self.awaited = self.awaited - 1 + header.parts;
            if self.awaited > MOST_PARTS {
                return Err(Malformed("a reply of more parts than Redis sends"));
            }
        }
        Ok(Found::End(self.at))
    }
}

impl Malformed {
    pub(super) fn into_error(self) -> Error {
        Error::new(
            ErrorKind::Connection,
            "the server answers in another protocol than Redis's: check host and port, \
             and whether it wants TLS",
        )
        .with("found", self.0)
    }
}

/// The first line of a value.
pub(super) struct Header {
    /// Of the line, its end included.
    pub(super) bytes: usize,
    /// What follows the line, if it is a string.
    pub(super) string_bytes: Option<usize>,
    /// The values that belong to this one and follow it.
    pub(super) parts: u64,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> std::result::Result<Option<Self>, Malformed> {
        let Some(&kind) = bytes.first() else {
            return Ok(None);
        };
        if !b"$+-:*_,#!=(%~>|".contains(&kind) {
            return Err(Malformed("a byte that begins no reply"));
        }
        let line_limit = bytes.len().min(LONGEST_LINE);
        let Some(line) = memchr::memchr(b'\n', &bytes[..line_limit]) else {
            return match line_limit {
                LONGEST_LINE => Err(Malformed("a line without an end")),
                _ => Ok(None),
            };
        };
        if bytes[line - 1] != b'\r' {
            return Err(Malformed("a line that ends without a carriage return"));
        }
        let text = &bytes[1..line - 1];
        let mut header = Self {
            bytes: line + 1,
            string_bytes: None,
            parts: 0,
        };
        match kind {
            b'$' | b'!' | b'=' => {
                header.string_bytes = length(text)?.map(string_length).transpose()?;
            }
            b'*' | b'~' | b'>' => header.parts = length(text)?.unwrap_or(0),
            b'%' => header.parts = 2 * length(text)?.unwrap_or(0),
            // An attribute stands before the value that it is about.
            b'|' => header.parts = 2 * length(text)?.unwrap_or(0) + 1,
            b'_' if !text.is_empty() => return Err(Malformed("a nothing that is something")),
            b':' if !is_number(text) => return Err(Malformed("a number that is none")),
            // A line end that was damaged would swallow the next line.
            _ if text.iter().any(u8::is_ascii_control) => {
                return Err(Malformed("a control character in a line"));
            }
            _ => {}
        }
        Ok(Some(header))
    }
}

/// `None` for the -1 of something that is not there.
fn length(text: &[u8]) -> std::result::Result<Option<u64>, Malformed> {
    if text == b"-1" {
        return Ok(None);
    }
    let mut number: u64 = 0;
    if text.is_empty() || text.len() > 10 {
        return Err(Malformed("a length that is no number or too long"));
    }
    for digit in text {
        match digit {
            b'0'..=b'9' => number = number * 10 + u64::from(digit - b'0'),
            _ => return Err(Malformed("a length that is no number")),
        }
    }
    Ok(Some(number))
}

fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn string_length(length: u64) -> std::result::Result<usize, Malformed> {
    usize::try_from(length)
        .ok()
        .filter(|&length| length <= LONGEST_STRING)
        .ok_or(Malformed("a string of more than 512 MiB"))
}

/// The first line of an array: its length in bytes, and how many parts follow. `None`
/// where the bytes begin another reply, or the line has no end yet.
pub(super) fn array_header(bytes: &[u8]) -> std::result::Result<Option<(usize, usize)>, Malformed> {
    if bytes.first() != Some(&b'*') || bytes.starts_with(b"*-") {
        return Ok(None);
    }
    let Some(header) = Header::read(bytes)? else {
        return Ok(None);
    };
    let parts = usize::try_from(header.parts).ok();
    let parts = parts.filter(|_| header.parts <= MOST_PARTS);
    let parts = parts.ok_or(Malformed("a reply of more parts than Redis sends"))?;
    Ok(Some((header.bytes, parts)))
}

impl Frame {
    /// Something the server says without having been asked.
    pub(super) fn push(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(bytes) if bytes.first() == Some(&b'>') => Some(bytes),
            _ => None,
        }
    }

    /// The reply in the types of the client library. Copies its strings.
    pub(crate) fn value(&self) -> Result<Value> {
        match self {
            Self::Plain(bytes) => {
                redis::parse_redis_value(bytes).map_err(|failed| error::reported(&failed))
            }
            Self::Array(parts) => parts
                .iter()
                .map(Self::value)
                .collect::<Result<_>>()
                .map(Value::Array),
        }
    }

    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Plain(bytes) if matches!(bytes.first(), Some(b'-' | b'!')))
    }

    /// The refusal that the reply is, if it is one.
    pub(crate) fn refusal(&self) -> Option<ServerError> {
        let Self::Plain(bytes) = self else {
            return None;
        };
        if !matches!(bytes.first(), Some(b'-' | b'!')) {
            return None;
        }
        match redis::parse_redis_value(bytes) {
            Ok(Value::ServerError(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The reply to `SET`: whether the value was stored; `None` for any other reply.
    pub(crate) fn stored(&self) -> Option<bool> {
        match self {
            Self::Plain(bytes) => match &bytes[..] {
                b"+OK\r\n" => Some(true),
                b"_\r\n" | b"$-1\r\n" => Some(false),
                _ => None,
            },
            Self::Array(_) => None,
        }
    }

    /// The reply to `GET`, without a copy: a string or nothing; `None` for any other
    /// reply.
    pub(crate) fn string(&self) -> Option<Option<Bytes>> {
        let Self::Plain(bytes) = self else {
            return None;
        };
        match bytes.first()? {
            b'_' => Some(None),
            b'$' => {
                let header = Header::read(bytes).ok()??;
                let end = header.string_bytes.map(|length| header.bytes + length);
                Some(end.map(|end| bytes.slice(header.bytes..end)))
            }
            _ => None,
        }
    }

    /// The parts of an array; `None` for any other reply.
    pub(crate) fn parts(self) -> Option<Vec<Self>> {
        match self {
            Self::Plain(_) => None,
            Self::Array(parts) => Some(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reply is found at its end and nowhere before, however it arrives.
    fn check_end(reply: &[u8]) {
        let followed = [reply, b"+next\r\n"].concat();
        assert_eq!(Search::new().go_on(&followed), Ok(Found::End(reply.len())));
        let mut search = Search::new();
        for end in 0..reply.len() {
            let found = search.go_on(&reply[..end]);
            assert!(
                matches!(found, Ok(Found::AtLeast(more)) if more > end && more <= reply.len()),
                "{found:?} at {end} of {}",
                reply.escape_ascii()
            );
        }
        assert_eq!(search.go_on(reply), Ok(Found::End(reply.len())));
    }

    #[test]
    fn finds_the_end_of_every_kind_of_reply() {
        for reply in [
            &b"+OK\r\n"[..],
            b"-ERR no\r\n",
            b":12\r\n",
            b"_\r\n",
            b"#t\r\n",
            b",3.14\r\n",
            b"(34928903284\r\n",
            b"$-1\r\n",
            b"$0\r\n\r\n",
            b"$6\r\na\r\nb\r\n\r\n",
            b"!5\r\nERR x\r\n",
            b"=7\r\ntxt:abc\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"*3\r\n$1\r\na\r\n_\r\n*2\r\n:1\r\n:2\r\n",
            b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
            b"~1\r\n+x\r\n",
            b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n",
            b"|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n",
        ] {
            check_end(reply);
        }
    }

    #[test]
    fn refuses_what_is_no_reply() {
        let long_line = [b"+".as_slice(), &[b'x'; LONGEST_LINE]].concat();
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\x15\x03\x01",
            b"$-2\r\n",
            b"$x\r\n",
            b"$\r\n",
            b"$600000000\r\n",
            b"$99999999999\r\n",
            b"$?\r\n",
            b"*99999999999\r\n",
            b"*9999999999\r\n",
            b"+OK\n",
            b"$2\r\nabc\r\n",
            b"_x\r\n",
            b":1x\r\n",
            b":\r\n",
            b"+a\tb\r\n",
            b"\n",
            &long_line,
        ] {
            let found = Search::new().go_on(bytes);
            assert!(found.is_err(), "{found:?}: {}", bytes.escape_ascii());
        }
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let deep = b"*1\r\n".repeat(100_000);
        assert_eq!(
            Search::new().go_on(&deep),
            Ok(Found::AtLeast(deep.len() + 1))
        );
        let closed = [deep, b":1\r\n".to_vec()].concat();
        let frame = Frame::Plain(closed.into());
        assert!(frame.value().is_err(), "the library refuses to read it");
    }

    fn frame(reply: &'static [u8]) -> Frame {
        Frame::Plain(Bytes::from_static(reply))
    }

    #[test]
    fn reads_what_reads_and_writes_are_answered() {
        assert_eq!(
            frame(b"$3\r\na\r\n\r\n").string(),
            Some(Some("a\r\n".into()))
        );
        assert_eq!(frame(b"_\r\n").string(), Some(None));
        assert_eq!(frame(b"$-1\r\n").string(), Some(None));
        assert_eq!(frame(b":1\r\n").string(), None);
        assert_eq!(frame(b"+OK\r\n").stored(), Some(true));
        assert_eq!(frame(b"_\r\n").stored(), Some(false));
        assert_eq!(frame(b"+QUEUED\r\n").stored(), None);
        assert_eq!(frame(b"-OOM no\r\n").refusal().unwrap().code(), "OOM");
        assert!(frame(b"+OK\r\n").refusal().is_none());
        assert!(frame(b"+OK\r\n").parts().is_none());
    }

    #[test]
    fn arrays_are_known_by_their_first_line() {
        assert_eq!(array_header(b"*12\r\n$1"), Ok(Some((5, 12))));
        assert_eq!(array_header(b"*0\r\n"), Ok(Some((4, 0))));
        assert_eq!(array_header(b"*1"), Ok(None), "not yet");
        assert_eq!(array_header(b"*-1\r\n"), Ok(None), "nothing");
        assert_eq!(array_header(b"$1\r\n"), Ok(None));
        assert!(array_header(b"*x\r\n").is_err());
        assert!(array_header(b"*9999999999\r\n").is_err());
    }
}
