//! Reads: by number of tags, with and without L1.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use larder::{L1, Namespace, TypedCache};
use larder_benches::{Candidate, Comparison, Failure, Operation};

use crate::articles::{self, Article};
use crate::options::Options;
use crate::store::Store;

/// Longer than any measurement.
const TTL: Duration = Duration::from_secs(3600);

pub(crate) const TAGGED: &str = "get, L1 off";
pub(crate) const WITH_L1: &str = "get, L1 on and off";

const COHERENT: L1 = L1::Coherent {
    max_staleness: L1::MAX_STALENESS,
    outage_ttl: Duration::ZERO,
};

struct Get {
    cache: TypedCache<Article>,
    keys: Arc<[String]>,
}

impl Operation for Get {
    async fn once(&self, random: usize) -> bool {
        let key = &self.keys[random % self.keys.len()];
        matches!(black_box(self.cache.get(key).await), Ok(Some(_)))
    }
}

/// Reads from the backend of entries without tags, with one and with four, epochs warm.
pub(crate) async fn tagged(store: &Store, options: &Options) -> Result<Vec<Comparison>, Failure> {
    let candidates = [
        get("no tag", store, L1::Off, 0).await?,
        get("1 tag", store, L1::Off, 1).await?,
        get("4 tags", store, L1::Off, 4).await?,
    ];
    options
        .rounds
        .compare(TAGGED, store.name(), &candidates)
        .await
}

/// The same reads where L1 answers, and where there is none.
pub(crate) async fn with_l1(store: &Store, options: &Options) -> Result<Vec<Comparison>, Failure> {
    let candidates = [
        get("coherent, no tag", store, COHERENT, 0).await?,
        get("coherent, 4 tags", store, COHERENT, 4).await?,
        get("off, no tag", store, L1::Off, 0).await?,
        get("off, 4 tags", store, L1::Off, 4).await?,
    ];
    options
        .rounds
        .compare(WITH_L1, store.name(), &candidates)
        .await
}

/// Reads of entries that were stored, and read once, in a cache of their own.
async fn get(name: &'static str, store: &Store, l1: L1, tags: usize) -> Result<Candidate, Failure> {
    let namespace = format!(
        "articles-{}-{tags}",
        if l1 == L1::Off { "off" } else { "l1" }
    );
    let articles = Namespace::new(&namespace).l1(l1).ttl(TTL);
    let cache = store.builder().namespace(articles).build().await?;
    let cache = cache.namespace(&namespace)?.typed();
    let keys = articles::keys();
    articles::store(&cache, &keys, tags).await?;
    for key in &*keys {
        cache.get(key).await?.ok_or("a stored article is gone")?;
    }
    Ok(Candidate::new(name, Get { cache, keys }))
}
