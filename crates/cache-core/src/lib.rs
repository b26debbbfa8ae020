//! The vocabulary and the seams of the Larder cache.
//!
//! Everything above speaks in these words: a [`Key`] says where an [`Entry`] stands in a
//! [`Backend`]; a [`Namespace`] says how its values are treated and a [`Ttl`] how long
//! they live; a [`Journal`] keeps what
//! the database has not seen yet; a [`Codec`] makes bytes fewer and a [`Cipher`] unreadable; an [`Observer`] is told what happens, a
//! [`Clock`] and a [`Random`] are injected so that tests can replay a schedule.
//!
//! ```
//! use bytes::Bytes;
//! use larder_cache_core::{Entry, Header, Kind, Timestamp};
//!
//! let header = Header::new(Kind::Value, Timestamp::from_millis(1_700_000_000_000));
//! let entry = Entry { header, body: Bytes::from_static(b"hello") };
//! let stored = entry.encode();
//! assert_eq!(Entry::decode(&stored), Ok(entry));
//! ```
//!
//! # What this crate does not do
//! It opens no socket, spawns no task, and reads no clock but through [`Clock`]. It knows
//! no client library, no serialization format, no compression and no cryptography.

mod backend;
mod cipher;
mod clock;
mod codec;
mod compression;
mod early_refresh;
pub mod entry;
mod epoch;
mod error;
mod glob;
mod inspect;
mod journal;
mod key;
mod key_pattern;
mod namespace;
mod notifier;
mod observer;
mod random;
#[doc(hidden)]
pub mod schema;
mod tag;
mod ttl;

pub use async_trait::async_trait;
pub use bytes::Bytes;

pub use self::backend::{
    Backend, Call, Capabilities, Claim, Condition, Connections, Cursor, Expiry, Fill, FillOutcome,
    Grant, Head, Judgement, LeaseRequest, Leased, Lifetime, Operation, Reply, ScanPage, Watch,
    Watcher, Write,
};
pub use self::cipher::Cipher;
pub use self::clock::{Clock, Moment, SystemClock, Timestamp, millis_rounded_up};
pub use self::codec::{Codec, Coding, Dictionaries, Dictionary, Encoded, Place};
pub use self::compression::{Algorithm, Compression, LzStringForm};
pub use self::early_refresh::EarlyRefresh;
pub use self::entry::{Entry, EntryId, Freshness, Header, Kind, Lease, TagEpoch, Unreadable};
pub use self::epoch::{
    EPOCH_BYTES, Epoch, EpochChange, EpochRecord, EpochRequest, Invalidation, MAX_TAG_SETS,
    Standing, Tags, names_of,
};
pub use self::error::{Error, ErrorKind, Result};
pub use self::glob::Glob;
pub use self::inspect::{Inspect, Node};
pub use self::journal::{
    Append, DeadLetter, Durability, Journal, JournalDepth, JournalRecord, JournalWrite, Sequence,
    ShardClaim,
};
pub use self::key::{
    Key, KeyPrefix, MAX_KEY_BYTES, MAX_PREFIX_BYTES, check_key, check_prefix, key_from_bytes,
};
pub use self::key_pattern::KeyPattern;
pub use self::namespace::{Encryption, Format, L1, Namespace};
pub use self::notifier::{LogNotifier, Notice, Notifier, Severity};
pub use self::observer::{
    CircuitState, Event, KeptFrom, LoadOutcome, MissReason, Observer, Observers, Origin,
    RefusalReason, Space, Tier,
};
pub use self::random::{Random, SystemRandom};
pub use self::schema::{Cacheable, Earlier, Schema};
pub use self::tag::{MAX_TAG_BYTES, MAX_TAG_SECTION_BYTES, MAX_TAGS, Tag};
pub use self::ttl::{Ttl, TtlClasses};
