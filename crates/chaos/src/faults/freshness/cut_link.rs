//! A process that hears of no changes for a while.

use std::sync::Arc;

use async_trait::async_trait;
use larder::TypedCache;
use larder_testkit::NetworkFault;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::super::{millis, seconds};
use super::{MAX_STALENESS, end, name, process, version};
use crate::monotonic;
use crate::plan::Span;
use crate::scenario::{Facts, Scenario, Stage};
use crate::scratch::Scratch;
use crate::staleness::{Database, Own, Read, Standing};
use crate::trial::{Item, NEAR, Source};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct CutLink;

const KEYS: u32 = 20;
const CONVERGED_WITHIN: Duration = seconds(1);
const CHANGES_EVERY: Duration = millis(40);

#[async_trait]
impl Scenario for CutLink {
    fn facts(&self) -> Facts {
        let criterion = "L1 behind <= 500 ms; converged <= 1 s after the heal";
        let mut facts = Facts::standalone(27, "cut-invalidations", criterion);
        facts.fault = Span {
            least: seconds(2),
            full: seconds(5),
        };
        facts
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let scratch = Scratch::create("chaos")?;
        let caches = [
            process(rig::cache(server.url())).await?,
            process(rig::cache(proxy.url())).await?,
        ];
        let pair = Pair {
            ours: caches[0].namespace(NEAR)?.typed(),
            theirs: caches[1].namespace(NEAR)?.typed(),
            source: Arc::new(Source::new(KEYS)),
            acknowledged: Database::create(&scratch.path().join("acknowledged"), KEYS)?,
        };
        let calm = pair.run_for(millis(600)).await?;
        let hits = pair.theirs.stats().l1_hits;
        stage.progress.say("the other process hears nothing");
        proxy.set(NetworkFault::BlackHole);
        let cut = pair.run_for(stage.fault).await?;
        proxy.set(NetworkFault::None);
        stage.progress.say("healed");
        sleep(CONVERGED_WITHIN).await;
        let mut outdated = 0;
        for key in 0..KEYS {
            let found = version(&pair.theirs, &pair.source, key, Duration::ZERO).await?;
            outdated += u32::from(found != pair.source.version(key));
        }
        drop(pair);
        end(caches).await;
        Ok(Verdict {
            operations: calm.reads + cut.reads,
            wrong_values: Some(calm.too_old + cut.too_old),
            ..Verdict::default()
        }
        .with(Check::at_least("reads from L1 before", hits, 100))
        .with(Check::at_least("changes meanwhile", cut.changes, 10))
        .with(Check::at_least("reads meanwhile", cut.reads, 50))
        .with(Check::at_most(
            "reads beyond the bound, before",
            calm.too_old,
            0,
        ))
        .with(Check::at_most(
            "reads beyond the bound, meanwhile",
            cut.too_old,
            0,
        ))
        .with(Check::at_most("outdated values 1 s later", outdated, 0)))
    }
}

/// A process that changes values, and one that reads them behind a proxy.
struct Pair {
    ours: TypedCache<Item>,
    theirs: TypedCache<Item>,
    source: Arc<Source>,
    acknowledged: Database,
}

#[derive(Debug, Default)]
struct Seen {
    changes: u64,
    reads: u64,
    too_old: u64,
}

impl Pair {
    async fn run_for(&self, length: Duration) -> Result<Seen, Failure> {
        let until = Instant::now() + length;
        let (changes, seen) = tokio::try_join!(self.change_until(until), self.read_until(until))?;
        Ok(Seen { changes, ..seen })
    }

    async fn change_until(&self, until: Instant) -> Result<u64, Failure> {
        let mut changes = 0;
        while Instant::now() < until {
            let key = u32::try_from(changes % u64::from(KEYS))?;
            let version = self.source.change(key).version();
            self.ours.delete(name(key)).await?;
            let at = monotonic::now();
            self.acknowledged.acknowledge(key, version, at)?;
            changes += 1;
            sleep_until(until.min(Instant::now() + CHANGES_EVERY)).await;
        }
        Ok(changes)
    }

    async fn read_until(&self, until: Instant) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        while Instant::now() < until {
            for key in 0..KEYS {
                let begin = monotonic::now();
                let version = version(&self.theirs, &self.source, key, Duration::ZERO).await?;
                let read = Read {
                    key,
                    version,
                    begin,
                    own: Own::default(),
                };
                let standing = self.acknowledged.judge(1, &read, MAX_STALENESS)?;
                seen.reads += 1;
                seen.too_old += u64::from(matches!(standing, Standing::Breach(_)));
            }
            sleep(millis(2)).await;
        }
        Ok(seen)
    }
}
