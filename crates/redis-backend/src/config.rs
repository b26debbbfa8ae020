//! The settings of the backend.

use std::fmt;
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Result};

use crate::masked::masked;
use crate::plan::Plan;

/// The settings of a [`RedisBackend`](crate::RedisBackend).
///
/// ```
/// use std::time::Duration;
/// use larder_redis_backend::{AtStart, RedisConfig};
///
/// let config = RedisConfig::new("redis://app:s3cret@cache.internal:6379/2")
///     .connect_timeout(Duration::from_millis(500))
///     .at_start(AtStart::Required);
/// config.validate()?;
/// assert_eq!(config.masked_url(), "redis://app:***@cache.internal:6379/2");
/// assert!(!format!("{config:?}").contains("s3cret"));
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisConfig {
    /// Where the server is: `redis://[[user]:password@]host[:port][/database]`, with
    /// `rediss` for TLS (where the feature `tls` is on), or
    /// `redis+unix:///path[?db=..&user=..&pass=..]` for a socket on this host; or who knows
    /// where it is: `redis+sentinel://[[user]:password@]host[:port][,host[:port]..]/service`,
    /// with `/database` behind it, and `rediss+sentinel` for TLS to all of them. Empty where
    /// there are [`cluster_nodes`](RedisConfig::cluster_nodes).
    pub url: String,
    /// Nodes of a cluster, of which one that answers is enough: `host:port`, or a URL with
    /// login and scheme, which then go for all nodes. Default: none, no cluster.
    pub cluster_nodes: Vec<String>,
    /// The password, instead of the one in the URL. Default: the URL's.
    pub password: Option<String>,
    /// User and password at the Sentinels, where they want a login of their own: that of the
    /// URL is for the servers. Default: none.
    pub sentinel_login: Option<SentinelLogin>,
    /// Which servers of a cluster or behind Sentinels are read from. Default:
    /// [`ReadFrom::Primary`].
    pub read_from: ReadFrom,
    /// A file with the certificates of those who may have signed the server's, in PEM.
    /// Default: those that the system trusts.
    #[cfg(feature = "tls")]
    pub ca_file: Option<PathBuf>,
    /// The certificate that this process shows to a server that asks for one (mutual TLS).
    /// Default: none.
    #[cfg(feature = "tls")]
    pub client_certificate: Option<ClientCertificate>,
    /// How long the server may take to let itself be connected to, and to answer a
    /// heartbeat. Default: 500 milliseconds.
    pub connect_timeout: Duration,
    /// How often an idle server is asked for its time, which shows that it is still there
    /// and keeps [`now`](larder_cache_core::Backend::now) exact. Default: 30 seconds.
    pub heartbeat: Duration,
    /// How often connecting is tried again before the start fails or goes on without a
    /// connection, as [`at_start`](RedisConfig::at_start) says. Once started, the backend
    /// tries for ever. Default: 3.
    pub max_retries: u32,
    /// The longest time from one attempt to connect to the next. It begins at a sixteenth
    /// of this and doubles; each is shortened at random, by half at most. Default: 200
    /// milliseconds.
    pub retry_delay: Duration,
    /// After so many calls in a row without an answer (the budget ended, the connection
    /// broke) the circuit breaker of a server opens. Default: 5.
    pub circuit_failures: u32,
    /// For how long an open circuit turns calls away before it lets one through to see
    /// how the server is. A new connection closes it at once. Default: 1 second.
    pub circuit_open_for: Duration,
    /// Values of more bytes than this are stored under a key of their own and go over
    /// connections of their own, so that small ones don't wait for them. Default: 256 KiB.
    pub bulk_from: usize,
    /// The most connections to each server for such values. Calls wait for one, within
    /// their budget. Default: 4.
    pub bulk_connections: usize,
    /// Whether there must be a connection at the start. Default: [`AtStart::MayBeDown`].
    pub at_start: AtStart,
    /// The most keys that one page of a scan asks the server to look at, whatever the
    /// caller wishes: the server does nothing else meanwhile. Default: 1,000.
    pub scan_page_limit: usize,
}

/// Whether a server must be there when the backend starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtStart {
    /// A server that can't be reached is an error.
    Required,
    /// The backend starts without a connection and goes on trying. What waiting doesn't
    /// mend is an error still: a wrong password, a replica, something that is no Redis.
    #[default]
    MayBeDown,
}

