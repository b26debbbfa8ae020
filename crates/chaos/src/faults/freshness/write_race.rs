//! Writers of two processes at one key, through the cache, with readers: what is cached in the end
//! is what the database has.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use fastrand::Rng;
use larder::{L1, Namespace, TypedCache, WriteThrough, WriteThroughOptions};
use tokio::task::{JoinSet, yield_now};

use super::super::seconds;
use super::{LEASE, end, process};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::NEAR;
use crate::verdict::{Check, Verdict};
use crate::{Failure, freshness, rig};

pub(crate) struct WriteRace;

const ROUNDS: u64 = 10_000;
const LEAST_ROUNDS: u64 = 1_000;
const KEY: &str = "contested";

/// Of each process.
const READERS: u64 = 2;

/// So often a writer or a loader lets others go first, at most.
const MOST_YIELDS: u32 = 24;

/// One row, which holds the last version that was committed.
type Row = Arc<AtomicU64>;

#[async_trait]
impl Scenario for WriteRace {
    fn facts(&self) -> Facts {
        let criterion = "10,000 rounds of two writers (or as many as fit): 0 outdated values";
        let mut facts = Facts::standalone(25, "write-through-race", criterion).alone();
        facts.besides = seconds(1);
        facts.lasting(seconds(4), seconds(40))
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let caches = [
            process(rig::cache(server.url())).await?,
            process(rig::cache(server.url())).await?,
        ];
        let far = Namespace::new(NEAR).l1(L1::Off).jitter(0.0);
        let witness = freshness::lease(rig::cache(server.url()), LEASE);
        let witness = witness.namespace(far).build().await?;
        let stored = witness.namespace(NEAR)?.typed::<u64>();
        let numbers = [
            caches[0].namespace(NEAR)?.typed::<u64>(),
            caches[1].namespace(NEAR)?.typed::<u64>(),
        ];
        let (row, mut rng) = (Row::default(), stage.rng(1));
        let (mut rounds, mut left, mut outdated) = (0, 0, 0);
        let began = Instant::now();
        while rounds < ROUNDS && began.elapsed() < stage.fault {
            rounds += 1;
            round(&numbers, &row, rounds * 2, &mut rng).await?;
            let found = stored.get(KEY).await?;
            left += u64::from(found.is_some());
            let current = row.load(Ordering::SeqCst);
            outdated += u64::from(found.is_some_and(|found| *found != current));
        }
        stage
            .progress
            .say(&format!("{rounds} rounds, {left} of which left a value"));
        drop((numbers, stored));
        end(caches.into_iter().chain([witness])).await;
        Ok(Verdict {
            operations: rounds * (2 + 2 * READERS),
            ..Verdict::default()
        }
        .with(Check::at_least("rounds", rounds, LEAST_ROUNDS))
        .with(Check::at_least("rounds that left a value", left, 1))
        .with(Check::at_most("outdated values", outdated, 0)))
    }
}

/// Each process writes once, one of them `version` and the other the next, and reads.
async fn round(
    numbers: &[TypedCache<u64>; 2],
    row: &Row,
    version: u64,
    rng: &mut Rng,
) -> Result<(), Failure> {
    let mut tasks: JoinSet<Result<(), Failure>> = JoinSet::new();
    for (process, numbers) in (0..).zip(numbers) {
        tasks.spawn(write(
            numbers.clone(),
            Arc::clone(row),
            version + process,
            rng.fork(),
        ));
        for _ in 0..READERS {
            tasks.spawn(read(numbers.clone(), Arc::clone(row), rng.fork()));
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn write(
    numbers: TypedCache<u64>,
    row: Row,
    version: u64,
    mut rng: Rng,
) -> Result<(), Failure> {
    pass(&mut rng).await;
    let writer = move |_, value: Arc<u64>| async move {
        pass(&mut rng).await;
        row.store(*value, Ordering::SeqCst);
        pass(&mut rng).await;
        Ok::<_, Infallible>(())
    };
    let through = WriteThrough::new(numbers, WriteThroughOptions::new());
    through.set(KEY, version, writer).await?;
    Ok(())
}

async fn read(numbers: TypedCache<u64>, row: Row, mut rng: Rng) -> Result<(), Failure> {
    pass(&mut rng).await;
    let loader = move || async move {
        let found = row.load(Ordering::SeqCst);
        pass(&mut rng).await;
        Ok::<_, Infallible>(found)
    };
    numbers.get_or_load(KEY, loader).await?;
    Ok(())
}

async fn pass(rng: &mut Rng) {
    for _ in 0..rng.u32(..=MOST_YIELDS) {
        yield_now().await;
    }
}
