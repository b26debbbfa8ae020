//! What one Sentinel says of the service.

use std::collections::HashMap;

use larder_cache_core::{Error, ErrorKind, Result};
use redis::Value;

use super::talk::Talk;
use crate::error::unexpected_reply;

/// Host and port of a server.
pub(super) type Place = (String, u16);

/// What one Sentinel says of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Grows with every failover: the greater, the newer.
    pub(super) epoch: u64,
    pub(super) master: Place,
    /// Those that it can reach.
    pub(super) replicas: Vec<Place>,
}

/// Asks a Sentinel about a service.
pub(super) async fn ask(talk: &Talk, service: &str) -> Result<Report> {
    let about = |what: &str| {
        let mut question = redis::cmd("SENTINEL");
        question.arg(what).arg(service);
        question
    };
    let master = talk.ask(&about("MASTER")).await.map_err(explained)?;
    let master = facts(master)?;
    let epoch = master
        .get("config-epoch")
        .and_then(|epoch| epoch.parse().ok());
    let replicas = talk.ask(&about("REPLICAS")).await?;
    Ok(Report {
        epoch: epoch.unwrap_or(0),
        master: place(&master).ok_or_else(|| unexpected_reply("the address of a master"))?,
        replicas: usable(replicas)?,
    })
}

fn usable(replicas: Value) -> Result<Vec<Place>> {
    let Value::Array(replicas) = replicas else {
        return Err(unexpected_reply("a list of replicas"));
    };
    let mut places = Vec::with_capacity(replicas.len());
    for replica in replicas {
        let replica = facts(replica)?;
        let flags = replica.get("flags").map_or("", String::as_str);
        let is_down = flags
            .split(',')
            .any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"));
        if let (Some(place), false) = (place(&replica), is_down) {
            places.push(place);
        }
    }
    Ok(places)
}

fn facts(answer: Value) -> Result<HashMap<String, String>> {
    redis::from_redis_value(answer).map_err(|_| unexpected_reply("facts about a server"))
}

fn place(facts: &HashMap<String, String>) -> Option<Place> {
    let port = facts.get("port")?.parse().ok()?;
    Some((facts.get("ip")?.clone(), port))
}

fn explained(error: Error) -> Error {
    let text = error.to_string();
    let message = if text.contains("No such master") {
        "the Sentinel watches no service of this name: check the name in the URL, which is the one \
         of `sentinel monitor`"
    } else if text.contains("unknown command") {
        "the server is no Sentinel: name Sentinels (port 26379 by default), or write redis:// for \
         a single server"
    } else {
        return error;
    };
    Error::new(ErrorKind::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(resp: &str) -> Value {
        redis::parse_redis_value(resp.replace(' ', "\r\n").as_bytes()).unwrap()
    }

    #[test]
    fn replicas_that_are_down_are_left_out() {
        let one = |port: &str, flags: &str| {
            let length = flags.len();
            format!("%3 $2 ip $1 h $4 port $4 {port} $5 flags ${length} {flags} ")
        };
        let all = [
            one("7000", "slave"),
            one("7001", "s_down,slave"),
            one("7002", "slave,disconnected"),
        ];
        let found = usable(parsed(&format!("*3 {}", all.concat()))).unwrap();
        assert_eq!(found, [("h".to_owned(), 7000)]);
    }

    #[test]
    fn refusals_say_what_to_do() {
        let refused = |text: &'static str| explained(Error::new(ErrorKind::Server, text));
        let error = refused("ERR No such master with that name");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("sentinel monitor"), "{error}");
        let error = refused("ERR unknown command 'SENTINEL'");
        assert!(error.to_string().contains("no Sentinel"), "{error}");
        assert_eq!(refused("ERR other").kind(), ErrorKind::Server);
    }
}
