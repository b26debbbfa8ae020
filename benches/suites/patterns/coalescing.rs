//! How many writes of a skewed load reach the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use larder_benches::Failure;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::options::Options;
use crate::places::{self, Fsync};

/// Keys, of which number n is written as often as number 1 divided by n to this power.
const KEYS: u32 = 10_000;
const SKEW: f64 = 0.99;

const TASKS: usize = 16;
const SEED: u64 = 7;

/// More than the journal needs to be empty.
const DRAIN: Duration = Duration::from_secs(60);

/// The same writes by both patterns.
#[derive(Debug, Serialize)]
pub(crate) struct Coalescing {
    pub(crate) keys: u32,
    pub(crate) writes: u64,
    pub(crate) through_rows: u64,
    pub(crate) through_seconds: f64,
    pub(crate) behind_rows: u64,
    pub(crate) behind_calls: u64,
    pub(crate) behind_seconds: f64,
    /// Of the database's writes.
    pub(crate) share: f64,
}

pub(crate) async fn measure(options: &Options) -> Result<Coalescing, Failure> {
    let server = places::server(Fsync::EverySecond)?;
    let backend = places::backend(&server).await?;
    let cache = places::cache(Arc::clone(&backend)).await?;
    let progress = places::progress(&cache)?;
    let keys: Arc<[u32]> = Zipf::new(KEYS, SKEW).draw(options.writes).into();

    let through_rows = Arc::new(AtomicU64::new(0));
    let rows = Arc::clone(&through_rows);
    let began = Instant::now();
    each(&keys, move |key| {
        let (progress, rows) = (progress.clone(), Arc::clone(&rows));
        async move {
            let writer = || async {
                rows.fetch_add(1, Ordering::Relaxed);
                Ok::<_, std::convert::Infallible>(())
            };
            let value = [u64::from(key); 8];
            progress
                .write_through(key.to_string(), value, writer)
                .await
                .is_ok()
        }
    })
    .await?;
    let through_seconds = began.elapsed().as_secs_f64();

    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let counted = Arc::clone(&counts);
    let count = move |rows: usize| {
        counted.0.fetch_add(rows as u64, Ordering::Relaxed);
        counted.1.fetch_add(1, Ordering::Relaxed);
    };
    let behind = places::write_behind(&cache, places::stream(&backend).await?, count)?;
    let began = Instant::now();
    let writer = behind.clone();
    each(&keys, move |key| {
        let writer = writer.clone();
        async move {
            writer
                .set(key.to_string(), [u64::from(key); 8])
                .await
                .is_ok()
        }
    })
    .await?;
    let behind_seconds = began.elapsed().as_secs_f64();
    let report = behind.shutdown(DRAIN).await;
    if !report.is_clean() {
        return Err(format!("the journal was not drained: {report:?}").into());
    }
    let (through_rows, behind_rows) = (
        through_rows.load(Ordering::Relaxed),
        counts.0.load(Ordering::Relaxed),
    );
    Ok(Coalescing {
        keys: KEYS,
        writes: keys.len() as u64,
        through_rows,
        through_seconds,
        behind_rows,
        behind_calls: counts.1.load(Ordering::Relaxed),
        behind_seconds,
        share: behind_rows as f64 / through_rows as f64,
    })
}

/// Writes all keys in their order, some at once.
async fn each<F, Fut>(keys: &Arc<[u32]>, write: F) -> Result<(), Failure>
where
    F: Fn(u32) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = bool> + Send,
{
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (keys, next, write) = (Arc::clone(keys), Arc::clone(&next), write.clone());
        tasks.spawn(async move {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(key) = usize::try_from(at).ok().and_then(|at| keys.get(at)) else {
                    return true;
                };
                if !write(*key).await {
                    return false;
                }
            }
        });
    }
    match tasks
        .join_all()
        .await
        .into_iter()
        .all(|succeeded| succeeded)
    {
        true => Ok(()),
        false => Err("a write failed".into()),
    }
}

/// Chooses numbers from 1 such that number n comes up `1 / n ^ skew` times as often as 1.
struct Zipf {
    /// For each number, the share of all choices that fall on it or a smaller one.
    shares: Vec<f64>,
}

impl Zipf {
    fn new(numbers: u32, skew: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=numbers).map(|number| {
            sum += f64::from(number).powf(-skew);
            sum
        });
        let sums: Vec<f64> = sums.collect();
        let shares = sums.into_iter().map(|part| part / sum).collect();
        Self { shares }
    }

    fn draw(&self, count: usize) -> Vec<u32> {
        let mut rng = Rng::with_seed(SEED);
        let mut draw = || {
            let at = rng.f64();
            let below = self.shares.partition_point(|share| *share <= at);
            u32::try_from(below).unwrap_or(u32::MAX)
        };
        (0..count).map(|_| draw()).collect()
    }
}
