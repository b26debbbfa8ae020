//! The four ways to put a cache before a database, over a
//! [`TypedCache`](larder_cache::TypedCache) of any backend.
//!
//! | | reads | writes |
//! |---|---|---|
//! | [`CacheAside`] | load what is missing | the database first, then `delete` |
//! | [`WriteThrough`] | load what is missing | both at once, in an order that is safe |
//! | [`WriteBehind`] | load what neither cache nor journal has | a journal, and the database in batches |
//! | [`RefreshAhead`] | find what is hot always fresh | as with the others |
//!
//! ```
//! use std::{io, sync::Arc};
//! use larder_cache::CacheBuilder;
//! use larder_memory_backend::MemoryBackend;
//! use larder_patterns::{CacheAside, CacheAsideOptions};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = CacheBuilder::new().build(Arc::new(MemoryBackend::new(64 << 20)))?;
//! let users = cache.namespace("default")?.typed::<String>();
//!
//! let users = CacheAside::new(users, CacheAsideOptions::new().tags(["users"]));
//! let find = || async { Ok::<_, io::Error>(Some("Ada".to_owned())) };
//! assert_eq!(users.get("7", find).await?.as_deref(), Some(&"Ada".to_owned()));
//! # Ok(()) }
//! ```
//!
//! Reads of all of them never fail because the cache does: then the loader answers.
//!
//! # What this crate does not do
//! It knows no Redis and no database: loaders, writers and deleters are yours, and so is the
//! choice of a [`Journal`](larder_cache_core::Journal). It stores nothing of its own; what a
//! pattern promises, it builds from what `larder-cache` and the journal promise.

mod cache_aside;
mod refresh_ahead;
mod write_behind;
mod write_through;

pub use self::cache_aside::{CacheAside, CacheAsideOptions};
pub use self::refresh_ahead::{
    RefreshAhead, RefreshAheadOptions, RefreshAheadReport, RefreshAheadStats,
};
pub use self::write_behind::{
    DrainReport, Journaled, Refusal, Update, WriteBehind, WriteBehindOptions, WriteFailure,
};
pub use self::write_through::{WriteThrough, WriteThroughOptions};
