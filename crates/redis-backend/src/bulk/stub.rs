//! What stands under the key of a large value: enough to find it, and its beginning.

use bytes::{BufMut, Bytes, BytesMut};
use larder_cache_core::entry::{HEADER_BYTES, MAX_HEADER_BYTES, MUTABLE_PART, is_entry, is_stub};
use larder_cache_core::{Entry, Header, Key, Kind, Timestamp};

/// A stub: which version of the value it stands for, how long that is, and how it begins,
/// so that nobody has to fetch a large value to read its header.
///
/// The beginning is the value's but for the mutable part of an entry's header, which is
/// patched in the stub and is the stub's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stub {
    pub(super) id: Id,
    pub(super) total_bytes: usize,
    beginning: Bytes,
}

/// Tells one version of a value from the next. It stands before the value under the key of
/// its own, so that a reader who comes between two writes notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id([u8; Id::BYTES]);

impl Id {
    pub(super) const BYTES: usize = 16;

    pub(super) fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The longest stub.
pub(crate) const MAX_STUB_BYTES: usize = HEADER_BYTES + FIXED + MAX_HEADER_BYTES;

const FIXED: usize = Id::BYTES + 8;

impl Stub {
    /// The stub of a value.
    pub(super) fn of(value: &Bytes, id: Id) -> Self {
        Self {
            id,
            total_bytes: value.len(),
            beginning: value.slice(..value.len().min(MAX_HEADER_BYTES)),
        }
    }

    /// The stub in stored bytes, if they are one.
    pub(super) fn read(stored: &Bytes) -> Option<Self> {
        if !is_stub(stored) {
            return None;
        }
        let body = Entry::decode(stored).ok()?.body;
        let (id, rest) = body.split_first_chunk()?;
        let (total_bytes, _) = rest.split_first_chunk()?;
        let mut beginning = BytesMut::from(&body[FIXED..]);
        patch(&mut beginning, stored);
        Some(Self {
            id: Id(*id),
            total_bytes: usize::try_from(u64::from_le_bytes(*total_bytes)).ok()?,
            beginning: beginning.freeze(),
        })
    }

    /// The bytes to store, for a key that expires when the value does.
    pub(super) fn encode(&self) -> Bytes {
        let mut body = BytesMut::with_capacity(FIXED + self.beginning.len());
        body.put_slice(self.id.as_bytes());
        body.put_u64_le(u64::try_from(self.total_bytes).unwrap_or(u64::MAX));
        body.put_slice(&self.beginning);
        let stub = Entry {
            header: Header::new(Kind::Stub, Timestamp::from_millis(0)),
            body: body.freeze(),
        };
        let mut stored = BytesMut::from(stub.encode());
        patch(&mut stored, &self.beginning);
        stored.freeze()
    }

    /// How the value begins now.
    pub(super) fn beginning(&self) -> &Bytes {
        &self.beginning
    }

    /// Whether that is the version of the value that this stub stands for.
    pub(super) fn is_of(&self, body: &Body) -> bool {
        body.0.starts_with(&self.id.0) && body.0.len() == Id::BYTES + self.total_bytes
    }

    /// The value, of the version that this stub stands for. Costs no copy.
    pub(super) fn value(&self, body: Body) -> Bytes {
        let Body(mut stored) = body;
        patch(&mut stored[Id::BYTES..], &self.beginning);
        Bytes::from(stored).slice(Id::BYTES..)
    }
}

/// What is stored under the key of its own: one version of a value, behind its id.
#[derive(Debug)]
pub(super) struct Body(Vec<u8>);

impl Body {
    pub(super) fn read(stored: Vec<u8>) -> Option<Self> {
        (stored.len() >= Id::BYTES).then_some(Self(stored))
    }
}

/// Copies the mutable part of an entry's header. What is no entry has none.
fn patch(to: &mut [u8], from: &[u8]) {
    if is_entry(to) && is_entry(from) {
        to[MUTABLE_PART].copy_from_slice(&from[MUTABLE_PART]);
    }
}

/// The key of a large value itself: internal, and in the slot of its stub, which every
/// key has to itself because the braces of user data are encoded.
pub(crate) fn body_key(key: &Key) -> String {
    let prefix = key.as_str().split([':', '~']).next().unwrap_or_default();
    format!("{prefix}~body:{{{}}}", key.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use larder_cache_core::{Freshness, KeyPrefix};

    use super::*;

    const ID: Id = Id([7; Id::BYTES]);

    fn entry(bytes: usize) -> Bytes {
        let now = Timestamp::from_millis(1_000_000);
        let mut header = Header::new(Kind::Value, now);
        header.freshness = Freshness::from(now, Some(Duration::from_secs(1)), None);
        let body = Bytes::from(vec![b'x'; bytes]);
        Entry { header, body }.encode()
    }

    fn stored(id: Id, value: &[u8]) -> Body {
        Body::read([id.as_bytes(), value].concat()).unwrap()
    }

    fn check(value: &Bytes) {
        let stub = Stub::of(value, ID);
        let encoded = stub.encode();
        assert!(encoded.len() <= MAX_STUB_BYTES);
        let read = Stub::read(&encoded).unwrap();
        assert_eq!(read, stub);
        assert!(read.is_of(&stored(ID, value)));
        assert_eq!(&read.value(stored(ID, value)), value);
        let other = Id([8; Id::BYTES]);
        assert!(!read.is_of(&stored(other, value)));
        let longer = [&value[..], b"x"].concat();
        assert!(!read.is_of(&stored(ID, &longer)));
        assert!(Body::read(Vec::new()).is_none());
    }

    #[test]
    fn stands_for_entries_and_for_anything_else() {
        check(&entry(1 << 20));
        check(&Bytes::from(vec![b'y'; 1 << 20]));
        check(&entry(0));
        check(&Bytes::new());
    }

    /// What moves the expiry of an entry patches the stub like any other entry.
    #[test]
    fn the_mutable_part_is_the_stubs() {
        let value = entry(1000);
        let mut patched = BytesMut::from(Stub::of(&value, ID).encode());
        patched[MUTABLE_PART].fill(9);
        let stub = Stub::read(&patched.freeze()).unwrap();
        assert_eq!(stub.beginning()[MUTABLE_PART], [9; 32]);
        let read = stub.value(stored(ID, &value));
        assert_eq!(read[MUTABLE_PART], [9; 32]);
        assert!(Entry::decode(&read).is_ok(), "the checksum holds");
    }

    #[test]
    fn nothing_else_is_a_stub() {
        assert_eq!(Stub::read(&entry(100)), None);
        assert_eq!(Stub::read(&Bytes::from_static(b"plain")), None);
        let stub = Stub::of(&entry(100), ID).encode();
        for end in 0..stub.len() {
            assert_eq!(Stub::read(&stub.slice(..end)), None, "{end}");
        }
        let mut corrupt = BytesMut::from(stub);
        corrupt[HEADER_BYTES + 4] ^= 1;
        assert_eq!(Stub::read(&corrupt.freeze()), None);
    }

    #[test]
    fn the_value_is_internal_and_in_the_slot_of_its_stub() {
        let key = KeyPrefix::new("app").unwrap().value("n", "a{b}").unwrap();
        assert_eq!(body_key(&key), "app~body:{app:n:a%7Bb%7D}");
    }
}
