//! Servers, caches and journals.

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Namespace, SystemClock, TypedCache};
use larder_benches::Failure;
use larder_cache_core::{Journal, Observers};
use larder_patterns::{Update, WriteBehind, WriteBehindOptions, WriteFailure};
use larder_redis_backend::{RedisBackend, RedisConfig, StreamJournalOptions};
use larder_testkit::RedisServer;

/// What is stored: some counters of a learner.
pub(crate) type Progress = [u64; 8];

const SPACE: &str = "progress";

/// Longer than anything here takes: a call that gives up would measure nothing.
const BUDGET: Duration = Duration::from_secs(10);

/// More than the suite writes before it is drained.
const CAPACITY: u64 = 10_000_000;

/// When a server has its log on the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fsync {
    EverySecond,
    Always,
}

/// A server that keeps its data.
pub(crate) fn server(fsync: Fsync) -> Result<RedisServer, Failure> {
    let fsync = match fsync {
        Fsync::EverySecond => "everysec",
        Fsync::Always => "always",
    };
    let builder = RedisServer::builder().arg("--appendonly").arg("yes");
    Ok(builder.arg("--appendfsync").arg(fsync).start()?)
}

pub(crate) async fn backend(server: &RedisServer) -> Result<Arc<RedisBackend>, Failure> {
    let config = RedisConfig::new(server.url());
    let clock = Arc::new(SystemClock::new());
    Ok(Arc::new(
        RedisBackend::connect(config, Observers::default(), clock).await?,
    ))
}

pub(crate) async fn cache(backend: Arc<RedisBackend>) -> Result<Cache, Failure> {
    let space = Namespace::new(SPACE).ttl(Duration::from_secs(3600));
    let builder = larder::builder().backend(backend).budget(BUDGET);
    Ok(builder.namespace(space).build().await?)
}

pub(crate) fn progress(cache: &Cache) -> Result<TypedCache<Progress>, Failure> {
    Ok(cache.namespace(SPACE)?.typed())
}

/// A journal over the same connections as a cache.
pub(crate) async fn stream(backend: &RedisBackend) -> Result<Arc<dyn Journal>, Failure> {
    let options = StreamJournalOptions::new("bench").capacity(CAPACITY);
    Ok(Arc::new(backend.journal(options.budget(BUDGET)).await?))
}

/// A write-behind whose database does nothing but count.
pub(crate) fn write_behind(
    cache: &Cache,
    journal: Arc<dyn Journal>,
    rows: impl Fn(usize) + Clone + Send + Sync + 'static,
) -> Result<WriteBehind<Progress>, Failure> {
    let writer = move |updates: Vec<Update<Progress>>| {
        rows(updates.len());
        async { Ok::<_, WriteFailure>(()) }
    };
    let options = WriteBehindOptions::new();
    Ok(WriteBehind::start(
        progress(cache)?,
        journal,
        options,
        writer,
    )?)
}