/// Which servers are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadFrom {
    /// Those that take the writes.
    #[default]
    Primary,
    /// Their replicas, for `get`, `exists`, `ttl` and `head`; the primary where none of its
    /// replicas can be used.
    ///
    /// A replica follows its primary asynchronously: for milliseconds, or for as long as a
    /// replica lags, a read finds what was there before a write that has been acknowledged,
    /// also before one of the same caller. A lost connection between the two is noticed by
    /// the replica alone, after its `repl-timeout`; where `replica-serve-stale-data` is `no`
    /// it then refuses to answer, and the primary is read from.
    Replica,
}

/// User and password at the Sentinels.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentinelLogin {
    /// The user; empty: the default one.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for SentinelLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentinelLogin")
            .field("user", &self.user)
            .field("password", &"***")
            .finish()
    }
}

/// The certificate of this process.
#[cfg(feature = "tls")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The file with the certificate, and with those between it and the authority, in PEM.
    pub certificate: PathBuf,
    /// The file with its key, in PEM, not encrypted.
    pub key: PathBuf,
}

impl RedisConfig {
    /// The settings for a server, all others being defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            cluster_nodes: Vec::new(),
            password: None,
            sentinel_login: None,
            read_from: ReadFrom::default(),
            #[cfg(feature = "tls")]
            ca_file: None,
            #[cfg(feature = "tls")]
            client_certificate: None,
            connect_timeout: Duration::from_millis(500),
            heartbeat: Duration::from_secs(30),
            max_retries: 3,
            retry_delay: Duration::from_millis(200),
            circuit_failures: 5,
            circuit_open_for: Duration::from_secs(1),
            bulk_from: 256 << 10,
            bulk_connections: 4,
            at_start: AtStart::default(),
            scan_page_limit: 1000,
        }
    }

    /// The settings for a cluster, found through some of its nodes, all other settings being
    /// defaults.
    ///
    /// ```
    /// use larder_redis_backend::RedisConfig;
    ///
    /// let config = RedisConfig::cluster(["redis://app:s3cret@10.0.0.1:7000", "10.0.0.2:7000"]);
    /// config.validate()?;
    /// assert_eq!(config.masked_url(), "redis://app:***@10.0.0.1:7000,10.0.0.2:7000");
    /// # Ok::<(), larder_cache_core::Error>(())
    /// ```
    pub fn cluster<N: Into<String>>(nodes: impl IntoIterator<Item = N>) -> Self {
        Self {
            cluster_nodes: nodes.into_iter().map(Into::into).collect(),
            ..Self::new(String::new())
        }
    }

    /// Sets [`password`](RedisConfig::password).
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets [`sentinel_login`](RedisConfig::sentinel_login); an empty user is the default
    /// one.
    #[must_use]
    pub fn sentinel_login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let (user, password) = (user.into(), password.into());
        self.sentinel_login = Some(SentinelLogin { user, password });
        self
    }

    /// Sets [`read_from`](RedisConfig::read_from).
    #[must_use]
    pub fn read_from(mut self, read_from: ReadFrom) -> Self {
        self.read_from = read_from;
        self
    }

    /// Sets [`client_certificate`](RedisConfig::client_certificate): files with the
    /// certificate, followed by those between it and the authority, and with its key, both
    /// in PEM.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let (certificate, key) = (certificate.into(), key.into());
        self.client_certificate = Some(ClientCertificate { certificate, key });
        self
    }

    /// Sets [`ca_file`](RedisConfig::ca_file).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Sets [`connect_timeout`](RedisConfig::connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`heartbeat`](RedisConfig::heartbeat).
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// Sets [`max_retries`](RedisConfig::max_retries).
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets [`retry_delay`](RedisConfig::retry_delay).
    #[must_use]
    pub fn retry_delay(mut self, longest: Duration) -> Self {
        self.retry_delay = longest;
        self
    }

    /// Sets [`circuit_failures`](RedisConfig::circuit_failures).
    #[must_use]
    pub fn circuit_failures(mut self, failures: u32) -> Self {
        self.circuit_failures = failures;
        self
    }

    /// Sets [`circuit_open_for`](RedisConfig::circuit_open_for).
    #[must_use]
    pub fn circuit_open_for(mut self, duration: Duration) -> Self {
        self.circuit_open_for = duration;
        self
    }

    /// Sets [`bulk_from`](RedisConfig::bulk_from).
    #[must_use]
    pub fn bulk_from(mut self, bytes: usize) -> Self {
        self.bulk_from = bytes;
        self
    }

    /// Sets [`bulk_connections`](RedisConfig::bulk_connections).
    #[must_use]
    pub fn bulk_connections(mut self, connections: usize) -> Self {
        self.bulk_connections = connections;
        self
    }

    /// Sets [`at_start`](RedisConfig::at_start).
    #[must_use]
    pub fn at_start(mut self, at_start: AtStart) -> Self {
        self.at_start = at_start;
        self
    }

    /// Sets [`scan_page_limit`](RedisConfig::scan_page_limit).
    #[must_use]
    pub fn scan_page_limit(mut self, keys: usize) -> Self {
        self.scan_page_limit = keys;
        self
    }

    /// The URL, or those of the nodes, as it may be shown: without the password.
    #[must_use]
    pub fn masked_url(&self) -> String {
        if self.cluster_nodes.is_empty() {
            return masked(&self.url);
        }
        let nodes: Vec<_> = self.cluster_nodes.iter().map(|node| masked(node)).collect();
        nodes.join(",")
    }

    /// Refuses settings that can't work. Asks no server.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], saying what was found and what is allowed.
    pub fn validate(&self) -> Result<()> {
        self.plan().map(drop)
    }

    /// The servers and the login there, of settings that can work.
    pub(crate) fn plan(&self) -> Result<Plan> {
        check_duration("connect_timeout", self.connect_timeout)?;
        check_duration("heartbeat", self.heartbeat)?;
        check_duration("retry_delay", self.retry_delay)?;
        check_duration("circuit_open_for", self.circuit_open_for)?;
        if self.bulk_from < SMALLEST_BULK {
            let message = "bulk_from must be at least 16 KiB: a value of its own key costs \
                           two round trips more";
            return Err(Error::new(ErrorKind::Config, message).with("found", self.bulk_from));
        }
        if self.bulk_connections == 0 {
            let message = "bulk_connections must be at least 1";
            return Err(Error::new(ErrorKind::Config, message));
        }
        if self.circuit_failures == 0 {
            let message = "circuit_failures must be at least 1";
            return Err(Error::new(ErrorKind::Config, message));
        }
        if self.scan_page_limit == 0 {
            let message = "scan_page_limit must be at least 1 key";
            return Err(Error::new(ErrorKind::Config, message));
        }
        Plan::of(self)
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedisConfig");
        shown
            .field("url", &self.masked_url())
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("sentinel_login", &self.sentinel_login)
            .field("read_from", &self.read_from);
        #[cfg(feature = "tls")]
        shown
            .field("ca_file", &self.ca_file)
            .field("client_certificate", &self.client_certificate);
        shown
            .field("connect_timeout", &self.connect_timeout)
            .field("heartbeat", &self.heartbeat)
            .field("max_retries", &self.max_retries)
            .field("retry_delay", &self.retry_delay)
            .field("circuit_failures", &self.circuit_failures)
            .field("circuit_open_for", &self.circuit_open_for)
            .field("bulk_from", &self.bulk_from)
            .field("bulk_connections", &self.bulk_connections)
            .field("at_start", &self.at_start)
            .field("scan_page_limit", &self.scan_page_limit)
            .finish()
    }
}

