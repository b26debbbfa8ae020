//! Very many tasks of one process that miss the same key at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use larder::TypedCache;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::{millis, seconds};
use super::{end, process};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::FAR;
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct Misses;

const TASKS: usize = 1_000;
const ROUNDS: u64 = 5;

#[async_trait]
impl Scenario for Misses {
    fn facts(&self) -> Facts {
        let criterion = "1,000 tasks: 1 load, with Redis and without";
        let mut facts = Facts::standalone(28, "concurrent-misses", criterion);
        facts.fault = crate::plan::Span::always(seconds(2));
        facts.besides = seconds(1);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let cache = process(rig::cache(server.url())).await?;
        let items: TypedCache<u64> = cache.namespace(FAR)?.typed();
        items.exists("warm-up").await?;
        let mut with = Vec::new();
        for round in 0..ROUNDS {
            with.push(loads(&items, &format!("with-{round}")).await?);
        }
        stage.progress.say("SIGSTOP");
        server.pause()?;
        let mut without = Vec::new();
        for round in 0..ROUNDS {
            without.push(loads(&items, &format!("without-{round}")).await?);
        }
        server.resume()?;
        drop(items);
        end([cache]).await;
        let once = vec![1; usize::try_from(ROUNDS)?];
        let check = |what: &str, found: &[u64]| Check {
            what: what.to_owned(),
            found: format!("{found:?}"),
            wanted: "one each".to_owned(),
            is_held: found == once,
        };
        Ok(Verdict {
            operations: 2 * ROUNDS * TASKS as u64,
            ..Verdict::default()
        }
        .with(check("loads with Redis", &with))
        .with(check("loads while it is frozen", &without)))
    }
}

/// Lets all tasks ask at once, and says how often the value was loaded.
async fn loads(items: &TypedCache<u64>, key: &str) -> Result<u64, Failure> {
    let loads = Arc::new(AtomicU64::new(0));
    let begins = Arc::new(Barrier::new(TASKS));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (items, key) = (items.clone(), key.to_owned());
        let (loads, begins) = (Arc::clone(&loads), Arc::clone(&begins));
        tasks.spawn(async move {
            begins.wait().await;
            let loader = move || async move {
                loads.fetch_add(1, Ordering::SeqCst);
                sleep(millis(100)).await;
                Ok::<u64, Infallible>(7)
            };
            items.get_or_load(key, loader).await.map(|value| *value)
        });
    }
    while let Some(ended) = tasks.join_next().await {
        if ended?? != 7 {
            return Err("a value of another key".into());
        }
    }
    Ok(loads.load(Ordering::SeqCst))
}
