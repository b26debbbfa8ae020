//! The typed two-tier cache: process memory before a backend, and loads that run once.
//!
//! A [`Cache`] is built over a [`Backend`](larder_cache_core::Backend) by a
//! [`CacheBuilder`]; [`Cache::namespace`] gives the handle of a namespace, and
//! [`NamespaceHandle::typed`] a [`TypedCache`], where the values are read, written and
//! loaded:
//!
//! ```
//! use std::{io, sync::Arc, time::Duration};
//! use larder_cache::{CacheBuilder, Loaded};
//! use larder_cache_core::Namespace;
//! use larder_memory_backend::MemoryBackend;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = CacheBuilder::new()
//!     .namespace(Namespace::new("users").ttl(Duration::from_secs(3600)))
//!     .build(Arc::new(MemoryBackend::new(64 << 20)))?;
//! let users = cache.namespace("users")?.typed::<String>();
//!
//! let ada = users.get_or_load("7", || async { Ok::<_, io::Error>("Ada".to_owned()) }).await?;
//! assert_eq!(*ada, "Ada");
//!
//! let nobody = users
//!     .load("8")
//!     .tags(["active"])
//!     .with(|| async { Ok::<_, io::Error>(Loaded::absent()) })
//!     .await?;
//! assert_eq!(nobody, None);
//! # Ok(()) }
//! ```
//!
//! # What this crate does not do
//! It knows no Redis, no HTTP and no configuration files; the facade `larder` wires those.

mod builder;
mod cache;
mod cascade;
mod changes;
mod dictionaries;
mod epochs;
mod guards;
mod handle;
mod health;
mod hold;
mod if_absent;
mod invalidation;
mod keys;
mod l1;
mod leasing;
mod lifetime;
mod load;
mod look;
mod options;
mod payload;
mod pending;
mod pipeline;
mod quota;
mod reading;
mod reencryption;
mod scan;
mod setting;
mod shared;
mod spaces;
mod stats;
mod tasks;
mod transport;
mod typed;
mod value;
mod watching;
mod write_through;
mod writing;

pub use larder_keyspace::{Cascade, Dependency, Target};

pub use self::builder::CacheBuilder;
pub use self::cache::{Cache, ShutdownReport};
pub use self::cascade::{CacheDependencies, Cascaded};
#[cfg(feature = "simulation")]
pub use self::guards::Guard;
pub use self::handle::{NamespaceHandle, Remaining};
pub use self::health::{BackendHealth, Health, Status};
pub use self::invalidation::Affected;
pub use self::load::{LoadError, LoadRequest, Loaded, ManyKeys, OneKey, Refreshed};
pub use self::look::Look;
pub use self::options::{GetOptions, OnError, SetOptions};
pub use self::pipeline::{Pipeline, PipelineReply};
pub use self::quota::Usage;
pub use self::reencryption::{ReencryptOptions, ReencryptReport};
pub use self::stats::{L1Stats, NamespaceStats, Stats};
pub use self::typed::TypedCache;
pub use self::value::Value;
pub use self::write_through::{WriteError, Written};
pub use larder_keyspace::{
    BuiltKey, KeyAdvice, KeyFault, KeyOptions, Validation, Verdict, sanitize_key, typed_key,
};
