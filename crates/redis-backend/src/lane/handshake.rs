//! What a new connection is asked before it is used, and an old one from time to time.

use std::time::Duration;

use larder_cache_core::{Clock, Error, ErrorKind, Moment, Result};
use redis::{Cmd, Pipeline, RedisConnectionInfo, Value};

use super::link::Link;
use super::server_time::Sample;
use super::target::Role;
use crate::error;

/// Logs in, makes sure that the server has the role and serves data, and asks for its
/// time: two round trips.
pub(super) async fn shake(
    link: &Link,
    login: &RedisConnectionInfo,
    role: Role,
    clock: &dyn Clock,
) -> Result<Sample> {
    let greeting = link.ask(&hello(login)).await?;
    let is_cluster = is_of_cluster(&greeting);
    link.join_gets(!is_cluster);
    let mut questions = Pipeline::new();
    // Unknown to Redis before 7.2, which does no harm.
    for (name, value) in [
        ("LIB-NAME", "larder"),
        ("LIB-VER", env!("CARGO_PKG_VERSION")),
    ] {
        questions.cmd("CLIENT").arg("SETINFO").arg(name).arg(value);
    }
    // A server that is loading its data answers ROLE and TIME, but not PING.
    questions.cmd("ROLE");
    questions.cmd("PING");
    questions.cmd("TIME");
    if login.db() != 0 {
        questions.cmd("SELECT").arg(login.db());
    }
    if role == Role::Replica && is_cluster {
        questions.cmd("READONLY");
    }
    let sent = clock.now();
    let answers = link.send_all(&questions).await?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(Value::Nil);
    let (_name, _version) = (next(), next());
    let found = if_permitted(next())?;
    if let Some(found) = found.filter(|_| role != Role::Any) {
        check_role(found, role)?;
    }
    if_permitted(next())?;
    let time = if_permitted(next())?.ok_or_else(time_is_needed)?;
    let sample = sample(time, sent, clock)?;
    answers.try_for_each(|answer| accepted(answer).map(drop))?;
    Ok(sample)
}

/// Whether the server is a node of a cluster, which answers for the keys of one slot at a
/// time.
fn is_of_cluster(greeting: &Value) -> bool {
    let Value::Map(facts) = greeting else {
        return false;
    };
    let is = |value: &Value, text: &str| match value {
        Value::BulkString(bytes) => bytes == text.as_bytes(),
        Value::SimpleString(found) => found == text,
        _ => false,
    };
    facts
        .iter()
        .any(|(name, value)| is(name, "mode") && is(value, "cluster"))
}

/// Asks for the server's time.
pub(super) async fn server_time(link: &Link, clock: &dyn Clock) -> Result<Sample> {
    let sent = clock.now();
    let answer = link.ask(&redis::cmd("TIME")).await?;
    sample(answer, sent, clock)
}

fn hello(login: &RedisConnectionInfo) -> Cmd {
    let mut hello = redis::cmd("HELLO");
    hello.arg(3);
    if let Some(password) = login.password() {
        let user = login.username().unwrap_or("default");
        hello.arg("AUTH").arg(user).arg(password);
    }
    hello
}

fn accepted(answer: Value) -> Result<Value> {
    match answer {
        Value::ServerError(refused) => Err(error::refused(&refused)),
        answer => Ok(answer),
    }
}

/// `None` where the user may not ask: an ACL for a cache need not grant more than the
/// commands of a cache.
fn if_permitted(answer: Value) -> Result<Option<Value>> {
    match answer {
        Value::ServerError(refused) if refused.code() == "NOPERM" => Ok(None),
        answer => accepted(answer).map(Some),
    }
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

fn time_is_needed() -> Error {
    let message = "the user may not ask for the server's time, which decides what is stale: \
                   grant it with ACL SETUSER <user> +time";
    Error::new(ErrorKind::Auth, message)
}

fn check_role(found: Value, expected: Role) -> Result<()> {
    let Value::Array(parts) = found else {
        return Err(error::unexpected_reply("a role"));
    };
    let mut parts = parts
        .into_iter()
        .map(|part| redis::from_redis_value::<String>(part).unwrap_or_default());
    let error = match (parts.next().as_deref(), expected) {
        (Some("master"), Role::Replica) => passing("the server is a master, not a replica"),
        (Some("master"), _) | (Some("slave"), Role::Replica | Role::Any) => return Ok(()),
        (Some("slave"), Role::MasterSoon) => {
            passing("the server is a replica: a failover may be under way, looking again")
        }
        (Some("slave"), Role::Master) => Error::new(
            ErrorKind::Config,
            "the server is a replica: name its master instead",
        ),
        (Some("sentinel"), _) => Error::new(
            ErrorKind::Config,
            "this is a Sentinel: write redis+sentinel://host[:port]/service-name, or name the \
             master that it watches",
        ),
        _ => return Err(error::unexpected_reply("a role")),
    };
    Err(match (parts.next(), parts.next()) {
        (Some(host), Some(port)) if port.parse::<u16>().is_ok() => {
            error.with("master", format!("{host}:{port}"))
        }
        _ => error,
    })
}

fn passing(message: &'static str) -> Error {
    Error::new(ErrorKind::Server, message)
        .transient()
        .replay_safe()
}
