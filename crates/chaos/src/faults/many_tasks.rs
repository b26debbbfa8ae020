//! Very many tasks that all wait for a server that does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use larder::{Namespace, TypedCache};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{millis, seconds};
use crate::measure::resident_bytes;
use crate::scenario::{Facts, Scenario, Stage};
use crate::verdict::{Check, Verdict};
use crate::{Failure, rig};

pub(crate) struct ManyTasks;

const TASKS: u64 = 2_000;
const VALUE_BYTES: usize = 4_000;
const MOST_GROWTH_BYTES: u64 = 64 << 20;
const MEBIBYTE: f64 = 1_048_576.0;

/// What is done besides, so that the tasks are there before the measurement.
const WARM_UP: Duration = millis(1500);

#[async_trait]
impl Scenario for ManyTasks {
    fn facts(&self) -> Facts {
        let criterion = "2,000 tasks: memory + <= 64 MiB";
        Facts::standalone(24, "many-tasks", criterion)
            .lasting(seconds(3), seconds(15))
            .alone()
    }

    async fn run(&self, stage: &Stage) -> Result<Verdict, Failure> {
        let server = rig::server(&[])?;
        let far = Namespace::new("far").l1(larder::L1::Off);
        let cache = rig::cache(server.url()).namespace(far).build().await?;
        let crowd = Arc::new(Crowd::default());
        let mut tasks = JoinSet::new();
        for number in 0..TASKS {
            let values = cache.namespace("far")?.typed();
            tasks.spawn(Arc::clone(&crowd).wait_in_line(values, number));
        }
        sleep(WARM_UP).await;
        let before = resident_bytes().unwrap_or_default();
        stage.progress.say("SIGSTOP under 2,000 tasks");
        server.pause()?;
        let began = Instant::now();
        let mut most = before;
        while began.elapsed() < stage.fault {
            most = most.max(resident_bytes().unwrap_or_default());
            sleep(millis(20)).await;
        }
        server.resume()?;
        crowd.stops.store(true, Ordering::Relaxed);
        let ended = timeout(seconds(5), async {
            while tasks.join_next().await.is_some() {}
        })
        .await;
        let hung = tasks.len();
        let report = cache.shutdown(seconds(1)).await;
        let growth = most.saturating_sub(before);
        let (operations, failed) = (&crowd.operations, &crowd.failed_reads);
        let operations = operations.load(Ordering::Relaxed);
        let failed = failed.load(Ordering::Relaxed);
        stage.progress.say(&format!(
            "memory grew by {:.1} MiB",
            growth as f64 / MEBIBYTE
        ));
        let verdict = Verdict {
            operations,
            failed_reads: Some(failed),
            ..Verdict::default()
        };
        Ok(verdict
            .with(Check::at_least("memory before, in bytes", before, 1))
            .with(Check::at_most("growth in bytes", growth, MOST_GROWTH_BYTES))
            .with(Check::at_least("operations", operations, TASKS))
            .with(Check::at_most("failed reads", failed, 0))
            .with(Check::that("all tasks ended", ended.is_ok(), hung))
            .with(Check::at_most("aborted tasks", report.aborted.len(), 0)))
    }
}

#[derive(Default)]
struct Crowd {
    stops: AtomicBool,
    operations: AtomicU64,
    failed_reads: AtomicU64,
}

impl Crowd {
    async fn wait_in_line(self: Arc<Self>, values: TypedCache<String>, number: u64) {
        let mut rng = fastrand::Rng::with_seed(number);
        while !self.stops.load(Ordering::Relaxed) {
            let key = rng.u32(..50_000).to_string();
            let loader = || async { Ok::<_, Failure>("x".repeat(VALUE_BYTES)) };
            if values.get_or_load(key, loader).await.is_err() {
                self.failed_reads.fetch_add(1, Ordering::Relaxed);
            }
            self.operations.fetch_add(1, Ordering::Relaxed);
            sleep(millis(rng.u64(200..600))).await;
        }
    }
}
