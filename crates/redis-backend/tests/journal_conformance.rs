//! The journal keeps what the trait promises, on real servers that all cases share.
#![allow(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use larder_cache_core::{Journal, Observers, SystemClock};
use larder_redis_backend::{AtStart, RedisConfig, RedisStreamJournal, StreamJournalOptions};
use larder_testkit::journal::Subject;
use larder_testkit::{RedisCluster, RedisSentinel, RedisServer, journal_tests};

static SERVER: LazyLock<RedisServer> = LazyLock::new(|| {
    let builder = RedisServer::builder().arg("--appendonly").arg("yes");
    builder.start().unwrap()
});

static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(|| {
    let builder = RedisCluster::builder().arg("--appendonly").arg("yes");
    builder.start().unwrap()
});

static SENTINEL: LazyLock<RedisSentinel> = LazyLock::new(|| {
    let builder = RedisSentinel::builder().arg("--appendonly").arg("yes");
    builder.start().unwrap()
});

const SMALL: usize = 10;

async fn connected(config: RedisConfig) -> Subject {
    static CASES: AtomicUsize = AtomicUsize::new(0);
    let config = config.at_start(AtStart::Required);
    let name = format!("case-{}", CASES.fetch_add(1, Ordering::Relaxed));
    let options = StreamJournalOptions::new(&name).capacity(1_000_000);
    let options = options.budget(Duration::from_secs(10));
    let small = StreamJournalOptions::new(format!("{name}-small"));
    let small = small.shards(1).capacity(SMALL as u64);
    let small = open(config.clone(), small).await;
    Subject::new(open(config.clone(), options.clone()).await)
        .small(small, SMALL)
        .settles_late()
        .reopen(move || open(config.clone(), options.clone()))
}

async fn open(config: RedisConfig, options: StreamJournalOptions) -> Arc<dyn Journal> {
    let clock = Arc::new(SystemClock::new());
    let journal = RedisStreamJournal::connect(config, options, Observers::default(), clock);
    Arc::new(journal.await.unwrap())
}

async fn on_one_server() -> Subject {
    connected(RedisConfig::new(SERVER.url())).await
}

async fn on_a_cluster() -> Subject {
    connected(RedisConfig::cluster(CLUSTER.addresses())).await
}

async fn behind_sentinels() -> Subject {
    connected(RedisConfig::new(SENTINEL.url())).await
}

journal_tests!(redis, on_one_server);
journal_tests!(cluster, on_a_cluster);
journal_tests!(sentinel, behind_sentinels);
