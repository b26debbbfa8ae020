//! Larder: the cache layer that a Rust service puts between itself and its database.
//!
//! Typed, in two tiers: process memory (L1) before a backend (L2) that is Redis, Valkey, or
//! embedded in the process. One dependency, one builder, and `get_or_load`:
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{io, sync::Arc, time::Duration};
//! use larder::Namespace;
//!
//! let cache = larder::builder()
//!     .memory()                                // or .redis("redis://127.0.0.1")
//!     .namespace(Namespace::new("users").ttl(Duration::from_secs(3600)))
//!     .build()
//!     .await?;
//! let users = cache.namespace("users")?.typed::<String>();
//!
//! let ada: Arc<String> = users
//!     .get_or_load("profile:7", || async { Ok::<_, io::Error>("Ada".to_owned()) })
//!     .await?;
//! assert_eq!(*ada, "Ada");
//! # Ok(()) }
//! # #[cfg(not(feature = "memory"))] fn main() {}
//! ```
//!
//! Of many callers that want the same key, in all processes, one loads it; no load that began
//! before a change outlives it; a backend that is down costs a call its budget at most and then
//! the loader answers; bytes in the backend that are not ours are a miss. The guides are in
//! `docs/`, beginning with `docs/getting-started.md`.
//!
//! # Features
//! - `memory` (default): the embedded backend.
//! - `redis` (default): Redis 6.2 or later, and Valkey.
//! - `patterns` (default): cache-aside, write-through, write-behind, refresh-ahead.
//! - `derive` (default): `#[derive(Cacheable)]`, the fingerprint of a type's serialized shape.
//! - `file-journal`: a journal for write-behind in a local file.
//! - `tls`: `rediss://` URLs, by rustls.
//! - `compression`: zstd, LZ4, brotli, gzip and LZ-String, chosen by what pays; dictionaries.
//! - `encryption` (default): namespaces whose values leave the process encrypted.
//! - `analytics` (default): what is read and how often, and what another size of L1 would bring.
//!
//! # What this crate does not do
//! It has no logic of its own: it reads a [`Config`], wires the crates below, and re-exports
//! what a service needs. Those who need one part take its crate.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod compress;
pub mod config;
mod connect;
mod encrypt;

pub use larder_cache::{
    Affected, BackendHealth, BuiltKey, Cache, CacheDependencies, Cascade, Cascaded, Dependency,
    GetOptions, Health, KeyAdvice, KeyFault, KeyOptions, L1Stats, LoadError, LoadRequest, Loaded,
    Look, ManyKeys, NamespaceHandle, NamespaceStats, OnError, OneKey, Pipeline, PipelineReply,
    ReencryptOptions, ReencryptReport, Refreshed, Remaining, SetOptions, ShutdownReport, Stats,
    Status, Target, TypedCache, Usage, Validation, Value, Verdict, WriteError, Written,
    sanitize_key, typed_key,
};
#[doc(hidden)]
pub use larder_cache_core::schema;
pub use larder_cache_core::{
    Algorithm, Backend, Bytes, Cacheable, Cipher, Clock, Codec, Compression, Connections,
    DeadLetter, Durability, Earlier, EarlyRefresh, Encryption, Error, ErrorKind, Event, Format,
    Glob, Invalidation, Journal, JournalDepth, KeyPattern, L1, LoadOutcome, LogNotifier,
    LzStringForm, MissReason, Namespace, Node, Notice, Notifier, Observer, Observers, Random,
    RefusalReason, Result, Sequence, Severity, Space, SystemClock, Tag, Tags, Tier, Ttl,
    TtlClasses, Unreadable,
};
/// The default codec, and compression without a cache.
#[cfg(feature = "compression")]
pub use larder_compression as compression;
#[cfg(feature = "encryption")]
pub use larder_encryption::{CipherAlgorithm, EncryptionKey, KeyRing};
#[cfg(feature = "file-journal")]
pub use larder_file_journal::{FileJournal, FileJournalOptions, SyncPolicy};
/// What is read and how often, and what another size of L1 would bring.
#[cfg(feature = "analytics")]
pub use larder_keyspace::analytics;
#[cfg(feature = "derive")]
pub use larder_macros::Cacheable;
#[cfg(feature = "memory")]
pub use larder_memory_backend::{MemoryBackend, MemoryJournal, MemoryJournalOptions};
#[cfg(feature = "patterns")]
pub use larder_patterns::{
    CacheAside, CacheAsideOptions, DrainReport, Journaled, RefreshAhead, RefreshAheadOptions,
    RefreshAheadReport, RefreshAheadStats, Refusal, Update, WriteBehind, WriteBehindOptions,
    WriteFailure, WriteThrough, WriteThroughOptions,
};
#[cfg(feature = "redis")]
pub use larder_redis_backend::{
    AtRisk, AtStart, ReadFrom, RedisBackend, RedisConfig, RedisStreamJournal, StreamJournalOptions,
};

pub use self::builder::{Builder, builder};
pub use self::config::Config;

/// The guides, compiled as they stand.
#[cfg(all(doctest, feature = "memory", feature = "redis", feature = "patterns"))]
mod guides {
    #[doc = include_str!("../../../docs/getting-started.md")]
    struct GettingStarted;

    #[doc = include_str!("../../../docs/consistency.md")]
    struct Consistency;

    #[doc = include_str!("../../../docs/keyspace.md")]
    struct Keyspace;

    #[doc = include_str!("../../../docs/dependencies.md")]
    struct Dependencies;

    #[doc = include_str!("../../../docs/quota.md")]
    struct Quota;

    #[cfg(feature = "analytics")]
    #[doc = include_str!("../../../docs/analytics.md")]
    struct Analytics;

    #[doc = include_str!("../../../docs/patterns.md")]
    struct Patterns;

    #[cfg(feature = "derive")]
    #[doc = include_str!("../../../docs/schema.md")]
    struct Schema;

    #[doc = include_str!("../../../README.md")]
    struct Readme;
}
