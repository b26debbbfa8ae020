//! What one node says of the whole cluster.

use larder_cache_core::{Error, ErrorKind, Result};
use redis::{Pipeline, Value};

use super::slot::SLOTS;
use crate::commands::reply;
use crate::error::unexpected_reply;
use crate::lane::Turn;

/// Host and port, as the nodes of a cluster name each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Who has which slots, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) ranges: Vec<Range>,
    /// Grows with every failover and every slot that moves: the greater, the newer.
    pub(super) epoch: u64,
    /// Whether the node sees a cluster that works. One that is cut off from the others does
    /// not.
    pub(super) is_healthy: bool,
}

/// Slots and the nodes that hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) primary: Place,
    pub(super) replicas: Vec<Place>,
}

/// Asks a node for its view. `host` is where it was found: some nodes don't know their own.
pub(super) async fn ask(turn: &Turn<'_>, host: &str) -> Result<View> {
    let mut questions = Pipeline::with_capacity(2);
    questions.cmd("CLUSTER").arg("SLOTS");
    questions.cmd("CLUSTER").arg("INFO");
    let answers = turn.run(turn.link().ask_all(&questions)).await?;
    let Ok([slots, info]) = <[Result<Value>; 2]>::try_from(answers) else {
        return Err(unexpected_reply("two answers"));
    };
    let ranges = ranges(slots.map_err(no_cluster)?, host)?;
    if ranges.is_empty() {
        let message = "the node knows no slots: it is not part of a cluster yet";
        return Err(Error::new(ErrorKind::Server, message).transient());
    }
    let info: String = match info {
        Ok(info) => redis::from_redis_value(info).map_err(|_| unexpected_reply("text"))?,
        Err(error) if error.kind() == ErrorKind::Auth => String::new(),
        Err(error) => return Err(error),
    };
    Ok(View {
        ranges,
        epoch: field(&info, "cluster_current_epoch")
            .and_then(|epoch| epoch.parse().ok())
            .unwrap_or(0),
        is_healthy: field(&info, "cluster_state").is_none_or(|state| state == "ok"),
    })
}

/// A server outside of a cluster can't be told from one inside but by this answer.
fn no_cluster(error: Error) -> Error {
    if !error.to_string().contains("cluster support disabled") {
        return error;
    }
    let message = "the server is not part of a cluster: name it by a URL, as a single server, or \
                   name nodes of a cluster";
    Error::new(ErrorKind::Config, message)
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim_end)
}

/// Reads the answer to `CLUSTER SLOTS`.
fn ranges(answer: Value, host: &str) -> Result<Vec<Range>> {
    let ranges = reply::parts(answer)?.into_iter();
    ranges.map(|part| range(part, host)).collect()
}

fn range(part: Value, host: &str) -> Result<Range> {
    let mut parts = reply::parts(part)?.into_iter();
    let mut bound = || slot(parts.next().as_ref());
    let (first, last) = (bound()?, bound()?);
    let mut nodes = parts.map(|node| place(node, host));
    let primary = nodes
        .next()
        .ok_or_else(|| unexpected_reply("a node for each range of slots"))??;
    Ok(Range {
        first,
        last,
        primary,
        replicas: nodes.collect::<Result<_>>()?,
    })
}

fn slot(number: Option<&Value>) -> Result<u16> {
    match number {
        Some(Value::Int(slot)) => u16::try_from(*slot).ok().filter(|&slot| slot < SLOTS),
        _ => None,
    }
    .ok_or_else(|| unexpected_reply("a slot"))
}

fn place(node: Value, asked: &str) -> Result<Place> {
    let mut parts = reply::parts(node)?.into_iter();
    let host = match parts.next() {
        Some(Value::Nil) => String::new(),
        Some(host) => redis::from_redis_value(host).map_err(|_| unexpected_reply("a host"))?,
        None => return Err(unexpected_reply("a host")),
    };
    let port = match parts.next() {
        Some(Value::Int(port)) => u16::try_from(port).ok(),
        _ => None,
    };
    let port = port.ok_or_else(|| unexpected_reply("a port"))?;
    Ok(Place::named(&host, port, asked))
}

impl Place {
    /// A node that somebody names; who leaves the host out means the one he was found at.
    pub(super) fn named(host: &str, port: u16, asked: &str) -> Self {
        let host = if host.is_empty() || host == "?" {
            asked.to_owned()
        } else {
            host.to_owned()
        };
        Self { host, port }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(resp: &str) -> Value {
        redis::parse_redis_value(resp.replace(' ', "\r\n").as_bytes()).unwrap()
    }

    fn at(host: &str, port: u16) -> Place {
        Place::named(host, port, "")
    }

    #[test]
    fn slots_with_replicas_and_without_hosts() {
        let answer = parsed(
            "*2 *4 :0 :5460 *4 $2 h1 :7000 $2 id *0 *3 $2 h2 :7001 $2 id \
             *3 :5461 :16383 *3 $-1 :7002 $2 id ",
        );
        let found = ranges(answer, "asked").unwrap();
        let expected = [
            Range {
                first: 0,
                last: 5460,
                primary: at("h1", 7000),
                replicas: vec![at("h2", 7001)],
            },
            Range {
                first: 5461,
                last: 16_383,
                primary: at("asked", 7002),
                replicas: vec![],
            },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn other_answers_are_refused() {
        for wrong in [
            "+OK ",
            "*1 *2 :0 :1 ",
            "*1 *3 :0 :16384 *2 $1 h :1 ",
            "*1 *3 :-1 :1 *2 $1 h :1 ",
            "*1 *3 :0 :1 *2 $1 h :70000 ",
            "*1 *3 :0 :1 *1 $1 h ",
        ] {
            assert!(ranges(parsed(wrong), "h").is_err(), "{wrong}");
        }
    }
}
