//! A quota kept in a database that has many other keys.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use larder::{Cache, Compression, Event, L1, Namespace, Observer, TypedCache};
use larder_benches::{Failure, WORKER_THREADS};
use larder_testkit::RedisServer;
use serde::Serialize;
use tokio::sync::Notify;

/// The namespace with the quota has one key of so many.
const SHARE: usize = 5;

/// Enough for a quota, which has a least size, and for a batch of other keys.
const LEAST_KEYS: usize = 10_000;

const VALUE_BYTES: usize = 256;

/// How many values are stored in one call.
const BATCH: usize = 1000;

/// How long is read before the sweep, and again after it.
const CALM: Duration = Duration::from_secs(3);

/// Longer than anything here takes: a call that gives up would measure nothing.
const BUDGET: Duration = Duration::from_secs(10);

const TTL: Duration = Duration::from_secs(3600);

/// What it took.
#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    /// In the database.
    pub(crate) keys: usize,
    /// Of the namespace.
    pub(crate) entries: u64,
    pub(crate) used_bytes: u64,
    pub(crate) quota_bytes: u64,
    pub(crate) left_bytes: u64,
    pub(crate) measured_in_seconds: f64,
    /// The server's processor time while it was measured, of that time.
    pub(crate) server_share: f64,
    pub(crate) swept_in_seconds: f64,
    pub(crate) calm: Reads,
    pub(crate) while_sweeping: Reads,
}

/// Reads from the backend by one task, one after another, in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Reads {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) most: u64,
}

pub(crate) fn measure(keys: usize) -> Result<Kept, Failure> {
    if keys < LEAST_KEYS {
        let message = format!("--stored-keys needs {LEAST_KEYS} at least, found {keys}");
        return Err(message.into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()?;
    let server = RedisServer::start()?;
    let kept = runtime.block_on(kept(&server.url(), keys));
    runtime.shutdown_background();
    kept
}

async fn kept(url: &str, keys: usize) -> Result<Kept, Failure> {
    let swept = Arc::new(Swept::default());
    let cache = larder::builder()
        .redis(url)
        .compression(Compression::Off)
        .budget(BUDGET)
        .namespace(Namespace::new("kept").ttl(TTL).l1(L1::Off))
        .namespace(Namespace::new("others").ttl(TTL).l1(L1::Off))
        .observer(swept.clone())
        .build()
        .await?;
    let others = fill(&cache, "others", keys - keys / SHARE).await?;
    let namespace = fill(&cache, "kept", keys / SHARE).await?;

    let (busy, began) = (server_seconds(url).await?, Instant::now());
    let used = namespace.measure_usage().await?;
    let measured_in_seconds = began.elapsed().as_secs_f64();
    let server_share = (server_seconds(url).await? - busy) / measured_in_seconds;

    let mut calm = latencies()?;
    read_until(&others, &mut calm, tokio::time::sleep(CALM)).await?;
    let quota_bytes = used.bytes / 4 * 3;
    namespace.update(|settings| settings.quota_bytes(quota_bytes))?;
    let (mut while_sweeping, began) = (latencies()?, Instant::now());
    namespace.set("0", value(0)).await?;
    read_until(&others, &mut while_sweeping, swept.0.notified()).await?;
    let swept_in_seconds = began.elapsed().as_secs_f64();
    read_until(&others, &mut calm, tokio::time::sleep(CALM)).await?;

    let left = namespace.measure_usage().await?;
    Ok(Kept {
        keys,
        entries: used.entries,
        used_bytes: used.bytes,
        quota_bytes,
        left_bytes: left.bytes,
        measured_in_seconds,
        server_share,
        swept_in_seconds,
        calm: Reads::of(&calm),
        while_sweeping: Reads::of(&while_sweeping),
    })
}

/// Tells of the end of a sweep.
#[derive(Debug, Default)]
struct Swept(Notify);

impl Observer for Swept {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event, Event::QuotaEnforced { .. }) {
            self.0.notify_one();
        }
    }
}

async fn fill(cache: &Cache, name: &str, count: usize) -> Result<TypedCache<String>, Failure> {
    let namespace = cache.namespace(name)?.typed();
    let ids: Vec<usize> = (0..count).collect();
    for ids in ids.chunks(BATCH) {
        let entries = ids.iter().map(|id| (id.to_string(), value(*id)));
        namespace.set_many(entries).await?;
    }
    Ok(namespace)
}

fn value(id: usize) -> String {
    format!("{id:>VALUE_BYTES$}")
}

/// Microseconds, up to ten seconds.
fn latencies() -> Result<Histogram<u64>, Failure> {
    Ok(Histogram::new_with_max(10_000_000, 3)?)
}

async fn read_until(
    cache: &TypedCache<String>,
    latencies: &mut Histogram<u64>,
    end: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut end = std::pin::pin!(end);
    for id in (0..BATCH).cycle() {
        let key = id.to_string();
        let read = async {
            let began = Instant::now();
            let found = cache.get(&key).await?;
            found.ok_or("a value that was stored is gone: the server has too little memory")?;
            Ok::<_, Failure>(began.elapsed())
        };
        tokio::select! {
            biased;
            () = &mut end => break,
            took = read => latencies.saturating_record(took?.as_micros() as u64),
        }
    }
    Ok(())
}

/// The processor time of the server until now.
async fn server_seconds(url: &str) -> Result<f64, Failure> {
    let mut connection = redis::Client::open(url)?
        .get_multiplexed_async_connection()
        .await?;
    let told: redis::InfoDict = redis::cmd("INFO")
        .arg("cpu")
        .query_async(&mut connection)
        .await?;
    let seconds = |name| {
        told.get::<f64>(name)
            .ok_or("expected INFO to tell of the CPU")
    };
    Ok(seconds("used_cpu_user")? + seconds("used_cpu_sys")?)
}

impl Reads {
    fn of(latencies: &Histogram<u64>) -> Self {
        Self {
            p50: latencies.value_at_quantile(0.5),
            p99: latencies.value_at_quantile(0.99),
            p999: latencies.value_at_quantile(0.999),
            most: latencies.max(),
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: u64| bytes / 1024;
        writeln!(
            f,
            "  {} keys, {} of the namespace: measured in {:.1} s, {:.1} % of them the server's",
            self.keys,
            self.entries,
            self.measured_in_seconds,
            self.server_share * 100.0,
        )?;
        writeln!(
            f,
            "  swept in {:.1} s: {} KiB of a quota of {} KiB, then {} KiB",
            self.swept_in_seconds,
            kib(self.used_bytes),
            kib(self.quota_bytes),
            kib(self.left_bytes),
        )?;
        let rows = [
            ("calm", &self.calm),
            ("while sweeping", &self.while_sweeping),
        ];
        writeln!(
            f,
            "  {:<16} {:>8} {:>8} {:>8} {:>8}",
            "us a read", "p50", "p99", "p99.9", "most"
        )?;
        for (name, reads) in rows {
            let Reads {
                p50,
                p99,
                p999,
                most,
            } = reads;
            writeln!(f, "  {name:<16} {p50:>8} {p99:>8} {p999:>8} {most:>8}")?;
        }
        Ok(())
    }
}
