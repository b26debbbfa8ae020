//! A miss and its load under a lease, next to a read and a write without one.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::{L1, Namespace, TypedCache};
use larder_benches::{Candidate, Comparison, Failure, Operation};

use crate::articles::Article;
use crate::options::Options;
use crate::store::Store;

/// Long enough for a run, short enough for what it stores to go.
const TTL: Duration = Duration::from_secs(60);

pub(crate) const LOADS: &str = "miss and load, L1 off";

/// A key that was never used.
#[derive(Debug, Default)]
struct Unused(AtomicUsize);

impl Unused {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

struct GetAndSet {
    cache: TypedCache<Article>,
    unused: Unused,
}

impl Operation for GetAndSet {
    async fn once(&self, _: usize) -> bool {
        let id = self.unused.next();
        let key = format!("set:{id}");
        let missed = matches!(self.cache.get(&key).await, Ok(None));
        missed && self.cache.set(&key, Article::new(id)).await.is_ok()
    }
}

struct Load {
    cache: TypedCache<Article>,
    unused: Unused,
}

impl Operation for Load {
    async fn once(&self, _: usize) -> bool {
        let id = self.unused.next();
        let loader = move || async move { Ok::<_, Infallible>(Article::new(id)) };
        let key = format!("load:{id}");
        self.cache.get_or_load(&key, loader).await.is_ok()
    }
}

/// Both, on keys that were never used.
pub(crate) async fn measure(store: &Store, options: &Options) -> Result<Vec<Comparison>, Failure> {
    let articles = Namespace::new("articles").l1(L1::Off).ttl(TTL);
    let cache = store.builder().namespace(articles).build().await?;
    let cache = cache.namespace("articles")?.typed();
    let plain = GetAndSet {
        cache: cache.clone(),
        unused: Unused::default(),
    };
    let load = Load {
        cache,
        unused: Unused::default(),
    };
    let candidates = [
        Candidate::new("get, then set", plain),
        Candidate::new("get_or_load", load),
    ];
    options
        .rounds
        .compare(LOADS, store.name(), &candidates)
        .await
}
