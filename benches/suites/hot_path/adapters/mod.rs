//! What is compared.

#[cfg(feature = "peers")]
mod cached;
#[cfg(feature = "peers")]
mod deadpool;
#[cfg(feature = "peers")]
mod fred;
mod larder;
mod redis_rs;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::Failure;
use crate::profile::Profile;
use crate::slice::{Adapted, Subject};

/// What the ratios refer to.
pub(crate) const BASELINE: &str = "redis-rs";

/// All that this build can measure.
pub(crate) const NAMES: &[&str] = &[
    "larder",
    BASELINE,
    #[cfg(feature = "peers")]
    "deadpool",
    #[cfg(feature = "peers")]
    "cached",
    #[cfg(feature = "peers")]
    "fred",
];

/// How long entries live: longer than any measurement.
const TTL: Duration = Duration::from_secs(3600);

/// A way to keep profiles in Redis. Every method says with how many keys it succeeded, and has
/// decoded what it read.
pub(crate) trait Adapter: Send + Sync + 'static {
    /// Whether it has operations on many keys.
    const HAS_BATCHES: bool;

    fn get(&self, key: &str) -> impl Future<Output = usize> + Send;

    fn set(&self, key: &str, value: &Arc<Profile>) -> impl Future<Output = usize> + Send;

    fn get_many(&self, keys: &[&str]) -> impl Future<Output = usize> + Send;

    fn set_many(&self, entries: &[(&str, &Arc<Profile>)]) -> impl Future<Output = usize> + Send;
}

/// The adapters of these names, each with a connection of its own.
pub(crate) async fn connect(
    names: &[&'static str],
    url: &str,
) -> Result<Vec<Box<dyn Subject>>, Failure> {
    let mut subjects: Vec<Box<dyn Subject>> = Vec::with_capacity(names.len());
    for &name in names {
        subjects.push(match name {
            "larder" => Adapted::boxed(name, larder::Larder::connect(url).await?),
            #[cfg(feature = "peers")]
            "deadpool" => Adapted::boxed(name, deadpool::Deadpool::connect(url)?),
            #[cfg(feature = "peers")]
            "cached" => Adapted::boxed(name, cached::Cached::connect(url).await?),
            #[cfg(feature = "peers")]
            "fred" => Adapted::boxed(name, fred::Fred::connect(url).await?),
            _ => Adapted::boxed(name, redis_rs::RedisRs::connect(url).await?),
        });
    }
    Ok(subjects)
}
