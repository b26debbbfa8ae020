use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use super::member::Post;
use super::messages::{Answer, ColdKey, Signal};
use crate::{Failure, freshness};

const SPACE: &str = "cold";
const MAX_STALENESS: Duration = Duration::from_millis(500);

/// Builds a cache, waits for the sign, and lets many tasks ask for one key at once.
pub(super) async fn run(order: ColdKey, mut post: Post) -> Result<(), Failure> {
    let space = freshness::coherent(SPACE, MAX_STALENESS);
    let cache = order.upstream.builder().namespace(space).build().await?;
    let items = cache.namespace(SPACE)?.typed::<u64>();
    // Whatever else the start needs has been done once a call is answered.
    items.exists("warm-up").await?;
    post.answer(&Answer::Ready)?;
    if post.signal().await == Signal::Stop {
        return Ok(());
    }
    let loads = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..order.tasks {
        let (items, loads, key) = (items.clone(), Arc::clone(&loads), order.key.clone());
        let takes = order.load_takes;
        tasks.spawn(async move {
            let asked = Instant::now();
            let loader = move || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                sleep(takes).await;
                Ok::<u64, Infallible>(1)
            };
            let answer = items.get_or_load(key, loader).await;
            (answer.is_ok_and(|value| *value == 1), asked.elapsed())
        });
    }
    let (mut failed, mut longest) = (0, Duration::ZERO);
    while let Some(ended) = tasks.join_next().await {
        let (is_well, took) = ended?;
        failed += u64::from(!is_well);
        longest = longest.max(took);
    }
    let loads = loads.load(Ordering::SeqCst);
    post.answer(&Answer::ColdKey {
        loads,
        failed,
        longest,
    })
}
