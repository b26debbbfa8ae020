use std::hint::black_box;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, Cmd, ConnectionInfo, IntoConnectionInfo, Pipeline, ProtocolVersion};

use super::{Adapter, TTL};
use crate::Failure;
use crate::profile::Profile;

/// One multiplexed connection of redis-rs, and `rmp-serde` with the names of the fields, as
/// Larder stores them: the same encoding for all.
pub(super) struct RedisRs(MultiplexedConnection);

impl RedisRs {
    pub(super) async fn connect(url: &str) -> Result<Self, Failure> {
        let client = Client::open(connection_info(url)?)?;
        Ok(Self(client.get_multiplexed_async_connection().await?))
    }
}

impl Adapter for RedisRs {
    const HAS_BATCHES: bool = true;

    async fn get(&self, key: &str) -> usize {
        let mut connection = self.0.clone();
        decoded(get(key).query_async(&mut connection).await)
    }

    async fn set(&self, key: &str, value: &Arc<Profile>) -> usize {
        let Some(command) = set(key, value) else {
            return 0;
        };
        let mut connection = self.0.clone();
        let done = command.query_async::<()>(&mut connection).await;
        usize::from(done.is_ok())
    }

    async fn get_many(&self, keys: &[&str]) -> usize {
        let mut connection = self.0.clone();
        decoded_many(get_many(keys).query_async(&mut connection).await)
    }

    async fn set_many(&self, entries: &[(&str, &Arc<Profile>)]) -> usize {
        let Some(pipeline) = set_many(entries) else {
            return 0;
        };
        let mut connection = self.0.clone();
        let done = pipeline.query_async::<()>(&mut connection).await;
        done.map_or(0, |()| entries.len())
    }
}

pub(super) fn connection_info(url: &str) -> Result<ConnectionInfo, Failure> {
    let info = url.into_connection_info()?;
    let redis = info.redis_settings().clone();
    Ok(info
        .set_redis_settings(redis.set_protocol(ProtocolVersion::RESP3))
        .set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

pub(super) fn get(key: &str) -> Cmd {
    let mut command = redis::cmd("GET");
    command.arg(prefixed(key));
    command
}

pub(super) fn get_many(keys: &[&str]) -> Cmd {
    let mut command = redis::cmd("MGET");
    for key in keys {
        command.arg(prefixed(key));
    }
    command
}

pub(super) fn set(key: &str, value: &Profile) -> Option<Cmd> {
    let bytes = rmp_serde::to_vec_named(value).ok()?;
    let mut command = redis::cmd("SET");
    command.arg(prefixed(key)).arg(bytes).arg("PX");
    command.arg(ttl_millis());
    Some(command)
}

pub(super) fn set_many(entries: &[(&str, &Arc<Profile>)]) -> Option<Pipeline> {
    let mut pipeline = Pipeline::with_capacity(entries.len());
    for (key, value) in entries {
        pipeline.add_command(set(key, value)?).ignore();
    }
    Some(pipeline)
}

pub(super) fn decoded(reply: redis::RedisResult<Option<Vec<u8>>>) -> usize {
    let bytes = reply.ok().flatten();
    usize::from(bytes.is_some_and(|bytes| is_profile(&bytes)))
}

pub(super) fn decoded_many(reply: redis::RedisResult<Vec<Option<Vec<u8>>>>) -> usize {
    let found: Vec<Profile> = reply
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|bytes| rmp_serde::from_slice(&bytes).ok())
        .collect();
    black_box(found).len()
}

fn is_profile(bytes: &[u8]) -> bool {
    black_box(rmp_serde::from_slice::<Profile>(bytes)).is_ok()
}

fn prefixed(key: &str) -> String {
    format!("raw:{key}")
}

fn ttl_millis() -> u64 {
    u64::try_from(TTL.as_millis()).unwrap_or(u64::MAX)
}
