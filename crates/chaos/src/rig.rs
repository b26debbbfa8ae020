//! Servers, proxies and caches as the scenarios need them.

use std::sync::Arc;
use std::time::Duration;

use larder::{Builder, SystemClock};
use larder_cache_core::{Bytes, Condition, Key, KeyPrefix, Observers, Write};
use larder_redis_backend::{RedisBackend, RedisConfig};
use larder_testkit::{FaultProxy, RedisServer, RedisServerBuilder};

use crate::Failure;

/// A server with arguments of its own.
pub(crate) fn server(args: &[&str]) -> Result<RedisServer, Failure> {
    let with = |builder: RedisServerBuilder, arg: &&str| builder.arg(*arg);
    let builder = args.iter().fold(RedisServer::builder(), with);
    Ok(builder.start()?)
}

pub(crate) async fn proxy(server: &RedisServer) -> Result<Arc<FaultProxy>, Failure> {
    let proxy = FaultProxy::start(("127.0.0.1", server.port())).await?;
    Ok(Arc::new(proxy))
}

/// A cache over a server, with the settings that a service has by default.
pub(crate) fn cache(url: impl Into<String>) -> Builder {
    larder::builder().redis(url)
}

/// A backend without a cache before it.
pub(crate) async fn backend(config: RedisConfig) -> larder::Result<RedisBackend> {
    RedisBackend::connect(config, Observers::default(), Arc::new(SystemClock::new())).await
}

pub(crate) fn key(name: &str) -> Result<Key, Failure> {
    Ok(KeyPrefix::new("chaos")?.value("direct", name)?)
}

pub(crate) fn write(key: Key, value: impl Into<Bytes>) -> Write {
    Write {
        key,
        value: value.into(),
        ttl: Some(Duration::from_secs(3600)),
        condition: Condition::Always,
    }
}
