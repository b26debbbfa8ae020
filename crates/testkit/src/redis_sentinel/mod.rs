//! A real master with replicas and Sentinels that belongs to one test.

mod builder;
mod config;
mod readiness;

pub use builder::RedisSentinelBuilder;

use crate::fault_proxy::FaultProxy;
use crate::redis_node::Node;
use crate::{DetachedRedisServer, RedisServerError};
use config::SERVICE;

/// A master (data node 0), two replicas (1 and 2) and three Sentinels on loopback, which know the
/// master as service `larder`, take it for down after 1 second (two of three must agree) and try
/// a failover for 3. Every server ends as a [`RedisServer`](crate::RedisServer) does, however the
/// test ends.
///
/// # Concurrency
///
/// Shared by reference. The methods that talk to servers block their thread, for 2 seconds at most
/// for each server that does not answer.
///
/// # Panics
///
/// Every method that takes the number of a server panics when there is no such server.
#[derive(Debug)]
pub struct RedisSentinel {
    data_nodes: Vec<Node>,
    sentinels: Vec<Node>,
}

impl RedisSentinel {
    /// Starts a group with the default arguments and waits until it could fail over.
    ///
    /// # Errors
    ///
    /// As [`RedisSentinelBuilder::start`].
    pub fn start() -> Result<Self, RedisServerError> {
        Self::builder().start()
    }

    /// A group with arguments of your own.
    pub fn builder() -> RedisSentinelBuilder {
        RedisSentinelBuilder::default()
    }

    /// `redis+sentinel://127.0.0.1:P1,127.0.0.1:P2,127.0.0.1:P3/larder`, without passwords.
    pub fn url(&self) -> String {
        let addresses = self.sentinel_addresses().join(",");
        format!("redis+sentinel://{addresses}/{SERVICE}")
    }

    /// The name that the Sentinels know the master by.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// `127.0.0.1:PORT` of every Sentinel.
    pub fn sentinel_addresses(&self) -> Vec<String> {
        self.sentinels.iter().map(Node::address).collect()
    }

    /// `127.0.0.1:PORT` of every data node, as the Sentinels name it: with proxies, theirs.
    pub fn node_addresses(&self) -> Vec<String> {
        self.data_nodes.iter().map(Node::address).collect()
    }

    /// The port of a data node itself, past its proxy.
    pub fn direct_port(&self, node: usize) -> u16 {
        self.data_nodes[node].own_port()
    }

    /// The proxy before a data node.
    ///
    /// # Panics
    ///
    /// When the group was not built [`proxied`](RedisSentinelBuilder::proxied).
    pub fn proxy(&self, node: usize) -> &FaultProxy {
        match self.data_nodes[node].proxy() {
            Some(proxy) => proxy,
            None => panic!("there are no proxies: build the group with `proxied()`"),
        }
    }

    /// The data node that a Sentinel names as the master and that says so itself.
    ///
    /// # Errors
    ///
    /// When there is none, as during a failover. Ask again.
    pub fn master(&self) -> Result<usize, RedisServerError> {
        let named: Vec<Option<usize>> =
            self.running_sentinels().map(|s| self.named_by(s)).collect();
        let claims =
            |node: &usize| self.data_nodes[*node].is_expected_to_answer() && self.is_master(*node);
        let found = named.iter().flatten().copied().find(claims);
        found.ok_or_else(|| {
            let answers = format!("the Sentinels name the data nodes {named:?}");
            RedisServerError::no_master(format!("service {SERVICE}"), answers)
        })
    }

    /// Orders a failover, as an operator would while the master is well; it ends some time after
    /// this has returned, when [`master`](Self::master) is another.
    ///
    /// # Errors
    ///
    /// When no Sentinel runs, or the one that is asked refuses (`INPROG`, `NOGOODSLAVE`).
    pub fn failover(&self) -> Result<(), RedisServerError> {
        match self.running_sentinels().next() {
            Some(sentinel) => sentinel.ask(&["SENTINEL", "FAILOVER", SERVICE]).map(drop),
            None => Err(RedisServerError::not_running(self.sentinels[0].own_port())),
        }
    }

    /// Ends a data node at once, as a crash would (SIGKILL).
    pub fn kill(&self, node: usize) {
        self.data_nodes[node].kill();
    }

    /// Freezes a data node (SIGSTOP): its connections stay open and nothing answers.
    ///
    /// # Errors
    ///
    /// When it is not running.
    pub fn pause(&self, node: usize) -> Result<(), RedisServerError> {
        self.data_nodes[node].pause()
    }

    /// Lets a paused data node go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// When it is not running.
    pub fn resume(&self, node: usize) -> Result<(), RedisServerError> {
        self.data_nodes[node].resume()
    }

    /// Kills a data node if it still runs and starts it again on its port, in the role that it
    /// had at the very start; where another is master by now, the Sentinels make a replica of it
    /// within about 10 seconds.
    ///
    /// # Errors
    ///
    /// As [`RedisServer::restart`](crate::RedisServer::restart).
    pub fn restart(&self, node: usize) -> Result<(), RedisServerError> {
        self.data_nodes[node].restart()
    }

    /// As [`kill`](Self::kill), for a Sentinel.
    pub fn kill_sentinel(&self, sentinel: usize) {
        self.sentinels[sentinel].kill();
    }

    /// As [`pause`](Self::pause), for a Sentinel.
    ///
    /// # Errors
    ///
    /// When it is not running.
    pub fn pause_sentinel(&self, sentinel: usize) -> Result<(), RedisServerError> {
        self.sentinels[sentinel].pause()
    }

    /// As [`resume`](Self::resume), for a Sentinel.
    ///
    /// # Errors
    ///
    /// When it is not running.
    pub fn resume_sentinel(&self, sentinel: usize) -> Result<(), RedisServerError> {
        self.sentinels[sentinel].resume()
    }

    /// Kills a Sentinel if it still runs and starts it again on its port, with all it knew.
    ///
    /// # Errors
    ///
    /// As [`RedisServer::restart`](crate::RedisServer::restart).
    pub fn restart_sentinel(&self, sentinel: usize) -> Result<(), RedisServerError> {
        self.sentinels[sentinel].restart()
    }

    /// What has to be remembered to find the servers again once the group is
    /// [detached](Self::detach): the Sentinels first, so that a stop of the others in this order
    /// is no failure to them.
    ///
    /// # Errors
    ///
    /// When a server does not tell its run id: it is not running, or wants a password.
    pub fn remember(&self) -> Result<Vec<DetachedRedisServer>, RedisServerError> {
        let replicas_first = self.data_nodes.iter().rev();
        let all = self.sentinels.iter().chain(replicas_first);
        all.map(Node::remember).collect()
    }

    /// Lets the servers outlive this value and this process; proxies end with it.
    pub fn detach(self) {
        let all = self.sentinels.into_iter().chain(self.data_nodes);
        all.for_each(Node::detach);
    }

    fn running_sentinels(&self) -> impl Iterator<Item = &Node> {
        self.sentinels
            .iter()
            .filter(|sentinel| sentinel.is_expected_to_answer())
    }

    fn named_by(&self, sentinel: &Node) -> Option<usize> {
        let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE];
        let reply = sentinel.ask(&question).ok()?;
        let port: u16 = reply.elements().get(1)?.text()?.parse().ok()?;
        self.data_nodes.iter().position(|node| node.port() == port)
    }

    fn is_master(&self, node: usize) -> bool {
        let role = self.data_nodes[node].ask(&["ROLE"]);
        role.is_ok_and(|role| {
            role.elements().first().and_then(|r| r.text()).as_deref() == Some("master")
        })
    }
}
