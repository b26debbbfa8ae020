//! Reads and writes of a whole cache without L1, on the memory backend: what the layers
//! between a call and the stored bytes cost.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larder::{L1, Namespace, TypedCache};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Article {
    id: u64,
    title: String,
    body: String,
}

fn article(bytes: usize) -> Arc<Article> {
    let words = "the quick brown fox jumps over the lazy dog ";
    Arc::new(Article {
        id: 7,
        title: "On foxes".to_owned(),
        body: words.chars().cycle().take(bytes).collect(),
    })
}

async fn articles() -> larder::Result<TypedCache<Article>> {
    let articles = Namespace::new("articles").l1(L1::Off);
    let cache = larder::builder().namespace(articles).build().await?;
    Ok(cache.namespace("articles")?.typed())
}

fn memory(criterion: &mut Criterion) {
    let Ok(runtime) = Runtime::new() else {
        panic!("no runtime can be had");
    };
    let Ok(cache) = runtime.block_on(articles()) else {
        panic!("the cache can't be set up");
    };
    let mut group = criterion.benchmark_group("memory-backend");
    for bytes in [256, 4096] {
        let article = article(bytes);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("set {bytes} B"), |b| {
            b.to_async(&runtime).iter_batched(
                || Arc::clone(&article),
                |article| async { cache.set("fox", article).await },
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("get {bytes} B"), |b| {
            b.to_async(&runtime)
                .iter(|| async { black_box(cache.get("fox").await) });
        });
    }
    group.finish();
}

criterion_group!(benches, memory);
criterion_main!(benches);
