//! The same on a real server.

use std::sync::Arc;

use larder_cache_core::{Observers, SystemClock};
use larder_redis_backend::{RedisBackend, RedisConfig};
use larder_testkit::RedisServer;

use crate::{cold, fleet};

#[tokio::test(flavor = "multi_thread")]
async fn processes_are_merged_and_cold_keys_found() {
    let server = RedisServer::start().unwrap();
    let config = RedisConfig::new(server.url());
    let clock = Arc::new(SystemClock::new());
    let backend = RedisBackend::connect(config, Observers::default(), clock);
    let backend = backend.await.unwrap();
    cold::check(&backend).await;
    fleet::check_merge(&backend).await;
    fleet::check_garbage(&backend).await;
}