const SMALLEST_BULK: usize = 16 << 10;

fn check_duration(name: &str, found: Duration) -> Result<()> {
    let allowed = Duration::from_millis(1)..=Duration::from_secs(3600);
    if allowed.contains(&found) {
        return Ok(());
    }
    let message = format!("{name} must be 1 millisecond to 1 hour");
    Err(Error::new(ErrorKind::Config, message).with("found", format!("{found:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: &RedisConfig, expected: &str) {
        let error = config.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains(expected),
            "{error} lacks {expected}"
        );
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let config = || RedisConfig::new("redis://localhost");
        let day = Duration::from_secs(86_400);
        check(&config().connect_timeout(Duration::ZERO), "connect_timeout");
        check(&config().heartbeat(day), "heartbeat must be");
        check(&config().heartbeat(day), "found: 86400s");
        check(&config().retry_delay(Duration::ZERO), "retry_delay");
        check(&config().circuit_failures(0), "circuit_failures");
        check(&config().circuit_open_for(day), "circuit_open_for");
        check(
            &config().bulk_from(100),
            "bulk_from must be at least 16 KiB",
        );
        check(&config().bulk_connections(0), "bulk_connections");
        check(&config().scan_page_limit(0), "scan_page_limit");
        check(&config().password(""), "password is empty");
        check(&RedisConfig::new("localhost"), "redis://");
        config().validate().unwrap();
    }

    #[test]
    fn debug_output_has_no_password() {
        let config = RedisConfig::new("redis://u:s3cret@h").password("0verride");
        let shown = format!("{config:?}");
        assert!(shown.contains("redis://u:***@h"), "{shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("0verride"),
            "{shown}"
        );
    }
}
