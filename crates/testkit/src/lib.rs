//! What Larder's own tests stand on.
//!
//! [`RedisServer`] starts a real `redis-server` for one test, can crash, freeze and restart it,
//! and leaves nothing behind however the test ends.
//!
//! ```no_run
//! use larder_testkit::RedisServer;
//!
//! # fn main() -> Result<(), larder_testkit::RedisServerError> {
//! let mut server = RedisServer::start()?;
//! println!("{}", server.url());
//! server.kill();
//! server.restart()?;
//! # Ok(())
//! # }
//! ```
//!
//! [`RedisCluster`] and [`RedisSentinel`] do the same for a whole cluster, and for a master with
//! replicas and Sentinels. [`FaultProxy`] stands between a client and any server, and delays,
//! withholds, loses or damages what passes.
//!
//! [`conformance`] is the one suite that every backend passes, [`journal`] that of every journal. [`ManualClock`] stands still until
//! a test moves it. [`ChaosBackend`] fails, delays, hangs and holds calls as a test plans it.
//!
//! # What this crate does not do
//!
//! It knows no Redis client and no Larder backend: a backend's tests bring their own. It is never
//! a dependency of published code, only a dev-dependency (and a dependency of `xtask`).

mod chaos_backend;
pub mod conformance;
mod fault_proxy;
pub mod journal;
mod manual_clock;
mod redis_cluster;
mod redis_node;
mod redis_sentinel;
mod redis_server;

pub use chaos_backend::{ChaosBackend, Fault, Faults, Gate, Method};
pub use fault_proxy::{FaultProxy, NetworkFault};
pub use manual_clock::{ClockReadings, ManualClock};
pub use redis_cluster::{MigrationPace, RedisCluster, RedisClusterBuilder};
pub use redis_sentinel::{RedisSentinel, RedisSentinelBuilder};
pub use redis_server::{DetachedRedisServer, RedisServer, RedisServerBuilder, RedisServerError};
