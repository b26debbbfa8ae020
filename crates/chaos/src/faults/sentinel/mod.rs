//! Faults of a master that Sentinels watch.

pub(crate) mod failover;
pub(crate) mod master;

use std::time::Duration;

use larder_testkit::RedisSentinel;

use crate::Failure;
use crate::plan::Span;
use crate::scenario::{Facts, Topology};
use crate::trial::ConnectionCount;

fn facts(number: u8, name: &'static str, criterion: &'static str, fault: Span) -> Facts {
    Facts {
        topology: Topology::Sentinel,
        fault,
        besides: Duration::from_secs(7),
        ..Facts::standalone(number, name, criterion)
    }
}

/// At the data nodes and at the Sentinels, which are asked and listened to as well.
fn connections(group: &RedisSentinel) -> Result<ConnectionCount, Failure> {
    let mut ports: Vec<u16> = (0..group.node_addresses().len())
        .map(|node| group.direct_port(node))
        .collect();
    for address in group.sentinel_addresses() {
        let port = address.rsplit(':').next().unwrap_or_default();
        ports.push(port.parse()?);
    }
    Ok(ConnectionCount::Nodes(ports))
}
