//! The backend keeps what the trait promises, on real servers that all cases share.
#![allow(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::{Arc, LazyLock};

use larder_cache_core::{Observers, SystemClock};
use larder_redis_backend::{AtStart, RedisBackend, RedisConfig};
use larder_testkit::conformance::Subject;
use larder_testkit::{RedisCluster, RedisSentinel, RedisServer, conformance_tests};

static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start().unwrap());

static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(|| RedisCluster::start().unwrap());

static SENTINEL: LazyLock<RedisSentinel> = LazyLock::new(|| RedisSentinel::start().unwrap());

async fn connected(config: RedisConfig) -> Subject {
    let config = config.at_start(AtStart::Required);
    let clock = Arc::new(SystemClock::new());
    let backend = RedisBackend::connect(config, Observers::default(), clock).await;
    Subject::new(Arc::new(backend.unwrap()))
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

conformance_tests!(redis, on_one_server);
conformance_tests!(cluster, on_a_cluster);
conformance_tests!(sentinel, behind_sentinels);
