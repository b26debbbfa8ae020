use std::sync::Arc;

use deadpool_redis::{Connection, Manager, Pool, Runtime};

use super::{Adapter, redis_rs};
use crate::Failure;
use crate::profile::Profile;

const CONNECTIONS: usize = 16;

/// redis-rs out of a pool: every operation has a connection to itself.
pub(super) struct Deadpool(Pool);

impl Deadpool {
    pub(super) fn connect(url: &str) -> Result<Self, Failure> {
        let manager = Manager::new(redis_rs::connection_info(url)?)?;
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1);
        Ok(Self(pool.build()?))
    }

    async fn checkout(&self) -> Option<Connection> {
        self.0.get().await.ok()
    }
}

impl Adapter for Deadpool {
    const HAS_BATCHES: bool = true;

    async fn get(&self, key: &str) -> usize {
        let Some(mut connection) = self.checkout().await else {
            return 0;
        };
        let reply = redis_rs::get(key).query_async(&mut connection).await;
        drop(connection);
        redis_rs::decoded(reply)
    }

    async fn set(&self, key: &str, value: &Arc<Profile>) -> usize {
        let Some(command) = redis_rs::set(key, value) else {
            return 0;
        };
        let Some(mut connection) = self.checkout().await else {
            return 0;
        };
        let done = command.query_async::<()>(&mut connection).await;
        usize::from(done.is_ok())
    }

    async fn get_many(&self, keys: &[&str]) -> usize {
        let Some(mut connection) = self.checkout().await else {
            return 0;
        };
        let reply = redis_rs::get_many(keys).query_async(&mut connection).await;
        drop(connection);
        redis_rs::decoded_many(reply)
    }

    async fn set_many(&self, entries: &[(&str, &Arc<Profile>)]) -> usize {
        let Some(pipeline) = redis_rs::set_many(entries) else {
            return 0;
        };
        let Some(mut connection) = self.checkout().await else {
            return 0;
        };
        let done = pipeline.query_async::<()>(&mut connection).await;
        done.map_or(0, |()| entries.len())
    }
}
