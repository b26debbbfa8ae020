//! Larder's backend for Redis 6.2 and later and for Valkey.
//!
//! [`RedisBackend`] implements [`Backend`](larder_cache_core::Backend) over one shared
//! connection that pipelines the commands of all callers. The connection is supervised:
//! a heartbeat notices a server that has gone silent, a lost connection is made anew for
//! as long as it takes, and meanwhile calls fail at once. No call ever takes longer than
//! its budget.
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
//! It talks to one server: neither to a cluster nor to Sentinel. It retries no command,
//! breaks no circuit and knows nothing of what the values mean, but for the expiry in
//! their header, which [`expire`](larder_cache_core::Backend::expire) moves.

mod address;
mod backend;
mod commands;
mod config;
mod error;
mod info;
mod lane;
mod masked;
#[cfg(feature = "tls")]
mod tls;
mod topology;

pub use self::backend::RedisBackend;
pub use self::config::{AtStart, RedisConfig};
