//! A server that is lost and replaced by an empty one: the source must not be overrun.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use fastrand::Rng;
use larder::TypedCache;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use super::super::{millis, seconds};
use super::{end, process};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::FAR;
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct ColdRestart;

const TASKS: usize = 200;
const KEYS: u32 = 2_000;
const MOST_LOADS: usize = 16;

/// Between two reads of a task.
const PAUSE: Duration = millis(20);

#[async_trait]
impl Scenario for ColdRestart {
    fn facts(&self) -> Facts {
        let criterion = "<= 16 calls of the source at once; 0 failed reads";
        Facts::standalone(29, "cold-after-loss", criterion).lasting(seconds(2), seconds(4))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let mut server = rig::server(&[])?;
        let builder = rig::cache(server.url()).max_concurrent_loads(MOST_LOADS);
        let cache = process(builder).await?;
        let items: TypedCache<u32> = cache.namespace(FAR)?.typed();
        let crowd = Arc::new(Crowd::default());
        let mut rng = stage.rng(1);
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            tasks.spawn(Arc::clone(&crowd).read(items.clone(), rng.fork()));
        }
        sleep(seconds(1)).await;
        stage.progress.say("SIGKILL");
        server.kill();
        sleep(stage.fault / 2).await;
        server.restart()?;
        stage.progress.say("another, empty one");
        sleep(stage.fault / 2).await;
        crowd.stops.store(true, Ordering::SeqCst);
        let (mut reads, mut failed) = (0, 0);
        while let Some(ended) = tasks.join_next().await {
            let (well, ill) = ended?;
            reads += well;
            failed += ill;
        }
        drop(items);
        end([cache]).await;
        let most = crowd.most.load(Ordering::SeqCst);
        Ok(Verdict {
            operations: reads + failed,
            failed_reads: Some(failed),
            ..Verdict::default()
        }
        .with(Check::at_least("reads", reads, 1_000))
        .with(Check::at_most("failed reads", failed, 0))
        // As many as may: there was a crowd before the source.
        .with(Check::equal(
            "calls of the source at once",
            most,
            MOST_LOADS,
        )))
    }
}

/// Tasks that read, and how many of them are at the source.
#[derive(Debug, Default)]
struct Crowd {
    stops: AtomicBool,
    loading: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    /// Reads at random until it is stopped; says how many reads were answered, and how many not.
    async fn read(self: Arc<Self>, items: TypedCache<u32>, mut rng: Rng) -> (u64, u64) {
        let (mut well, mut ill) = (0, 0);
        while !self.stops.load(Ordering::SeqCst) {
            let key = rng.u32(..KEYS);
            let crowd = Arc::clone(&self);
            let loader = move || async move { Ok::<u32, Infallible>(crowd.load(key).await) };
            match items.get_or_load(format!("cold-{key}"), loader).await {
                Ok(value) if *value == key => well += 1,
                _ => ill += 1,
            }
            sleep(PAUSE).await;
        }
        (well, ill)
    }

    async fn load(&self, key: u32) -> u32 {
        let now = self.loading.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        sleep(millis(5)).await;
        self.loading.fetch_sub(1, Ordering::SeqCst);
        key
    }
}
