//! What a server tells of itself.

use std::sync::Arc;
use std::time::Duration;

use larder_cache_core::{Node, Result};
use redis::{Pipeline, Value};

use crate::error::unexpected_reply;
use crate::lane::Turn;

/// Asks a server about itself.
pub(crate) async fn inspect(turn: &Turn<'_>, address: &str) -> Result<Node> {
    let asked = std::time::Instant::now();
    let answer = turn.run(turn.link().ask(&redis::cmd("INFO"))).await?;
    let latency = asked.elapsed();
    let mut node = read(address, &text(answer)?);
    node.latency = Some(latency);
    Ok(node)
}

/// What a server says of itself, and on which connection.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) node: Arc<str>,
    pub(crate) connection: u64,
    /// How often it writes its log to disk; `None` where the user may not ask.
    pub(crate) fsync: Option<String>,
    info: String,
}

impl Facts {
    #[cfg(test)]
    pub(crate) fn known(node: &str, connection: u64, info: &str, fsync: Option<&str>) -> Self {
        Self {
            node: node.into(),
            connection,
            fsync: fsync.map(str::to_owned),
            info: info.to_owned(),
        }
    }

    /// What `INFO` says under a name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.info, name)
    }
}

/// Asks a server about what it keeps, and for how long.
pub(crate) async fn facts(turn: &Turn<'_>) -> Result<Facts> {
    let link = turn.link();
    let mut setting = redis::cmd("CONFIG");
    setting.arg("GET").arg("appendfsync");
    let mut questions = Pipeline::with_capacity(2);
    questions.cmd("INFO");
    questions.add_command(setting);
    let mut answers = turn.run(link.ask_all(&questions)).await?.into_iter();
    let info = answers.next();
    let info = info.unwrap_or_else(|| Err(unexpected_reply("a reply to each command")))?;
    let fsync = answers.next().and_then(Result::ok);
    Ok(Facts {
        node: Arc::clone(link.node()),
        connection: link.connection(),
        fsync: fsync.and_then(setting_value),
        info: text(info)?,
    })
}

/// The value in the answer to `CONFIG GET`, a map or a list by the protocol.
fn setting_value(answer: Value) -> Option<String> {
    let value = match answer {
        Value::Map(pairs) => pairs.into_iter().next()?.1,
        Value::Array(words) => words.into_iter().nth(1)?,
        _ => return None,
    };
    text(value).ok()
}

fn text(answer: Value) -> Result<String> {
    redis::from_redis_value(answer).map_err(|_| unexpected_reply("text"))
}

/// Reads the answer to `INFO`.
fn read(address: &str, info: &str) -> Node {
    let number = |name| field(info, name).and_then(|value| value.parse::<u64>().ok());
    let mut node = Node::new(address, role(field(info, "role")));
    node.version = field(info, "valkey_version")
        .or(field(info, "redis_version"))
        .map(str::to_owned);
    node.used_memory_bytes = number("used_memory");
    node.max_memory_bytes = number("maxmemory").filter(|&bytes| bytes > 0);
    node.eviction_policy = field(info, "maxmemory_policy").map(str::to_owned);
    node.connected_clients = number("connected_clients");
    node.evicted_keys = number("evicted_keys");
    node.uptime = number("uptime_in_seconds").map(Duration::from_secs);
    node
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim_end())
    })
}

fn role(found: Option<&str>) -> &str {
    match found {
        Some("slave") => "replica",
        Some(role) => role,
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIS_7: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\
        uptime_in_seconds:93784\r\n\r\n# Clients\r\nconnected_clients:17\r\n\r\n# Memory\r\n\
        used_memory:1048576\r\nused_memory_human:1.00M\r\nused_memory_rss:9000000\r\n\
        maxmemory:104857600\r\nmaxmemory_human:100.00M\r\nmaxmemory_policy:allkeys-lfu\r\n\r\n\
        # Stats\r\ntotal_connections_received:40\r\nevicted_keys:12\r\nevicted_clients:3\r\n\r\n\
        # Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

    #[test]
    fn reads_what_redis_tells() {
        let node = read("h:6379", REDIS_7);
        assert_eq!((&*node.address, &*node.role), ("h:6379", "master"));
        assert_eq!(node.version.as_deref(), Some("7.0.15"));
        assert_eq!(node.used_memory_bytes, Some(1 << 20));
        assert_eq!(node.max_memory_bytes, Some(100 << 20));
        assert_eq!(node.eviction_policy.as_deref(), Some("allkeys-lfu"));
        assert_eq!(node.connected_clients, Some(17));
        assert_eq!(node.evicted_keys, Some(12));
        assert_eq!(node.uptime, Some(Duration::from_secs(93_784)));
    }

    #[test]
    fn valkey_tells_its_own_version_and_a_replica_its_role() {
        let info = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n\
                    maxmemory:0\r\nrole:slave\r\n";
        let node = read("h:6379", info);
        assert_eq!(node.version.as_deref(), Some("8.1.0"));
        assert_eq!(node.max_memory_bytes, None, "0 stands for no limit");
        assert_eq!(node.role, "replica");
    }

    #[test]
    fn what_is_not_told_is_not_guessed() {
        let node = read("h:6379", "used_memory:many\r\nnonsense\r\n:\r\n");
        assert_eq!(node, Node::new("h:6379", "unknown"));
    }
}
