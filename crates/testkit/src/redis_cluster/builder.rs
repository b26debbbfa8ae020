use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::RedisCluster;
use super::layout::{Layout, Place};
use super::readiness::wait_until_ready;
use crate::fault_proxy::FaultProxy;
use crate::redis_node::Node;
use crate::redis_server::binary;
use crate::redis_server::directory::Directory;
use crate::redis_server::port;
use crate::{RedisServer, RedisServerBuilder, RedisServerError};

const MASTERS: usize = 3;
const TRIES: usize = 10;

/// What a [`RedisCluster`] is made of.
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
/// use larder_testkit::RedisCluster;
///
/// # fn main() -> Result<(), larder_testkit::RedisServerError> {
/// let cluster = RedisCluster::builder()
///     .node_timeout(Duration::from_secs(1))
///     .proxied()
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisClusterBuilder {
    args: Vec<OsString>,
    binary: Option<PathBuf>,
    node_timeout: Duration,
    password: Option<String>,
    replicas_per_master: usize,
    is_proxied: bool,
}

impl Default for RedisClusterBuilder {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            binary: None,
            node_timeout: Duration::from_secs(2),
            password: None,
            replicas_per_master: 1,
            is_proxied: false,
        }
    }
}

impl RedisClusterBuilder {
    /// One more argument for every node; it comes after the defaults and so overrides them. For a
    /// password there is [`password`](Self::password).
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The `redis-server`, 7.0 or later, to start. Default: what [`RedisServer::find_binary`]
    /// finds.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// How long a node may be silent before others take it for failed, in whole milliseconds.
    /// Default: 2 seconds.
    pub fn node_timeout(mut self, timeout: Duration) -> Self {
        self.node_timeout = timeout;
        self
    }

    /// The password of every node. Default: none.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// How many replicas each master has: none or one. Default: 1.
    ///
    /// # Panics
    ///
    /// When there are more.
    pub fn replicas_per_master(mut self, replicas: usize) -> Self {
        assert!(replicas <= 1, "none or one replica per master: {replicas}");
        self.replicas_per_master = replicas;
        self
    }

    /// A [`FaultProxy`] before every node, whose address the node announces: clients go through
    /// it wherever a redirection sends them. The cluster bus stays direct, so that faults of a
    /// proxy cause no failover; replication goes through the master's proxy, as nodes know each
    /// other by one address.
    pub fn proxied(mut self) -> Self {
        self.is_proxied = true;
        self
    }

    /// Starts all nodes and waits until the cluster is whole, which takes 2 to 3 seconds: Redis
    /// waits for 2 before a node that knows its slots joins in.
    ///
    /// # Concurrency
    ///
    /// Blocks the thread. It needs no async runtime, not even with proxies.
    ///
    /// # Errors
    ///
    /// When there is no `redis-server`, a node does not start, or the cluster is not whole within
    /// 20 seconds; the message says what is missing.
    pub fn start(self) -> Result<RedisCluster, RedisServerError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_start() {
                // Somebody took a port that was free just before: all begins anew elsewhere.
                Err(error) if error.is_port_taken() && tries < TRIES => {}
                result => return result,
            }
        }
    }

    fn try_start(&self) -> Result<RedisCluster, RedisServerError> {
        let (layout, proxies) = self.plan()?;
        let servers = thread::scope(|scope| {
            let starts: Vec<_> = (0..layout.nodes.len())
                .map(|node| {
                    scope.spawn({
                        let layout = &layout;
                        move || self.start_node(layout, node)
                    })
                })
                .collect();
            let servers: Result<Vec<_>, _> = starts.into_iter().map(join).collect();
            servers
        })?;
        let nodes: Vec<_> = servers
            .into_iter()
            .zip(proxies)
            .map(|(server, proxy)| Node::new(server, self.password.clone(), proxy))
            .collect();
        wait_until_ready(&nodes, MASTERS)?;
        Ok(RedisCluster {
            nodes,
            password: self.password.clone(),
        })
    }

    fn plan(&self) -> Result<(Layout, Vec<Option<FaultProxy>>), RedisServerError> {
        let count = MASTERS * (1 + self.replicas_per_master);
        let no_port = |error| RedisServerError::io("no ports for a cluster", error);
        let ports = port::free_ports(2 * count).map_err(no_port)?;
        let mut nodes = Vec::new();
        let mut proxies = Vec::new();
        for pair in ports.chunks(2) {
            let (own_port, bus_port) = (pair[0], pair[1]);
            let proxy = self.is_proxied.then(|| FaultProxy::before_port(own_port));
            let proxy = proxy.transpose().map_err(no_port)?;
            nodes.push(Place {
                id: fastrand::u128(..),
                own_port,
                bus_port,
                announced_port: proxy.as_ref().map_or(own_port, FaultProxy::port),
            });
            proxies.push(proxy);
        }
        let layout = Layout {
            masters: MASTERS,
            nodes,
            names_shards: self.version()? >= (7, 2),
        };
        Ok((layout, proxies))
    }

    fn version(&self) -> Result<(u32, u32), RedisServerError> {
        match &self.binary {
            Some(binary) => binary::version(binary),
            None => binary::version(&binary::find()?),
        }
    }

    fn start_node(&self, layout: &Layout, node: usize) -> Result<RedisServer, RedisServerError> {
        let directory = Directory::create()?;
        let file = directory.path().join("nodes.conf");
        fs::write(&file, layout.nodes_conf(node)).map_err(|error| {
            RedisServerError::io(format!("could not write {}", file.display()), error)
        })?;
        let place = layout.nodes[node];
        self.server(place).start_in(directory, place.own_port)
    }

    fn server(&self, place: Place) -> RedisServerBuilder {
        let node_timeout = self.node_timeout.as_millis().to_string();
        let (bus_port, announced) = (place.bus_port.to_string(), place.announced_port.to_string());
        let mut args: Vec<OsString> = [
            ["--cluster-enabled", "yes"],
            ["--cluster-config-file", "nodes.conf"],
            ["--cluster-node-timeout", &node_timeout],
            ["--cluster-port", &bus_port],
            ["--cluster-announce-port", &announced],
            ["--repl-diskless-sync-delay", "0"],
            ["--repl-ping-replica-period", "1"],
            // A node that ends need not wait for replicas that end as well.
            ["--shutdown-timeout", "0"],
        ]
        .as_flattened()
        .iter()
        .map(Into::into)
        .collect();
        if let Some(password) = &self.password {
            let words = ["--requirepass", password, "--masterauth", password];
            args.extend(words.map(Into::into));
        }
        args.extend(self.args.iter().cloned());
        let builder = args
            .into_iter()
            .fold(RedisServer::builder(), RedisServerBuilder::arg);
        match &self.binary {
            Some(binary) => builder.binary(binary),
            None => builder,
        }
    }
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
