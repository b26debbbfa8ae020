//! A short run of one workload on one adapter.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

use crate::Failure;
use crate::adapters::Adapter;
use crate::measurement::Measured;
use crate::profile::{KEYS, Profiles};
use crate::workload::{Operation, Workload};

/// An adapter, whichever it is.
pub(crate) trait Subject {
    fn name(&self) -> &'static str;

    /// Whether it has the operation at all.
    fn can(&self, workload: Workload) -> bool;

    /// Writes all keys.
    fn fill<'a>(&'a self, profiles: &'a Profiles) -> Running<'a, ()>;

    /// Runs a workload for some time.
    fn run<'a>(
        &'a self,
        workload: Workload,
        duration: Duration,
        profiles: &'a Arc<Profiles>,
    ) -> Running<'a, Measured>;
}

pub(crate) type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + 'a>>;

/// An adapter and what it is called.
pub(crate) struct Adapted<A> {
    name: &'static str,
    adapter: Arc<A>,
}

impl<A: Adapter> Adapted<A> {
    pub(crate) fn boxed(name: &'static str, adapter: A) -> Box<dyn Subject> {
        let adapter = Arc::new(adapter);
        Box::new(Self { name, adapter })
    }
}

impl<A: Adapter> Subject for Adapted<A> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn can(&self, workload: Workload) -> bool {
        A::HAS_BATCHES || matches!(workload.operation, Operation::Get | Operation::Set)
    }

    fn fill<'a>(&'a self, profiles: &'a Profiles) -> Running<'a, ()> {
        Box::pin(async {
            for (index, key) in profiles.keys(0, KEYS).enumerate() {
                if self.adapter.set(key, profiles.value(index)).await != 1 {
                    return Err(format!("{} could not write `{key}`", self.name).into());
                }
            }
            Ok(())
        })
    }

    fn run<'a>(
        &'a self,
        workload: Workload,
        duration: Duration,
        profiles: &'a Arc<Profiles>,
    ) -> Running<'a, Measured> {
        Box::pin(async move {
            let cpu = cpu_time();
            let began = Instant::now();
            let mut tasks = JoinSet::new();
            for _ in 0..workload.tasks {
                let adapter = Arc::clone(&self.adapter);
                let profiles = Arc::clone(profiles);
                tasks.spawn(work(adapter, workload, profiles, began + duration));
            }
            let finished = tasks.join_all().await;
            let (elapsed, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
            measured(&finished, elapsed, cpu)
        })
    }
}

/// What one task did.
struct Finished {
    latencies: Vec<u32>,
    failures: u64,
}

async fn work<A: Adapter>(
    adapter: Arc<A>,
    workload: Workload,
    profiles: Arc<Profiles>,
    until: Instant,
) -> Finished {
    let mut random = Rng::new();
    let mut finished = Finished {
        // Kept as they come: a histogram for each of 512 tasks would be in the caches' way.
        latencies: Vec::with_capacity(1024),
        failures: 0,
    };
    let mut began = Instant::now();
    while began < until {
        let succeeded = operate(&*adapter, workload, &profiles, random.usize(..KEYS)).await;
        finished.failures += u64::from(succeeded != workload.keys);
        let ended = Instant::now();
        let nanos = ended.duration_since(began).as_nanos();
        finished
            .latencies
            .push(u32::try_from(nanos).unwrap_or(u32::MAX));
        began = ended;
    }
    finished
}

async fn operate<A: Adapter>(
    adapter: &A,
    workload: Workload,
    profiles: &Profiles,
    first: usize,
) -> usize {
    match workload.operation {
        Operation::Get => adapter.get(profiles.key(first)).await,
        Operation::Set => {
            let value = profiles.value(first);
            adapter.set(profiles.key(first), value).await
        }
        Operation::GetMany => {
            let keys: Vec<&str> = profiles.keys(first, workload.keys).collect();
            adapter.get_many(&keys).await
        }
        Operation::SetMany => {
            let keys = profiles.keys(first, workload.keys);
            let values = (first..).map(|index| profiles.value(index));
            let entries: Vec<_> = keys.zip(values).collect();
            adapter.set_many(&entries).await
        }
    }
}

fn measured(finished: &[Finished], elapsed: Duration, cpu: Duration) -> Result<Measured, Failure> {
    let mut latencies = Histogram::<u64>::new(3)?;
    for nanos in finished.iter().flat_map(|task| &task.latencies) {
        latencies.record(u64::from(*nanos))?;
    }
    let operations = latencies.len() as f64;
    let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Measured {
        ops_per_second: operations / elapsed.as_secs_f64(),
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        cpu_us_per_op: cpu.as_secs_f64() * 1e6 / operations,
        failures: finished.iter().map(|task| task.failures).sum(),
    })
}

/// What this process has used so far; the server is another one.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
