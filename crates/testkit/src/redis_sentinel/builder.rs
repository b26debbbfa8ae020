use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use super::RedisSentinel;
use super::config::{Group, SentinelPlace};
use super::readiness::wait_until_ready;
use crate::fault_proxy::FaultProxy;
use crate::redis_node::Node;
use crate::redis_server::directory::Directory;
use crate::redis_server::launch::Role;
use crate::redis_server::port;
use crate::{RedisServer, RedisServerBuilder, RedisServerError};

const DATA_NODES: usize = 3;
const SENTINELS: usize = 3;
const TRIES: usize = 10;

/// What a [`RedisSentinel`] is made of.
///
/// # Example
///
/// ```no_run
/// # fn main() -> Result<(), larder_testkit::RedisServerError> {
/// let group = larder_testkit::RedisSentinel::builder()
///     .arg("--min-replicas-to-write")
///     .arg("1")
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RedisSentinelBuilder {
    args: Vec<OsString>,
    binary: Option<PathBuf>,
    password: Option<String>,
    sentinel_password: Option<String>,
    is_proxied: bool,
}

impl RedisSentinelBuilder {
    /// One more argument for every data node; it comes after the defaults and so overrides them.
    /// For a password there is [`password`](Self::password).
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The `redis-server` to start, for data nodes and Sentinels. Default: what
    /// [`RedisServer::find_binary`] finds.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// The password of the data nodes. Default: none.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The password of the Sentinels themselves. Default: none.
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.sentinel_password = Some(password.into());
        self
    }

    /// A [`FaultProxy`] before every data node, whose address the node announces: clients go
    /// through it to whatever master the Sentinels name, and so do the Sentinels and replication.
    /// A data node whose proxy is cut off is down for the Sentinels, too. The Sentinels themselves
    /// have no proxies.
    pub fn proxied(mut self) -> Self {
        self.is_proxied = true;
        self
    }

    /// Starts all servers and waits until each Sentinel could fail over to either replica, which
    /// takes about a second.
    ///
    /// # Concurrency
    ///
    /// Blocks the thread. It needs no async runtime, not even with proxies.
    ///
    /// # Errors
    ///
    /// When there is no `redis-server`, a server does not start, or the group is not ready within
    /// 20 seconds; the message says what is missing.
    pub fn start(self) -> Result<RedisSentinel, RedisServerError> {
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

    fn try_start(&self) -> Result<RedisSentinel, RedisServerError> {
        let no_port = |error| RedisServerError::io("no ports for a Sentinel group", error);
        let ports = port::free_ports(DATA_NODES + SENTINELS).map_err(no_port)?;
        let (data_ports, sentinel_ports) = ports.split_at(DATA_NODES);
        let proxies: Result<Vec<_>, _> = data_ports.iter().map(|port| self.proxy(*port)).collect();
        let proxies = proxies.map_err(no_port)?;
        let group = self.group(data_ports, &proxies, sentinel_ports);
        let data_nodes: Vec<_> = data_ports
            .iter()
            .zip(proxies)
            .enumerate()
            .map(|(node, (port, proxy))| self.start_data_node(&group, node, *port, proxy))
            .collect::<Result<_, _>>()?;
        let sentinels: Vec<_> = (0..SENTINELS)
            .map(|sentinel| self.start_sentinel(&group, sentinel))
            .collect::<Result<_, _>>()?;
        wait_until_ready(&data_nodes, &sentinels)?;
        Ok(RedisSentinel {
            data_nodes,
            sentinels,
        })
    }

    fn proxy(&self, port: u16) -> std::io::Result<Option<FaultProxy>> {
        let proxy = self.is_proxied.then(|| FaultProxy::before_port(port));
        proxy.transpose()
    }

    fn group(
        &self,
        own_ports: &[u16],
        proxies: &[Option<FaultProxy>],
        sentinel_ports: &[u16],
    ) -> Group {
        let announced = |(own, proxy): (&u16, &Option<FaultProxy>)| {
            proxy.as_ref().map_or(*own, FaultProxy::port)
        };
        let place = |port: &u16| SentinelPlace {
            port: *port,
            id: fastrand::u128(..),
        };
        Group {
            data_ports: own_ports.iter().zip(proxies).map(announced).collect(),
            sentinels: sentinel_ports.iter().map(place).collect(),
            password: self.password.clone(),
            sentinel_password: self.sentinel_password.clone(),
        }
    }

    fn start_data_node(
        &self,
        group: &Group,
        node: usize,
        own_port: u16,
        proxy: Option<FaultProxy>,
    ) -> Result<Node, RedisServerError> {
        let server = self
            .data_node(group, node)
            .start_in(Directory::create()?, own_port)?;
        Ok(Node::new(server, self.password.clone(), proxy))
    }

    fn data_node(&self, group: &Group, node: usize) -> RedisServerBuilder {
        let announced = group.data_ports[node].to_string();
        let mut args = vec![
            ["--replica-announce-ip", "127.0.0.1"],
            ["--replica-announce-port", &announced],
            ["--repl-diskless-sync-delay", "0"],
            ["--repl-ping-replica-period", "1"],
            // A node that ends need not wait for replicas that end as well.
            ["--shutdown-timeout", "0"],
        ];
        let master = format!("127.0.0.1 {}", group.data_ports[0]);
        if node > 0 {
            args.push(["--replicaof", &master]);
        }
        if let Some(password) = &self.password {
            args.push(["--requirepass", password]);
            args.push(["--masterauth", password]);
        }
        let args = args.as_flattened().iter().map(OsString::from);
        args.chain(self.args.iter().cloned())
            .fold(self.server(), RedisServerBuilder::arg)
    }

    fn start_sentinel(&self, group: &Group, sentinel: usize) -> Result<Node, RedisServerError> {
        let directory = Directory::create()?;
        let file = directory.path().join("sentinel.conf");
        let conf = group.sentinel_conf(sentinel, directory.path());
        fs::write(&file, conf).map_err(|error| {
            RedisServerError::io(format!("could not write {}", file.display()), error)
        })?;
        let port = group.sentinels[sentinel].port;
        let server = self
            .server()
            .role(Role::Sentinel)
            .start_in(directory, port)?;
        Ok(Node::new(server, self.sentinel_password.clone(), None))
    }

    fn server(&self) -> RedisServerBuilder {
        match &self.binary {
            Some(binary) => RedisServer::builder().binary(binary),
            None => RedisServer::builder(),
        }
    }
}
