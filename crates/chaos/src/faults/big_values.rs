//! Values so big that they keep a link busy, next to small ones.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use larder::{Backend, ErrorKind, RedisBackend, RedisConfig};
use larder_cache_core::{Call, Key};
use larder_testkit::NetworkFault;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{millis, seconds};
use crate::measure::{LagProbe, Sample, Samples, Window};
use crate::scenario::{Facts, Scenario, Stage};
use crate::trial::DEADLINE;
use crate::verdict::{Check, Verdict, millis as shown};
use crate::{Failure, rig};

pub(crate) struct BigValues;

const BIG_BYTES: usize = 64 << 20;
const BIG_TASKS: usize = 2;
const SMALL_TASKS: usize = 8;
const GIGABIT: NetworkFault = NetworkFault::Throttle {
    bytes_per_second: 125_000_000,
};
/// For a big value: many times what the link needs for it.
const PATIENCE: Call = Call::within(seconds(20));
const P99: Duration = millis(100);

#[async_trait]
impl Scenario for BigValues {
    fn facts(&self) -> Facts {
        let criterion = "64 MiB at 1 Gbit/s: small p99 <= 100 ms; 0 timeouts";
        Facts::standalone(23, "big-values", criterion)
            .lasting(seconds(4), seconds(20))
            .alone()
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let proxy = rig::proxy(&server).await?;
        let backend = Arc::new(rig::backend(RedisConfig::new(proxy.url())).await?);
        let (small, big) = (rig::key("small")?, rig::key("big")?);
        stage.progress.say("storing 64 MiB");
        backend
            .set(&[rig::write(big.clone(), vec![7; BIG_BYTES])], PATIENCE)
            .await?;
        backend
            .set(&[rig::write(small.clone(), vec![7; 100])], PATIENCE)
            .await?;
        proxy.set(GIGABIT);
        stage.progress.say("reading it next to small values");
        let began = Instant::now();
        let lag = LagProbe::start(began);
        let readers = Arc::new(Readers {
            backend,
            began,
            stops: AtomicBool::new(false),
            calls: Mutex::default(),
            big: AtomicU64::new(0),
            failed_big: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..BIG_TASKS {
            tasks.spawn(Arc::clone(&readers).read_big(big.clone()));
        }
        for _ in 0..SMALL_TASKS {
            tasks.spawn(Arc::clone(&readers).read_small(small.clone()));
        }
        sleep(stage.fault).await;
        readers.stops.store(true, Ordering::Relaxed);
        while tasks.join_next().await.is_some() {}
        readers.backend.close().await;
        Ok(readers.verdict(lag))
    }
}

struct Readers {
    backend: Arc<RedisBackend>,
    began: Instant,
    stops: AtomicBool,
    calls: Mutex<Vec<Sample>>,
    big: AtomicU64,
    failed_big: AtomicU64,
}

impl Readers {
    async fn read_big(self: Arc<Self>, key: Key) {
        while !self.stops.load(Ordering::Relaxed) {
            let found = self.backend.get(std::slice::from_ref(&key), PATIENCE).await;
            let is_whole = found.is_ok_and(|mut found| {
                let value = found.pop().flatten();
                value.is_some_and(|value| value.len() == BIG_BYTES)
            });
            let count = if is_whole {
                &self.big
            } else {
                &self.failed_big
            };
            count.fetch_add(1, Ordering::Relaxed);
            sleep(millis(1)).await;
        }
    }

    async fn read_small(self: Arc<Self>, key: Key) {
        while !self.stops.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let keys = std::slice::from_ref(&key);
            let found = self.backend.get(keys, Call::within(DEADLINE)).await;
            let sample = Sample {
                ended: self.began.elapsed(),
                took: asked.elapsed(),
                operation: "get",
                failure: found.err().map(|error| error.kind()),
            };
            self.calls
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(sample);
            sleep(millis(5)).await;
        }
    }

    fn verdict(&self, lag: LagProbe) -> Verdict {
        let lag = lag.end();
        let all = Window {
            from: Duration::ZERO,
            to: self.began.elapsed(),
        };
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = Samples::new(calls.clone(), all.to);
        let timeouts = samples
            .within(all)
            .filter(|call| call.failure == Some(ErrorKind::Timeout));
        let timeouts = timeouts.count();
        let (big, failed_big) = (&self.big, &self.failed_big);
        let (big, failed_big) = (
            big.load(Ordering::Relaxed),
            failed_big.load(Ordering::Relaxed),
        );
        let p99 = samples.p99(all, "get").unwrap_or(Duration::MAX);
        let verdict = Verdict {
            operations: samples.len() as u64 + big + failed_big,
            failed_reads: Some(samples.failures(all) as u64 + failed_big),
            longest_call: samples.longest(all, &lag).map(|(_, net)| net),
            worst_lag: lag.worst(all),
            ..Verdict::default()
        };
        verdict
            .with(Check::within("p99 of small values", p99, P99))
            .with(Check::at_most("timeouts of small values", timeouts, 0))
            .with(Check::at_most(
                "other failures of them",
                samples.failures(all) - timeouts,
                0,
            ))
            .with(Check::at_least("big values read", big, 1))
            .with(Check::at_most("big values not read", failed_big, 0))
            .with(Check::that("lag", true, shown(lag.worst(all))))
    }
}
