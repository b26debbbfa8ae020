use super::slot;

/// Who the nodes are before any of them runs: written down for each, so that they need not find
/// and agree on each other first.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) masters: usize,
    pub(super) nodes: Vec<Place>,
    /// Whether a node writes down whose shard it is of, as it does since Redis 7.2. Those that
    /// find none there take all nodes for shards of their own.
    pub(super) names_shards: bool,
}

/// The ports of one node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// 128 random bits: a node that finds another cluster where a lost neighbour was must notice.
    pub(super) id: u128,
    pub(super) own_port: u16,
    pub(super) bus_port: u16,
    /// What the node tells others and clients to connect to.
    pub(super) announced_port: u16,
}

impl Layout {
    /// The master of a replica, none for a master.
    pub(super) fn master_of(&self, node: usize) -> Option<usize> {
        (node >= self.masters).then(|| node % self.masters)
    }

    /// The `nodes.conf` of one node.
    pub(super) fn nodes_conf(&self, of: usize) -> String {
        let lines: String = (0..self.nodes.len())
            .map(|node| self.line(node, node == of))
            .collect();
        let epoch = self.masters;
        format!("{lines}vars currentEpoch {epoch} lastVoteEpoch 0\n")
    }

    fn line(&self, node: usize, is_own: bool) -> String {
        let place = self.nodes[node];
        let id = format!("{:040x}", place.id);
        let myself = if is_own { "myself," } else { "" };
        let (port, bus) = (place.announced_port, place.bus_port);
        let shard = self.shard_of(node);
        let start = format!("{id} 127.0.0.1:{port}@{bus}{shard} {myself}");
        match self.master_of(node) {
            None => {
                let (first, last) = slot::range_of(node, self.masters);
                let epoch = node + 1;
                format!("{start}master - 0 0 {epoch} connected {first}-{last}\n")
            }
            Some(master) => {
                let epoch = master + 1;
                let master = self.nodes[master].id;
                format!("{start}slave {master:040x} 0 0 {epoch} connected\n")
            }
        }
    }

    /// Behind the address and a host name that is empty. The shard is called as its master.
    fn shard_of(&self, node: usize) -> String {
        if !self.names_shards {
            return String::new();
        }
        let master = self.master_of(node).unwrap_or(node);
        format!(",,shard-id={:040x}", self.nodes[master].id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(names_shards: bool) -> Layout {
        let place = |n: u16| Place {
            id: 0xca5e_0000 + u128::from(n),
            own_port: 100 + n,
            bus_port: 200 + n,
            announced_port: 300 + n,
        };
        Layout {
            masters: 2,
            nodes: (0..4).map(place).collect(),
            names_shards,
        }
    }

    #[test]
    fn every_node_knows_all_and_itself() {
        let expected = "\
00000000000000000000000000000000ca5e0000 127.0.0.1:300@200 master - 0 0 1 connected 0-8191
00000000000000000000000000000000ca5e0001 127.0.0.1:301@201 master - 0 0 2 connected 8192-16383
00000000000000000000000000000000ca5e0002 127.0.0.1:302@202 slave \
00000000000000000000000000000000ca5e0000 0 0 1 connected
00000000000000000000000000000000ca5e0003 127.0.0.1:303@203 myself,slave \
00000000000000000000000000000000ca5e0001 0 0 2 connected
vars currentEpoch 2 lastVoteEpoch 0
";
        assert_eq!(layout(false).nodes_conf(3), expected);
    }

    #[test]
    fn a_replica_is_of_the_shard_of_its_master() {
        let text = layout(true).nodes_conf(3);
        let own = text.lines().nth(3).expect("its own line");
        let expected = "\
00000000000000000000000000000000ca5e0003 \
127.0.0.1:303@203,,shard-id=00000000000000000000000000000000ca5e0001 myself,slave \
00000000000000000000000000000000ca5e0001 0 0 2 connected";
        assert_eq!(own, expected);
    }
}
