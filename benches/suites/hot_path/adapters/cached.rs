use std::hint::black_box;
use std::sync::Arc;

use cached::{AsyncRedisCache, ConcurrentCachedAsync, SerializeCachedAsync};

use super::{Adapter, TTL};
use crate::Failure;
use crate::profile::Profile;

/// The Redis store of `cached`, which has one multiplexed connection of redis-rs and takes its
/// TCP settings as they are. Writes go by `async_cache_set_ref`, the cheaper of its two ways.
pub(super) struct Cached(AsyncRedisCache<String, Profile>);

impl Cached {
    pub(super) async fn connect(url: &str) -> Result<Self, Failure> {
        let store = AsyncRedisCache::builder("cached")
            .ttl(TTL)
            .connection_string(&format!("{url}/?protocol=resp3"));
        Ok(Self(store.build().await?))
    }
}

impl Adapter for Cached {
    const HAS_BATCHES: bool = false;

    async fn get(&self, key: &str) -> usize {
        let found = black_box(self.0.async_cache_get(&key.to_owned()).await);
        usize::from(matches!(found, Ok(Some(_))))
    }

    async fn set(&self, key: &str, value: &Arc<Profile>) -> usize {
        let done = self.0.async_cache_set_ref(&key.to_owned(), value).await;
        usize::from(done.is_ok())
    }

    async fn get_many(&self, _: &[&str]) -> usize {
        0
    }

    async fn set_many(&self, _: &[(&str, &Arc<Profile>)]) -> usize {
        0
    }
}
