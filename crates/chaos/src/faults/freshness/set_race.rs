//! Loads in flight while the value changes: what they bring must not stay.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use fastrand::Rng;
use futures_util::StreamExt;
use futures_util::stream::iter;
use larder::TypedCache;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::{micros, seconds};
use super::{end, name, process, version};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::{FAR, Item, Source};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct SetRace;

const ROUNDS: u32 = 10_000;
const LEAST_ROUNDS: u32 = 1_000;
const AT_ONCE: usize = 16;
const READERS: usize = 6;
const WRITERS: usize = 2;
const LONGEST_LOAD_MICROS: u64 = 4_000;

#[async_trait]
impl Scenario for SetRace {
    fn facts(&self) -> Facts {
        let criterion = "10,000 rounds (or as many as fit): 0 outdated values";
        let facts = Facts::standalone(25, "stale-set-race", criterion).alone();
        Facts {
            besides: seconds(1),
            ..facts.lasting(seconds(4), seconds(40))
        }
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let caches = [
            process(rig::cache(server.url())).await?,
            process(rig::cache(server.url())).await?,
            process(rig::cache(server.url())).await?,
        ];
        let mut items = Vec::new();
        for cache in &caches {
            items.push(cache.namespace(FAR)?.typed::<Item>());
        }
        let witness = items.remove(2);
        let source = Arc::new(Source::new(ROUNDS));
        let mut rng = stage.rng(1);
        let began = Instant::now();
        let rounds = (0..ROUNDS)
            .take_while(|_| began.elapsed() < stage.fault)
            .map(|key| round(&items, &witness, &source, key, rng.fork()));
        let mut rounds = iter(rounds).buffer_unordered(AT_ONCE);
        let (mut count, mut outdated, mut left) = (0, 0, 0_u64);
        while let Some(found) = rounds.next().await {
            count += 1;
            let (stored, current) = found?;
            left += u64::from(stored.is_some());
            outdated += u32::from(stored.is_some_and(|stored| stored != current));
        }
        drop(rounds);
        drop((items, witness));
        end(caches).await;
        stage
            .progress
            .say(&format!("{count} rounds, {left} of which left a value"));
        Ok(Verdict {
            operations: u64::from(count) * (READERS + WRITERS) as u64,
            ..Verdict::default()
        }
        .with(Check::at_least("rounds", count, LEAST_ROUNDS))
        .with(Check::at_least("rounds that left a value", left, 1))
        .with(Check::at_most("outdated values", outdated, 0)))
    }
}

/// Readers and writers of two processes at one key. Says what is stored when all have ended, and
/// what it should be.
async fn round(
    items: &[TypedCache<Item>],
    witness: &TypedCache<Item>,
    source: &Arc<Source>,
    key: u32,
    mut rng: Rng,
) -> Result<(Option<u64>, u64), Failure> {
    let mut tasks: JoinSet<Result<(), Failure>> = JoinSet::new();
    for task in 0..READERS + WRITERS {
        let (items, source) = (items[task % items.len()].clone(), Arc::clone(source));
        let begins = micros(rng.u64(..LONGEST_LOAD_MICROS));
        let takes = micros(rng.u64(..LONGEST_LOAD_MICROS));
        tasks.spawn(async move {
            sleep(begins).await;
            if task < READERS {
                version(&items, &source, key, takes).await?;
            } else {
                source.change(key);
                items.delete(name(key)).await?;
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let stored = witness.get(name(key)).await?;
    Ok((stored.map(|item| item.version()), source.version(key)))
}
