//! A real cluster that belongs to one test.

mod builder;
mod layout;
mod migration;
mod readiness;
mod slot;
mod view;

pub use builder::RedisClusterBuilder;
pub use migration::MigrationPace;

use crate::fault_proxy::FaultProxy;
use crate::redis_node::Node;
use crate::{DetachedRedisServer, RedisServerError};
use migration::Migration;
use view::OwnView;

/// Three masters and a replica of each, on loopback: nodes 0 to 2 begin as masters, and node
/// `i + 3` as the replica of node `i`. Every node ends as a [`RedisServer`](crate::RedisServer)
/// does, however the test ends.
///
/// # Concurrency
///
/// Shared by reference: one thread may move a slot while another kills a node. The methods that
/// talk to nodes block their thread, for 2 seconds at most for each node that does not answer.
///
/// # Panics
///
/// Every method that takes the number of a node panics when there is no such node.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
    password: Option<String>,
}

impl RedisCluster {
    /// Starts a cluster with the default arguments and waits until it is whole.
    ///
    /// # Errors
    ///
    /// As [`RedisClusterBuilder::start`].
    pub fn start() -> Result<Self, RedisServerError> {
        Self::builder().start()
    }

    /// A cluster with arguments of your own.
    pub fn builder() -> RedisClusterBuilder {
        RedisClusterBuilder::default()
    }

    /// `127.0.0.1:PORT` of every node, in their order: what clients connect to and the nodes
    /// announce, so with proxies those of the proxies.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(Node::address).collect()
    }

    /// The port that clients of a node use: its proxy's, where there is one.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port()
    }

    /// The port of a node itself, past its proxy.
    pub fn direct_port(&self, node: usize) -> u16 {
        self.nodes[node].own_port()
    }

    /// How many nodes it has, running or not.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The proxy before a node.
    ///
    /// # Panics
    ///
    /// When the cluster was not built [`proxied`](RedisClusterBuilder::proxied).
    pub fn proxy(&self, node: usize) -> &FaultProxy {
        match self.nodes[node].proxy() {
            Some(proxy) => proxy,
            None => panic!("there are no proxies: build the cluster with `proxied()`"),
        }
    }

    /// Ends a node at once, as a crash would (SIGKILL).
    pub fn kill(&self, node: usize) {
        self.nodes[node].kill();
    }

    /// Freezes a node (SIGSTOP): its connections stay open and nothing answers.
    ///
    /// # Errors
    ///
    /// When the node is not running.
    pub fn pause(&self, node: usize) -> Result<(), RedisServerError> {
        self.nodes[node].pause()
    }

    /// Lets a paused node go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// When the node is not running.
    pub fn resume(&self, node: usize) -> Result<(), RedisServerError> {
        self.nodes[node].resume()
    }

    /// Kills a node if it still runs and starts it again on its ports. It knows the cluster as it
    /// left it, has lost its keys unless an argument asked for persistence, and waits for 2
    /// seconds before it joins in. This returns as soon as it answers `PING`.
    ///
    /// # Errors
    ///
    /// As [`RedisServer::restart`](crate::RedisServer::restart).
    pub fn restart(&self, node: usize) -> Result<(), RedisServerError> {
        self.nodes[node].restart()
    }

    /// The node that is the master of a slot now: of those that run and say so of themselves, the
    /// one with the latest epoch.
    ///
    /// # Errors
    ///
    /// When none says so, as between the end of a master and the election of its replica. Ask
    /// again.
    pub fn master_of(&self, slot: u16) -> Result<usize, RedisServerError> {
        let views = self.views();
        views
            .iter()
            .filter(|(_, view)| view.owns(slot))
            .max_by_key(|(_, view)| view.epoch)
            .map(|(node, _)| *node)
            .ok_or_else(|| {
                RedisServerError::no_master(format!("slot {slot}"), format!("{views:?}"))
            })
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: &[u8]) -> u16 {
        slot::of(key)
    }

    /// Moves a slot with its keys from one master to another while clients go on, as
    /// `redis-cli --cluster reshard` does, and tells how many keys moved.
    ///
    /// # Concurrency
    ///
    /// Blocks the thread until the slot has moved; a load runs on other threads.
    ///
    /// # Errors
    ///
    /// When a node refuses or does not answer. The slot may then be left on its way.
    pub fn migrate_slot(
        &self,
        slot: u16,
        from: usize,
        to: usize,
        pace: MigrationPace,
    ) -> Result<u64, RedisServerError> {
        let masters: Vec<usize> = self
            .views()
            .into_iter()
            .filter(|(_, view)| view.is_master)
            .map(|(node, _)| node)
            .collect();
        let migration = Migration {
            slot,
            from,
            to,
            pace,
            nodes: &self.nodes,
            password: self.password.as_deref(),
        };
        migration.run(&masters)
    }

    /// What has to be remembered to find the nodes again once the cluster is
    /// [detached](Self::detach): replicas first, the order in which to stop them.
    ///
    /// # Errors
    ///
    /// When a node does not tell its run id: it is not running, or wants a password.
    pub fn remember(&self) -> Result<Vec<DetachedRedisServer>, RedisServerError> {
        self.nodes.iter().rev().map(Node::remember).collect()
    }

    /// Lets the nodes outlive this value and this process; proxies end with it.
    pub fn detach(self) {
        self.nodes.into_iter().for_each(Node::detach);
    }

    /// What those nodes say of themselves that answer.
    fn views(&self) -> Vec<(usize, OwnView)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.is_expected_to_answer())
            .filter_map(|(number, node)| {
                let text = node.ask_text(&["CLUSTER", "NODES"]).ok()?;
                Some((number, OwnView::parse(&text)?))
            })
            .collect()
    }
}
