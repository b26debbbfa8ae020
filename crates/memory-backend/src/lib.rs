//! The embedded backend of Larder: values in the memory of this process, bounded in bytes.
//!
//! It is a whole [`Backend`](larder_cache_core::Backend), so that a service runs without
//! a server and its tests without a network: times to live to the millisecond, conditional
//! writes, leases, epochs, scans by pattern, pipelines, and eviction by SIEVE when the
//! bytes run out.
//!
//! ```
//! use std::time::Duration;
//! use larder_cache_core::{Backend, Bytes, Call, Condition, KeyPrefix, Write};
//! use larder_memory_backend::MemoryBackend;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), larder_cache_core::Error> {
//! let backend = MemoryBackend::new(64 << 20);
//! let call = Call::within(Duration::from_secs(1));
//! let key = KeyPrefix::new("app")?.value("user", "profile:123")?;
//! let write = Write {
//!     key: key.clone(),
//!     value: Bytes::from_static(b"Ada"),
//!     ttl: Some(Duration::from_secs(60)),
//!     condition: Condition::Always,
//! };
//! assert_eq!(backend.set(&[write], call).await?, [true]);
//! assert_eq!(backend.get(&[key], call).await?, [Some(Bytes::from_static(b"Ada"))]);
//! # Ok(())
//! # }
//! ```
//!
//! [`MemoryJournal`] keeps writes that the database has not seen yet, for tests and for writes
//! whose loss is no harm: it ends with its process.
//!
//! # What this crate does not do
//! It shares nothing with other processes and keeps nothing past its own. It spawns no
//! task and never waits: expired values go when they are written over, when room is
//! needed, or with later writes.

mod backend;
mod builder;
mod cursor;
mod fenced;
mod journal;
mod record;
mod shard;
mod sieve;
mod store;
mod usage;

pub use self::backend::MemoryBackend;
pub use self::builder::MemoryBackendBuilder;
pub use self::journal::{MemoryJournal, MemoryJournalOptions};
pub use self::record::ENTRY_OVERHEAD_BYTES;
