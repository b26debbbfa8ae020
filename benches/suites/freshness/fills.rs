//! What the backend is asked for each key that is loaded and then read from L1.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Event, L1, Namespace, Observer, TypedCache};
use larder_benches::Failure;
use tokio::task::JoinSet;

use crate::articles::{Article, KEYS};
use crate::results::Fills;
use crate::store::Store;

/// How often each key is read after it was loaded.
const READS: usize = 5;

/// How many tasks there are, each with keys of its own.
const TASKS: [usize; 2] = [1, 64];

/// Counts calls of the backend.
#[derive(Debug, Default)]
struct Calls {
    gets: AtomicU64,
    others: AtomicU64,
}

impl Observer for Calls {
    fn observe(&self, event: &Event<'_>) {
        if let Event::BackendCall { operation, .. } = event {
            let counter = match *operation {
                "get" => &self.gets,
                _ => &self.others,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Loads cold keys, reads each some times, and counts.
pub(crate) async fn count(store: &Store) -> Result<Vec<Fills>, Failure> {
    let mut fills = Vec::new();
    for tasks in TASKS {
        let calls = Arc::new(Calls::default());
        let name = format!("articles-{tasks}");
        let articles = Namespace::new(&name).l1(L1::Coherent {
            max_staleness: L1::MAX_STALENESS,
            outage_ttl: Duration::ZERO,
        });
        let observer = Arc::clone(&calls) as Arc<dyn Observer>;
        let builder = store.builder().observer(observer).namespace(articles);
        let cache = builder.build().await?.namespace(&name)?.typed();
        load_and_read(&cache, tasks).await?;
        let stats = cache.stats();
        let per_key = |count: u64| count as f64 / KEYS as f64;
        fills.push(Fills {
            store: store.name(),
            tasks,
            keys: KEYS,
            reads: READS,
            loads: per_key(stats.loads),
            gets: per_key(calls.gets.load(Ordering::Relaxed)),
            other_calls: per_key(calls.others.load(Ordering::Relaxed)),
            l1_hits: per_key(stats.l1_hits),
        });
    }
    Ok(fills)
}

async fn load_and_read(cache: &TypedCache<Article>, tasks: usize) -> Result<(), Failure> {
    let mut running = JoinSet::new();
    for first in 0..tasks {
        let cache = cache.clone();
        running.spawn(async move {
            for id in (first..KEYS).step_by(tasks) {
                let key = format!("article:{id}");
                let loader = move || async move { Ok::<_, Infallible>(Article::new(id)) };
                cache.get_or_load(&key, loader).await?;
                for _ in 0..READS {
                    cache.get(&key).await?.ok_or("a loaded article is gone")?;
                }
            }
            Ok::<_, Failure>(())
        });
    }
    running.join_all().await.into_iter().collect()
}
