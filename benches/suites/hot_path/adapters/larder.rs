use std::hint::black_box;
use std::sync::Arc;

use larder::{Compression, L1, Namespace, TypedCache};

use super::{Adapter, TTL};
use crate::Failure;
use crate::profile::Profile;

/// Larder as a service uses it, but for L1, which would answer in place of Redis. Compression is
/// off as it is with the facade's default features, which the other suites add to.
pub(super) struct Larder(TypedCache<Profile>);

impl Larder {
    pub(super) async fn connect(url: &str) -> Result<Self, Failure> {
        let profiles = Namespace::new("profiles").l1(L1::Off).ttl(TTL);
        let cache = larder::builder()
            .redis(url)
            .compression(Compression::Off)
            .namespace(profiles)
            .build()
            .await?;
        Ok(Self(cache.namespace("profiles")?.typed()))
    }
}

impl Adapter for Larder {
    const HAS_BATCHES: bool = true;

    async fn get(&self, key: &str) -> usize {
        let found = black_box(self.0.get(key).await);
        usize::from(matches!(found, Ok(Some(_))))
    }

    async fn set(&self, key: &str, value: &Arc<Profile>) -> usize {
        usize::from(self.0.set(key, Arc::clone(value)).await.is_ok())
    }

    async fn get_many(&self, keys: &[&str]) -> usize {
        let found = black_box(self.0.get_many(keys.iter().copied()).await);
        found.map_or(0, |found| found.len())
    }

    async fn set_many(&self, entries: &[(&str, &Arc<Profile>)]) -> usize {
        let entries = entries.iter().map(|(key, value)| (*key, Arc::clone(value)));
        let count = entries.len();
        self.0.set_many(entries).await.map_or(0, |()| count)
    }
}
