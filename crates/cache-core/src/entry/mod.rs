//! Stored entries: a header of fixed layout, then the body.
//!
//! `docs/wire-format.md` specifies the bytes; the golden files of this crate prove that
//! every released version stays readable.

mod layout;
mod wire;

use std::time::Duration;

use bytes::Bytes;

pub use self::layout::{HEADER_BYTES, LEASE, MAX_HEADER_BYTES, MUTABLE_PART, SOFT_AND_HARD_EXPIRY};
pub use self::wire::{associated_data, encode_expiry, encode_lease, is_entry, is_stub};
use crate::clock::Timestamp;
use crate::epoch::Epoch;
use crate::tag::Tag;

/// A stored entry, in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the entry says of itself.
    pub header: Header,
    /// The value, as its codecs left it.
    pub body: Bytes,
}

/// What an entry says of itself.
///
/// All fields but [`freshness`](Header::freshness) are the fixed part, covered with the
/// body by a checksum; `freshness` is the mutable part, patched in place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Soft and hard expiry, and the lease.
    pub freshness: Freshness,
    /// What the body is.
    pub kind: Kind,
    /// How the body was serialized: 1 MessagePack, 2 JSON, 0 no body.
    pub format: u8,
    /// The codec that compressed the body; 0: none.
    pub compression: u8,
    /// The dictionary it was compressed with; 0: none.
    pub dictionary: u32,
    /// The key it was encrypted with; 0: none.
    pub encryption_key: u32,
    /// The fingerprint of the type, where the namespace pins one; 0: not pinned.
    pub schema: u64,
    /// When it was written.
    pub created: Timestamp,
    /// How long its load took, to the microsecond, 71 minutes at most.
    pub load_cost: Duration,
    /// The namespace's epoch before the load.
    pub namespace_epoch: Epoch,
    /// Its tags, with their epochs before the load.
    pub tags: Vec<TagEpoch>,
    /// The length of the serialized value before compression, in bytes.
    pub plain_bytes: u32,
}

/// The mutable part of a header. Times are the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// From when on the value is stale; `None`: never.
    pub soft: Option<Timestamp>,
    /// From when on the value is gone; `None`: never.
    pub hard: Option<Timestamp>,
    /// Who may replace it.
    pub lease: Option<Lease>,
}

/// The right of one loader to store its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Known to the loader alone; never zero.
    pub token: u64,
    /// When the right ends, by the server's time.
    pub until: Timestamp,
}

/// A tag of an entry and the tag's epoch before the entry was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagEpoch {
    /// The tag.
    pub tag: Tag,
    /// Its epoch, as it counts for this entry.
    pub epoch: Epoch,
}

/// What the body of an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A value.
    #[default]
    Value,
    /// Nothing: a loader found that there is no value.
    Absent,
    /// Nothing: a lease without a value.
    Placeholder,
    /// What it takes to find a large value, which is stored under a key of its own.
    Stub,
}

/// Why stored bytes are not an entry that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreadable {
    /// They don't begin as an entry does: another program wrote them.
    Foreign,
    /// Their end is missing, or there is more than there should be.
    Truncated,
    /// A later version of Larder wrote them.
    UnknownVersion,
    /// A field holds a number this version does not know.
    UnknownKind,
    /// The checksum does not match.
    Corrupt,
}

/// Tells a stored entry from others that stand under the same key before or after it. The
/// same as long as only its mutable part changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(u64);

impl EntryId {
    /// The identity of stored bytes: their checksum, if they are an entry at all.
    #[must_use]
    pub fn of(stored: &[u8]) -> Self {
        Self(wire::checksum_in(stored))
    }

    /// The identity in bytes, as it stands in the header.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

impl Unreadable {
    /// A stable name for counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Truncated => "truncated",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKind => "unknown_kind",
            Self::Corrupt => "corrupt",
        }
    }
}

impl Freshness {
    /// The freshness of an entry written at `now`.
    #[must_use]
    pub fn from(now: Timestamp, soft: Option<Duration>, hard: Option<Duration>) -> Self {
        Self {
            soft: soft.map(|d| now.after(d)),
            hard: hard.map(|d| now.after(d)),
            lease: None,
        }
    }

    /// Whether the value is past its soft expiry.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.soft.is_some_and(|soft| soft <= now)
    }

    /// Whether the value is past its hard expiry.
    #[must_use]
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.hard.is_some_and(|hard| hard <= now)
    }
}

impl Header {
    /// A header of a kind, created now, with nothing else set.
    #[must_use]
    pub fn new(kind: Kind, created: Timestamp) -> Self {
        Self {
            freshness: Freshness::default(),
            kind,
            format: 0,
            compression: 0,
            dictionary: 0,
            encryption_key: 0,
            schema: 0,
            created,
            load_cost: Duration::ZERO,
            namespace_epoch: Epoch::UNKNOWN,
            tags: Vec::new(),
            plain_bytes: 0,
        }
    }

    /// Its tags without their epochs.
    #[must_use]
    pub fn tag_names(&self) -> Vec<Tag> {
        self.tags.iter().map(|tag| tag.tag.clone()).collect()
    }

    /// Reads the header alone from the beginning of an entry of `total_bytes` bytes.
    /// The body is not looked at and the checksum not verified.
    ///
    /// # Errors
    /// [`Unreadable`] when these are not the first bytes of an entry of that length.
    pub fn read(head: &[u8], total_bytes: usize) -> Result<Self, Unreadable> {
        wire::read_header(head, total_bytes).map(|(header, _)| header)
    }
}

impl Entry {
    /// The bytes to store.
    ///
    /// # Cost
    /// One allocation, one copy of the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        wire::encode(self)
    }

    /// Reads stored bytes. The body shares their memory.
    ///
    /// # Errors
    /// [`Unreadable`], for any bytes that are not a whole and sound entry.
    pub fn decode(stored: &Bytes) -> Result<Self, Unreadable> {
        wire::decode(stored)
    }
}
