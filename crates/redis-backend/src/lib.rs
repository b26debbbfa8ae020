//! Larder's backend for Redis 6.2 and later and for Valkey: one server, the master behind
//! Sentinels, or a cluster.
//!
//! [`RedisBackend`] implements [`Backend`](larder_cache_core::Backend) over one connection to
//! each server, which all callers share: what they ask for at the same time leaves together.
//! Connections are supervised: a server that has gone silent is noticed, a lost connection is
//! made anew for as long as it takes, and meanwhile calls fail at once. A circuit breaker keeps
//! calls away from a server that leaves them without an answer. No call takes longer than its
//! budget, and large values go over connections of their own.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use larder_cache_core::{Backend, Call, KeyPrefix, Observers, SystemClock};
//! use larder_redis_backend::{RedisBackend, RedisConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_cache_core::Result<()> {
//! let config = RedisConfig::new("redis://127.0.0.1:6379");
//! let redis = RedisBackend::connect(config, Observers::default(), Arc::new(SystemClock::new())).await?;
//!
//! let key = KeyPrefix::new("app")?.value("user", "profile:123")?;
//! let found = redis.get(&[key], Call::within(Duration::from_millis(100))).await?;
//! # let _ = found;
//! # Ok(())
//! # }
//! ```
//!
//! # What this crate does not do
//! It repeats no command but one that was refused in a way that proves that it had no effect,
//! and that only in a cluster. It knows nothing of what the values mean, but for the mutable part of
//! their header, and for epoch records.

mod address;
mod backend;
mod bulk;
mod commands;
mod config;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod info;
mod journal;
mod lane;
mod masked;
mod plan;
mod servers;
#[cfg(feature = "tls")]
mod tls;
mod topology;
mod tracking;

pub use self::backend::RedisBackend;
#[cfg(feature = "tls")]
pub use self::config::ClientCertificate;
pub use self::config::{AtStart, ReadFrom, RedisConfig, SentinelLogin};
pub use self::journal::{AtRisk, RedisStreamJournal, StreamJournalOptions};
