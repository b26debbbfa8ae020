//! A hit in process memory, next to a bare lookup in the same table.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use larder::{Event, Namespace, Observer, TypedCache};
use larder_benches::Paired;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

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

    fn hit(&self, key: &str) -> Option<Arc<User>> {
        self.cache.get(key).now_or_never()?.ok()?
    }

    fn look_up(&self, key: &str) -> Option<Arc<User>> {
        self.bare.get(key)
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
    let runtime = tokio::runtime::Runtime::new();
    let candidates = runtime.map(|runtime| runtime.block_on(Candidates::new()));
    let Ok(Ok(candidates)) = candidates else {
        panic!("the candidates can't be set up");
    };
    assert!(
        candidates
            .keys
            .iter()
            .all(|key| candidates.hit(key).is_some())
    );
    let (mut ours, mut theirs) = (walk(&candidates.keys), walk(&candidates.keys));
    Paired::new("L1 hit vs bare quick_cache lookup")
        .promises(2.3)
        .run(|| candidates.hit(ours()), || candidates.look_up(theirs()));
    let mut group = criterion.benchmark_group("l1-hit");
    group.bench_function("larder get", |b| b.iter(|| candidates.hit(ours())));
    group.bench_function("bare quick_cache", |b| {
        b.iter(|| candidates.look_up(theirs()));
    });
    group.finish();
}

criterion_group!(benches, l1_hit);
criterion_main!(benches);
