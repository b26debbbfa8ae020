//! A hit in process memory, next to a bare lookup in the same table.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use larder::{Event, Namespace, Observer, TypedCache};
use larder_benches::Paired;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

const KEYS: usize = 512;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

#[derive(Debug)]
struct Nothing;

impl Observer for Nothing {
    fn observe(&self, _: &Event<'_>) {}
}

/// The same keys and values in a typed cache with an observer, and in a bare table.
struct Candidates {
    keys: Vec<String>,
    cache: TypedCache<User>,
    bare: Cache<String, Arc<User>>,
}

impl Candidates {
    async fn new() -> larder::Result<Self> {
        let cache = larder::builder()
            .observer(Arc::new(Nothing))
            .namespace(Namespace::new("users"))
            .build()
            .await?;
        let cache = cache.namespace("users")?.typed::<User>();
        let bare = Cache::new(KEYS * 2);
        let keys: Vec<String> = (0..KEYS).map(|id| format!("profile:{id}")).collect();
        for (id, key) in (0..).zip(&keys) {
            let name = "Ada".to_owned();
            let user = Arc::new(User { id, name });
            cache.set(key, Arc::clone(&user)).await?;
            bare.insert(key.clone(), user);
        }
        Ok(Self { keys, cache, bare })
    }

    /// Hits, awaited as a service awaits them: within one task.
    async fn hit(&self, calls: u32) {
        let mut keys = walk(&self.keys);
        for _ in 0..calls {
            black_box(self.cache.get(keys()).await).ok();
        }
    }

    fn look_up(&self, calls: u32) {
        let mut keys = walk(&self.keys);
        for _ in 0..calls {
            black_box(self.bare.get(keys()));
        }
    }
}

/// Walks over the keys in a fixed order that no prefetcher knows.
fn walk<'k>(keys: &'k [String]) -> impl FnMut() -> &'k str {
    let mut at = 0;
    move || {
        at = (at + 197) % keys.len();
        &keys[at]
    }
}

fn l1_hit(criterion: &mut Criterion) {
    let Ok(runtime) = Runtime::new() else {
        panic!("no runtime can be had");
    };
    let Ok(candidates) = runtime.block_on(Candidates::new()) else {
        panic!("the candidates can't be set up");
    };
    let hit = |calls| runtime.block_on(candidates.hit(calls));
    let look_up = |calls| candidates.look_up(calls);
    Paired::new("L1 hit vs bare quick_cache lookup")
        .promises(2.3)
        .run(hit, look_up);
    let mut group = criterion.benchmark_group("l1-hit");
    group.bench_function("larder get", |b| b.iter_custom(|calls| time(calls, hit)));
    group.bench_function("bare quick_cache", |b| {
        b.iter_custom(|calls| time(calls, look_up));
    });
    group.finish();
}

fn time(calls: u64, candidate: impl FnOnce(u32)) -> Duration {
    let began = Instant::now();
    candidate(u32::try_from(calls).unwrap_or(u32::MAX));
    began.elapsed()
}

criterion_group!(benches, l1_hit);
criterion_main!(benches);
