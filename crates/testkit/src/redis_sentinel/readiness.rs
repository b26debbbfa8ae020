use std::thread::sleep;
use std::time::{Duration, Instant};

use super::config::SERVICE;
use crate::RedisServerError;
use crate::redis_node::Node;

const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// Waits until both replicas follow the master and each Sentinel could fail over to either.
pub(super) fn wait_until_ready(
    data_nodes: &[Node],
    sentinels: &[Node],
) -> Result<(), RedisServerError> {
    let started = Instant::now();
    let replicas = data_nodes.len() - 1;
    wait(started, || {
        let info = data_nodes[0].ask_text(&["INFO", "replication"])?;
        let is_ready = info.matches("state=online").count() == replicas;
        Ok((!is_ready).then(|| format!("{replicas} × state=online in {info}")))
    })?;
    sentinels.iter().try_for_each(|sentinel| {
        wait(started, || {
            what_is_missing(sentinel, sentinels.len(), replicas)
        })
    })
}

fn wait(
    started: Instant,
    what_is_missing: impl Fn() -> Result<Option<String>, RedisServerError>,
) -> Result<(), RedisServerError> {
    loop {
        match what_is_missing()? {
            None => return Ok(()),
            Some(missing) if started.elapsed() > LIMIT => {
                return Err(RedisServerError::not_ready(
                    "Sentinel group",
                    LIMIT,
                    missing,
                ));
            }
            Some(_) => sleep(POLL),
        }
    }
}

fn what_is_missing(
    sentinel: &Node,
    sentinels: usize,
    replicas: usize,
) -> Result<Option<String>, RedisServerError> {
    // A quorum that can't be reached is an error reply.
    let quorum = match sentinel.ask_text(&["SENTINEL", "CKQUORUM", SERVICE]) {
        Ok(quorum) => quorum,
        Err(error) => return Ok(Some(error.to_string())),
    };
    if !quorum.starts_with(&format!("OK {sentinels} usable")) {
        return Ok(Some(format!("{sentinels} usable Sentinels, not: {quorum}")));
    }
    let reply = sentinel.ask(&["SENTINEL", "REPLICAS", SERVICE])?;
    let usable = reply
        .elements()
        .iter()
        // The link is taken for broken until the replica has said otherwise.
        .filter(|replica| replica.count("slave") > 0 && replica.count("ok") > 0)
        .count();
    Ok(
        (usable != replicas)
            .then(|| format!("{replicas} usable replicas, not {usable}: {reply:?}")),
    )
}
