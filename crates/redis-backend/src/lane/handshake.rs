//! What a new connection is asked before it is used, and an old one from time to time.

use std::time::Duration;

use larder_cache_core::{Clock, Error, ErrorKind, Moment, Result};
use redis::Value;
use redis::aio::MultiplexedConnection;

use super::link::Link;
use super::server_time::Sample;
use crate::error;

/// Makes sure that the server is a master that serves data, and asks for its time.
pub(super) async fn shake(
    connection: &mut MultiplexedConnection,
    clock: &dyn Clock,
) -> Result<Sample> {
    if let Some(role) = ask_if_permitted(connection, "ROLE").await? {
        check_role(role)?;
    }
    // A server that is loading its data answers ROLE and TIME, but not PING.
    ask_if_permitted(connection, "PING").await?;
    let sent = clock.now();
    let time = ask_if_permitted(connection, "TIME").await?;
    let time = time.ok_or_else(time_is_needed)?;
    sample(time, sent, clock)
}

/// Asks for the server's time.
pub(super) async fn server_time(link: &Link, clock: &dyn Clock) -> Result<Sample> {
    let sent = clock.now();
    let answer = link.ask(&redis::cmd("TIME")).await?;
    sample(answer, sent, clock)
}

fn sample(answer: Value, sent: Moment, clock: &dyn Clock) -> Result<Sample> {
    let received = clock.now();
    let (seconds, micros): (u64, u64) = redis::from_redis_value(answer)
        .map_err(|_| error::unexpected_reply("seconds and microseconds"))?;
    Ok(Sample {
        sent,
        received,
        server: Duration::from_secs(seconds) + Duration::from_micros(micros),
    })
}

/// `None` where the user may not ask: an ACL for a cache need not grant more than the
/// commands of a cache.
async fn ask_if_permitted(
    connection: &mut MultiplexedConnection,
    command: &str,
) -> Result<Option<Value>> {
    match connection.send_packed_command(&redis::cmd(command)).await {
        Ok(Value::ServerError(refused)) if refused.code() == "NOPERM" => Ok(None),
        Ok(Value::ServerError(refused)) => Err(error::refused(&refused)),
        Ok(answer) => Ok(Some(answer)),
        Err(failed) => Err(error::reported(&failed)),
    }
}

fn time_is_needed() -> Error {
    let message = "the user may not ask for the server's time, which decides what is stale: \
                   grant it with ACL SETUSER <user> +time";
    Error::new(ErrorKind::Auth, message)
}

fn check_role(role: Value) -> Result<()> {
    let Value::Array(parts) = role else {
        return Err(error::unexpected_reply("a role"));
    };
    let mut parts = parts
        .into_iter()
        .map(|part| redis::from_redis_value::<String>(part).unwrap_or_default());
    let message = match parts.next().as_deref() {
        Some("master") => return Ok(()),
        Some("slave") => "the server is a replica: name its master instead",
        Some("sentinel") => "this is a Sentinel: name the master that it watches",
        _ => return Err(error::unexpected_reply("a role")),
    };
    let error = Error::new(ErrorKind::Config, message);
    Err(match (parts.next(), parts.next()) {
        (Some(host), Some(port)) => error.with("master", format!("{host}:{port}")),
        _ => error,
    })
}
