//! The bulk lane: large values go over connections of their own.
//!
//! On the shared connection a reply of 16 MiB holds up every reply behind it. So a value
//! above [`bulk_from`](crate::RedisConfig::bulk_from) is stored under a key of its own,
//! and under its own key there is a [stub](stub::Stub) which says so. Who reads a stub
//! fetches the value on a connection that nobody else waits for; who writes one uploads
//! the value there first, under a name for the time being, and a script puts stub and
//! value in place in one step. Values never pass through Lua.

mod fill;
mod large;
mod pool;
mod stub;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::Connection;
use larder_cache_core::{
    Condition, Error, ErrorKind, Grant, Key, Random, Result, SystemRandom, Write,
};
use redis::{Cmd, Value};
use tokio::time::Instant;

use self::pool::Exclusive;
use self::stub::{Body, Id, Stub};
use crate::address::Endpoint;
use crate::commands::lifetime_millis;
use crate::config::RedisConfig;
use crate::error;

pub(crate) use self::fill::LargeFill;
pub(crate) use self::large::{Large, shown_head};
pub(crate) use self::stub::{MAX_STUB_BYTES, body_key};

/// The pools of connections for large values, one for each server.
#[derive(Debug)]
pub(crate) struct Bulk {
    from: usize,
    connections: usize,
    connect_timeout: Duration,
    pools: Mutex<HashMap<String, Exclusive>>,
}

/// Redis's own limit for a string.
const LONGEST_VALUE: usize = (512 << 20) - Id::BYTES;

/// How much longer than its stub a value stays, for readers who have just read the stub.
const GRACE: Duration = Duration::from_secs(60);

/// How long a value stays whose stub has no end, unless it is written or moved again.
const WITHOUT_END: Duration = Duration::from_secs(30 * 86_400);

/// How long an upload may lie about before it is put in place.
const UPLOAD: Duration = Duration::from_secs(600);

const ADOPT: &str = include_str!("adopt.lua");

impl Bulk {
    pub(crate) fn new(config: &RedisConfig) -> Self {
        Self {
            from: config.bulk_from,
            connections: config.bulk_connections,
            connect_timeout: config.connect_timeout,
            pools: Mutex::new(HashMap::new()),
        }
    }

    /// Whether a value is to be stored by this lane.
    pub(crate) fn is_for(&self, value: &[u8]) -> bool {
        value.len() > self.from
    }

    /// Reads what is stored under a key's own key on the server that holds it.
    async fn get(&self, endpoint: &Endpoint, key: &Key, deadline: Instant) -> Result<Option<Body>> {
        let mut get = redis::cmd("GET");
        get.arg(body_key(key));
        let mut connection = self.connection(endpoint, deadline).await?;
        match ask(&mut connection, &get).await? {
            Value::BulkString(stored) => Ok(Body::read(stored)),
            Value::Nil => Ok(None),
            _ => Err(error::unexpected_reply("a string or nothing")),
        }
    }

    /// Stores a large value on the server that holds the key, if the condition of the
    /// write holds.
    async fn set(&self, endpoint: &Endpoint, write: &Write, deadline: Instant) -> Result<bool> {
        let mut connection = self.connection(endpoint, deadline).await?;
        let (stub, upload) = upload(&mut connection, &write.key, &write.value).await?;
        let condition = match write.condition {
            Condition::Always => "",
            Condition::IfAbsent => "NX",
            Condition::IfPresent => "XX",
        };
        // By its text: it is nothing next to the value, and the server need not know it.
        let mut adopt = redis::cmd("EVAL");
        adopt.arg(ADOPT).arg(3);
        adopt.arg(write.key.as_bytes()).arg(body_key(&write.key));
        adopt.arg(upload).arg(&stub.encode()[..]);
        match write.ttl {
            Some(ttl) => adopt.arg(lifetime_millis(ttl)),
            None => adopt.arg(""),
        };
        adopt.arg(condition).arg(lifetime_millis(stays(write.ttl)));
        match ask(&mut connection, &adopt).await? {
            Value::Int(adopted) => Ok(adopted > 0),
            _ => Err(error::unexpected_reply("a number")),
        }
    }

    /// Uploads a large value to the server that granted a lease.
    async fn upload(
        &self,
        endpoint: &Endpoint,
        (key, grant): (&Key, Grant),
        (value, ttl): (&Bytes, Option<Duration>),
        deadline: Instant,
    ) -> Result<LargeFill> {
        let mut connection = self.connection(endpoint, deadline).await?;
        let (stub, upload) = upload(&mut connection, key, value).await?;
        Ok(LargeFill {
            key: key.clone(),
            grant,
            stub: stub.encode(),
            upload,
            ttl,
        })
    }

    /// Removes an upload that was not put in place.
    async fn forget(&self, endpoint: &Endpoint, fill: &LargeFill, deadline: Instant) -> Result<()> {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(&fill.upload);
        let mut connection = self.connection(endpoint, deadline).await?;
        ask(&mut connection, &unlink).await.map(drop)
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.lock().values().map(Exclusive::open).sum()
    }

    pub(crate) fn close(&self) {
        for (_, pool) in self.lock().drain() {
            pool.close();
        }
    }

    async fn connection(&self, endpoint: &Endpoint, deadline: Instant) -> Result<Connection> {
        self.pool(endpoint)?.connection(deadline).await
    }

    fn pool(&self, endpoint: &Endpoint) -> Result<Exclusive> {
        let node = endpoint.address.to_string();
        let mut pools = self.lock();
        if let Some(pool) = pools.get(&node) {
            return Ok(pool.clone());
        }
        let pool = Exclusive::to(endpoint, self.connections, self.connect_timeout)?;
        pools.insert(node, pool.clone());
        Ok(pool)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Exclusive>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uploads a large value under a name for the time being.
async fn upload(connection: &mut Connection, key: &Key, value: &Bytes) -> Result<(Stub, String)> {
    if value.len() > LONGEST_VALUE {
        let message = "the value is larger than a Redis string can be";
        return Err(Error::new(ErrorKind::TooLarge, message)
            .with("bytes", value.len())
            .with("limit", LONGEST_VALUE));
    }
    let id = new_id();
    let name = format!("{}:{}", body_key(key), hex(&id));
    let mut set = redis::cmd("SET");
    set.arg(&name)
        .arg([id.as_bytes(), &value[..]].concat())
        .arg("PX")
        .arg(lifetime_millis(UPLOAD));
    ask(connection, &set).await?;
    Ok((Stub::of(value, id), name))
}

/// How long a value stays whose stub lives so long.
fn stays(ttl: Option<Duration>) -> Duration {
    ttl.map_or(WITHOUT_END, |ttl| ttl.saturating_add(GRACE))
}

async fn ask(connection: &mut Connection, command: &Cmd) -> Result<Value> {
    use redis::aio::ConnectionLike;
    match connection.req_packed_command(command).await {
        Ok(Value::ServerError(refused)) => Err(error::refused(&refused)),
        Ok(reply) => Ok(reply),
        Err(failed) => Err(error::reported(&failed)),
    }
}

fn new_id() -> Id {
    let mut bytes = [0; Id::BYTES];
    for part in bytes.chunks_mut(8) {
        part.copy_from_slice(&SystemRandom.next_u64().to_le_bytes()[..part.len()]);
    }
    Id::new(bytes)
}

fn hex(id: &Id) -> String {
    id.as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
