//! The backend keeps what the trait promises, on a real server that all cases share.
#![allow(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::{Arc, LazyLock};

use larder_cache_core::{Observers, SystemClock};
use larder_redis_backend::{AtStart, RedisBackend, RedisConfig};
use larder_testkit::conformance::Subject;
use larder_testkit::{RedisServer, conformance_tests};

static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start().unwrap());

async fn subject() -> Subject {
    let config = RedisConfig::new(SERVER.url()).at_start(AtStart::Required);
    let clock = Arc::new(SystemClock::new());
    let backend = RedisBackend::connect(config, Observers::default(), clock).await;
    Subject::new(Arc::new(backend.unwrap()))
}

conformance_tests!(redis, subject);
