//! The values, their keys and their tags.

use std::sync::Arc;

use larder::{SetOptions, TypedCache};
use larder_benches::Failure;
use serde::{Deserialize, Serialize};

/// How many keys there are.
pub(crate) const KEYS: usize = 10_000;

/// How many entries are stored at once.
const BATCH: usize = 500;

/// Small, so that what tags cost is not hidden by decoding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Article {
    id: usize,
    title: String,
    body: String,
}

impl Article {
    pub(crate) fn new(id: usize) -> Self {
        Self {
            id,
            title: format!("Article {id}"),
            body: "The quick brown fox jumps over the lazy dog. ".repeat(5),
        }
    }
}

/// The keys, made beforehand.
pub(crate) fn keys() -> Arc<[String]> {
    (0..KEYS).map(|id| format!("article:{id}")).collect()
}

/// Stores an article under each key, with so many tags that other articles carry as well.
pub(crate) async fn store(
    cache: &TypedCache<Article>,
    keys: &[String],
    tags: usize,
) -> Result<(), Failure> {
    for (id, key) in keys.iter().enumerate() {
        let options = SetOptions::new().tags(tags_of(id).take(tags));
        cache.set_with(key, Article::new(id), options).await?;
    }
    Ok(())
}

/// Stores so many small entries, all with one tag.
pub(crate) async fn store_crowd(
    cache: &TypedCache<u64>,
    entries: usize,
    tag: &str,
) -> Result<(), Failure> {
    let options = SetOptions::new().tags([tag]);
    for first in (0..entries).step_by(BATCH) {
        let ids = first..entries.min(first + BATCH);
        let batch = ids.map(|id| (format!("{tag}:{id}"), id as u64));
        cache.set_many_with(batch, options.clone()).await?;
    }
    Ok(())
}

fn tags_of(id: usize) -> impl Iterator<Item = String> {
    [
        ("author", 500),
        ("section", 20),
        ("edition", 100),
        ("tenant", 4),
    ]
    .into_iter()
    .map(move |(of, count)| format!("{of}:{}", id % count))
}
