//! A hit in process memory, next to a bare lookup in the same table.

mod watched;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use larder::{Builder, Event, MemoryBackend, Namespace, Observer, SetOptions, TypedCache};
use larder_benches::Paired;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::watched::Watched;

const KEYS: usize = 512;

/// What a hit may cost, in bare lookups: 60 ns where one takes 26.
const PROMISED: f64 = 2.3;

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

/// Keys and values in a bare table.
struct Bare {
    keys: Vec<String>,
    users: Cache<String, Arc<User>>,
}

/// The same keys and values in a typed cache with an observer.
struct Candidate {
    name: &'static str,
    users: TypedCache<User>,
}

impl Bare {
    fn new() -> Self {
        let users = Cache::new(KEYS * 2);
        let keys: Vec<String> = (0..KEYS).map(|id| format!("profile:{id}")).collect();
        for (id, key) in (0..).zip(&keys) {
            let name = "Ada".to_owned();
            users.insert(key.clone(), Arc::new(User { id, name }));
        }
        Self { keys, users }
    }

    fn look_up(&self, calls: u32) {
        let mut keys = walk(&self.keys);
        for _ in 0..calls {
            black_box(self.users.get(keys()));
        }
    }
}

impl Candidate {
    async fn all(bare: &Bare) -> larder::Result<Vec<Self>> {
        let watched = || {
            let store = MemoryBackend::new(64 << 20);
            larder::builder().backend(Arc::new(Watched(store)))
        };
        Ok(vec![
            Self::new("in process", larder::builder(), 0, bare).await?,
            Self::new("watched, no tag", watched(), 0, bare).await?,
            Self::new("watched, 1 tag", watched(), 1, bare).await?,
            Self::new("watched, 4 tags", watched(), 4, bare).await?,
        ])
    }

    async fn new(
        name: &'static str,
        builder: Builder,
        tags: usize,
        bare: &Bare,
    ) -> larder::Result<Self> {
        let builder = builder.observer(Arc::new(Nothing));
        let cache = builder.namespace(Namespace::new("users")).build().await?;
        let users = cache.namespace("users")?.typed::<User>();
        for (id, key) in bare.keys.iter().enumerate() {
            let options = SetOptions::new().tags(tags_of(id).take(tags));
            if let Some(user) = bare.users.get(key) {
                users.set_with(key, user, options).await?;
            }
        }
        Ok(Self { name, users })
    }

    /// Hits, awaited as a service awaits them: within one task.
    async fn hit(&self, keys: &[String], calls: u32) {
        let mut keys = walk(keys);
        for _ in 0..calls {
            black_box(self.users.get(keys()).await).ok();
        }
    }

    /// A read that goes further than L1 would measure something else.
    fn check(&self) {
        let stats = self.users.stats();
        let elsewhere = stats.l2_hits + stats.misses;
        assert!(
            elsewhere == 0 && stats.l1_hits > 0,
            "{}: expected hits in L1 alone, found {stats:?}",
            self.name
        );
    }
}

/// Tags that many users share.
fn tags_of(id: usize) -> impl Iterator<Item = String> {
    [("team", 64), ("city", 16), ("plan", 4), ("tenant", 2)]
        .into_iter()
        .map(move |(of, count)| format!("{of}:{}", id % count))
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
    let bare = Bare::new();
    let Ok(candidates) = runtime.block_on(Candidate::all(&bare)) else {
        panic!("the candidates can't be set up");
    };
    let look_up = |calls| bare.look_up(calls);
    for candidate in &candidates {
        let hit = |calls| runtime.block_on(candidate.hit(&bare.keys, calls));
        Paired::new(&format!("L1 hit, {}, vs bare quick_cache", candidate.name))
            .promises(PROMISED)
            .run(hit, look_up);
        candidate.check();
    }
    let mut group = criterion.benchmark_group("l1-hit");
    for candidate in &candidates {
        let hit = |calls| runtime.block_on(candidate.hit(&bare.keys, calls));
        group.bench_function(format!("larder get, {}", candidate.name), |b| {
            b.iter_custom(|calls| time(calls, hit));
        });
    }
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
