//! Values that change in one process while another takes them into its memory.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join;
use futures_util::stream::iter;
use futures_util::{StreamExt, TryStreamExt};
use larder::TypedCache;
use tokio::time::{Duration, sleep};

use super::super::{millis, seconds};
use super::{end, name, process, version};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{Item, NEAR, Source};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct L1Race;

const KEYS: u32 = 10_000;
const AT_ONCE: usize = 32;
const CURRENT_WITHIN: Duration = millis(100);

#[async_trait]
impl Scenario for L1Race {
    fn facts(&self) -> Facts {
        let criterion = "10,000 keys: 0 outdated after 100 ms";
        let mut facts = Facts::standalone(26, "l1-race", criterion).alone();
        facts.besides = seconds(2);
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let caches = [
            process(rig::cache(server.url())).await?,
            process(rig::cache(server.url())).await?,
        ];
        let ours: TypedCache<Item> = caches[0].namespace(NEAR)?.typed();
        let theirs: TypedCache<Item> = caches[1].namespace(NEAR)?.typed();
        let source = Arc::new(Source::new(KEYS));
        for items in [&ours, &theirs] {
            outdated(items, &source).await?;
        }
        let before = theirs.stats().l1_hits;
        stage.progress.say("all values are in both memories");
        let changes = (0..KEYS).map(|key| change(&ours, &theirs, &source, key));
        let mut changes = iter(changes).buffer_unordered(AT_ONCE);
        while changes.try_next().await?.is_some() {}
        drop(changes);
        sleep(CURRENT_WITHIN).await;
        let theirs_outdated = outdated(&theirs, &source).await?;
        let ours_outdated = outdated(&ours, &source).await?;
        let hits = theirs.stats().l1_hits - before;
        drop((ours, theirs));
        end(caches).await;
        Ok(Verdict {
            operations: u64::from(KEYS) * 6,
            ..Verdict::default()
        }
        // Where L1 holds nothing, nothing in it can be outdated.
        .with(Check::at_least("reads from L1 meanwhile", hits, 1_000))
        .with(Check::at_most(
            "outdated in the other process",
            theirs_outdated,
            0,
        ))
        .with(Check::at_most("outdated in this process", ours_outdated, 0)))
    }
}

/// Changes a value in one process while the other reads it.
async fn change(
    ours: &TypedCache<Item>,
    theirs: &TypedCache<Item>,
    source: &Arc<Source>,
    key: u32,
) -> Result<(), Failure> {
    let changing = async {
        source.change(key);
        Ok::<_, Failure>(ours.delete(name(key)).await.map(drop)?)
    };
    let reading = async {
        for _ in 0..2 {
            version(theirs, source, key, Duration::ZERO).await?;
        }
        Ok(())
    };
    try_join(changing, reading).await.map(drop)
}

/// Reads all keys, and says how many answers are not what the source holds.
async fn outdated(items: &TypedCache<Item>, source: &Arc<Source>) -> Result<u32, Failure> {
    let reads = (0..KEYS).map(|key| async move {
        let found = version(items, source, key, Duration::ZERO).await?;
        Ok::<_, Failure>(u32::from(found != source.version(key)))
    });
    let reads = iter(reads).buffer_unordered(AT_ONCE);
    reads.try_fold(0, async |sum, one| Ok(sum + one)).await
}
