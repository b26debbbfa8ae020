use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::RedisServerError;
use crate::redis_node::Node;

const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// Waits until every node takes the cluster for whole, knows all its nodes as online, and every
/// replica follows its master.
pub(super) fn wait_until_ready(nodes: &[Node], masters: usize) -> Result<(), RedisServerError> {
    let started = Instant::now();
    // In this order a node that is ready once is not asked again.
    for (number, node) in nodes.iter().enumerate() {
        loop {
            match what_is_missing(node, nodes.len(), number >= masters)? {
                None => break,
                Some(missing) if started.elapsed() > LIMIT => {
                    return Err(RedisServerError::not_ready("cluster", LIMIT, missing));
                }
                Some(_) => sleep(POLL),
            }
        }
    }
    Ok(())
}

fn what_is_missing(
    node: &Node,
    nodes: usize,
    is_replica: bool,
) -> Result<Option<String>, RedisServerError> {
    let info = node.ask_text(&["CLUSTER", "INFO"])?;
    if !info.contains("cluster_state:ok") {
        return Ok(Some(format!("cluster_state:ok in {info}")));
    }
    let online = node.ask(&["CLUSTER", "SHARDS"])?.count("online");
    if online != nodes {
        return Ok(Some(format!(
            "{nodes} nodes that are online, not {online}, seen by port {}",
            node.own_port()
        )));
    }
    let info = node.ask_text(&["INFO", "replication"])?;
    let follows = !is_replica || info.contains("master_link_status:up");
    Ok((!follows).then(|| format!("master_link_status:up in {info}")))
}
