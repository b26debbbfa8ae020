//! Races and losses that leave outdated values behind, and loads that must not multiply.

pub(crate) mod clock;
pub(crate) mod cold_key;
pub(crate) mod cold_restart;
pub(crate) mod cut_link;
pub(crate) mod frozen_holder;
pub(crate) mod l1_race;
pub(crate) mod loader;
pub(crate) mod misses;
pub(crate) mod set_race;
pub(crate) mod write_race;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use larder::{Builder, Cache, L1, LoadError, Namespace, TypedCache};
use tokio::time::sleep;

use super::{millis, seconds};
use crate::trial::{FAR, Item, NEAR, Source};
use crate::{Failure, freshness};

/// How far behind others' changes L1 may be, in these scenarios.
const MAX_STALENESS: Duration = millis(500);

/// How long the right to load a key lasts, in these scenarios.
const LEASE: Duration = seconds(1);

/// A cache as another process would have it, with a namespace that it keeps in step and one that
/// it does not keep.
async fn process(builder: Builder) -> Result<Cache, Failure> {
    let near = freshness::coherent(NEAR, MAX_STALENESS);
    let far = Namespace::new(FAR).jitter(0.0).l1(L1::Off);
    let builder = freshness::lease(builder, LEASE);
    Ok(builder.namespace(near).namespace(far).build().await?)
}

/// The version that a cache answers with, be it stored or loaded; what was read of the source
/// arrives some time later.
async fn version(
    items: &TypedCache<Item>,
    source: &Arc<Source>,
    key: u32,
    load_takes: Duration,
) -> Result<u64, LoadError<Infallible>> {
    let from = Arc::clone(source);
    let loader = move || async move {
        let item = from.load(key);
        sleep(load_takes).await;
        Ok(item)
    };
    Ok(items.get_or_load(name(key), loader).await?.version())
}

fn name(key: u32) -> String {
    format!("key-{key}")
}

async fn end(caches: impl IntoIterator<Item = Cache>) {
    for cache in caches {
        // A task that does not end is the business of other scenarios.
        let _report = cache.shutdown(seconds(2)).await;
    }
}
