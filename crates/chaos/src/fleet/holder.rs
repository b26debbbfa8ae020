use std::convert::Infallible;

use tokio::sync::oneshot;
use tokio::time::Duration;

use super::member::Post;
use super::messages::{Answer, Holder, Signal};
use crate::{Failure, freshness};

/// The namespace of the keys that holders load.
pub(crate) const SPACE: &str = "held";
const MAX_STALENESS: Duration = Duration::from_millis(500);

/// Begins a load that ends when the parent says so, and tells what a read finds after it.
pub(super) async fn run(order: Holder, mut post: Post) -> Result<(), Failure> {
    let space = freshness::coherent(SPACE, MAX_STALENESS);
    let builder = freshness::lease(order.upstream.builder(), order.lease);
    let cache = builder.namespace(space).build().await?;
    let items = cache.namespace(SPACE)?.typed::<u64>();
    items.exists("warm-up").await?;
    post.answer(&Answer::Ready)?;
    let (begins, begun) = oneshot::channel();
    let (ends, ended) = oneshot::channel();
    let (value, key) = (order.value, order.key.clone());
    let load = tokio::spawn({
        let items = items.clone();
        async move {
            let loader = move || async move {
                let _nobody_waits = begins.send(());
                let _parent_has_gone = ended.await;
                Ok::<u64, Infallible>(value)
            };
            items.get_or_load(key, loader).await
        }
    });
    begun.await?;
    post.answer(&Answer::Loading)?;
    if post.signal().await == Signal::Stop {
        return Ok(());
    }
    let _load_has_ended = ends.send(());
    let loaded = *load.await??;
    let fallback = || async { Ok::<u64, Infallible>(0) };
    let read = *items.get_or_load(order.key, fallback).await?;
    post.answer(&Answer::Held { loaded, read })
}
