//! Redis URLs: where the server is and how to log in to it.

use std::fmt;
use std::path::PathBuf;

use larder_cache_core::{Error, ErrorKind, Result};
use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
};

use crate::config::RedisConfig;
use crate::masked::masked;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// A server and the login there.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// Its `Debug` hides the password.
    pub(crate) login: RedisConnectionInfo,
}

/// Where a server is.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp {
        host: String,
        port: u16,
    },
    #[cfg(feature = "tls")]
    Tls {
        host: String,
        port: u16,
        tls: Tls,
    },
    Unix(PathBuf),
}

impl Endpoint {
    /// Reads a URL, and what the configuration says besides.
    pub(crate) fn of(url: &str, config: &RedisConfig) -> Result<Self> {
        let scheme = Scheme::of(url)?;
        let info = connection_info(url, scheme)?;
        let address = match info.addr().clone() {
            ConnectionAddr::Tcp(host, port) if scheme == Scheme::Tls => {
                tls_address(url, config, host, port)?
            }
            ConnectionAddr::Tcp(host, port) => Address::Tcp { host, port },
            ConnectionAddr::Unix(path) => Address::Unix(path),
            _ => return Err(refuse(url, "this kind of address is not supported")),
        };
        let login = login(url, info.redis_settings(), config)?;
        Ok(Self { address, login })
    }

    /// Another server with the same login and the same encryption; `None` where this one is
    /// behind a socket.
    pub(crate) fn at(&self, host: impl Into<String>, port: u16) -> Option<Self> {
        let host = host.into();
        let address = match &self.address {
            Address::Tcp { .. } => Address::Tcp { host, port },
            #[cfg(feature = "tls")]
            Address::Tls { tls, .. } => Address::Tls {
                host,
                port,
                tls: tls.clone(),
            },
            Address::Unix(_) => return None,
        };
        let login = self.login.clone();
        Some(Self { address, login })
    }
}

impl Address {
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Tcp { host, .. } => host,
            #[cfg(feature = "tls")]
            Self::Tls { host, .. } => host,
            Self::Unix(_) => "",
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        match self {
            Self::Tcp { .. } | Self::Unix(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls { .. } => true,
        }
    }
}

#[cfg(feature = "tls")]
fn tls_address(_: &str, config: &RedisConfig, host: String, port: u16) -> Result<Address> {
    let certificate = config.client_certificate.as_ref();
    let tls = Tls::new(config.ca_file.as_deref(), certificate)?;
    Ok(Address::Tls { host, port, tls })
}

#[cfg(not(feature = "tls"))]
fn tls_address(url: &str, _: &RedisConfig, _: String, _: u16) -> Result<Address> {
    let message = "this program was built without TLS: enable the feature `tls` of \
                   larder-redis-backend, or use redis:// within a trusted network";
    Err(refuse(url, message))
}

impl Endpoint {
    /// The same for the client library, where it makes the connections.
    pub(crate) fn connection_info(&self) -> redis::RedisResult<ConnectionInfo> {
        let address = match &self.address {
            Address::Tcp { host, port } => ConnectionAddr::Tcp(host.clone(), *port),
            Address::Unix(path) => ConnectionAddr::Unix(path.clone()),
            #[cfg(feature = "tls")]
            Address::Tls { host, port, tls } => {
                let address = ConnectionAddr::TcpTls {
                    host: host.clone(),
                    port: *port,
                    insecure: false,
                    tls_params: None,
                };
                let info = address.into_connection_info()?;
                let client = redis::Client::build_with_tls(info, tls.certificates())?;
                client.get_connection_info().addr().clone()
            }
        };
        let info = address.into_connection_info()?;
        Ok(info
            .set_redis_settings(self.login.clone())
            .set_tcp_settings(redis::io::tcp::TcpSettings::default().set_nodelay(true)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = match self {
            Self::Tcp { host, port } => (host, port),
            #[cfg(feature = "tls")]
            Self::Tls { host, port, .. } => (host, port),
            Self::Unix(path) => return write!(f, "{}", path.display()),
        };
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// What the beginning of a URL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Plain,
    Tls,
    Socket,
}

impl Scheme {
    fn of(url: &str) -> Result<Self> {
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            "redis" | "valkey" => Ok(Self::Plain),
            "rediss" | "valkeys" => Ok(Self::Tls),
            "unix" | "redis+unix" | "valkey+unix" => Ok(Self::Socket),
            _ => Err(refuse(
                url,
                "a Redis URL begins with redis://, rediss:// (TLS), redis+unix:// or \
                 redis+sentinel://",
            )),
        }
    }
}

/// Reads the URL as if it were one without TLS, which the client library takes no part in.
fn connection_info(url: &str, scheme: Scheme) -> Result<ConnectionInfo> {
    let without_tls = match scheme {
        Scheme::Tls => url.replacen("s:", ":", 1),
        Scheme::Plain | Scheme::Socket => url.to_owned(),
    };
    let parsed = redis::parse_redis_url(&without_tls).ok_or_else(|| {
        refuse(
            url,
            "a Redis URL is redis://[[user]:password@]host[:port][/database], with special \
             characters percent-encoded: # as %23, / as %2F, @ as %40",
        )
    })?;
    let is_socket = scheme == Scheme::Socket;
    if !is_socket && parsed.host_str().is_none_or(str::is_empty) {
        return Err(refuse(
            url,
            "the host is missing: write redis://host[:port]",
        ));
    }
    if parsed.port() == Some(0) {
        return Err(refuse(url, "port 0 can't be connected to: use 1 to 65535"));
    }
    if parsed.fragment().is_some() || parsed.query().is_some_and(|query| query.contains('@')) {
        return Err(refuse(url, ENCODE));
    }
    check_parameters(url, parsed.query_pairs().map(|(name, _)| name), is_socket)?;
    parsed
        .into_connection_info()
        .map_err(|error| refuse(url, reason(&error)))
}

const ENCODE: &str = "special characters in user and password must be percent-encoded: # as %23, \
                      ? as %3F, / as %2F, @ as %40";

fn check_parameters(
    url: &str,
    names: impl Iterator<Item = impl AsRef<str>>,
    is_socket: bool,
) -> Result<()> {
    for name in names {
        let name = name.as_ref();
        if !is_socket || !["db", "user", "pass"].contains(&name) {
            let allowed = "the URL has a parameter that means nothing here: for a socket there \
                           are db, user and pass, else none";
            return Err(refuse(url, allowed).with("parameter", name));
        }
    }
    Ok(())
}

fn login(
    url: &str,
    found: &RedisConnectionInfo,
    config: &RedisConfig,
) -> Result<RedisConnectionInfo> {
    let password = config.password.as_deref();
    if password == Some("") {
        let message = "the password is empty: leave it out where the server wants none";
        return Err(Error::new(ErrorKind::Config, message));
    }
    if found.db() < 0 {
        return Err(refuse(url, "a database is a number from 0"));
    }
    let mut login = found
        .clone()
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name("larder", env!("CARGO_PKG_VERSION"));
    if let Some(password) = password {
        login = login.set_password(password);
    }
    if login.username().is_some() && login.password().is_none() {
        return Err(refuse(
            url,
            "there is a user but no password; a password alone is written redis://:password@host",
        ));
    }
    Ok(login)
}

fn reason(error: &redis::RedisError) -> &'static str {
    let text = error.to_string();
    if text.contains("database") {
        "the database is not a number from 0"
    } else if text.contains("wildcard") {
        "0.0.0.0 and :: are no addresses to connect to: name a host"
    } else if text.contains("UTF-8") {
        "user and password must be UTF-8, percent-encoded"
    } else if text.contains("path") {
        "the path of the socket is missing: write redis+unix:///path/to/redis.sock"
    } else {
        "the URL can't be used"
    }
}

pub(crate) fn refuse(url: &str, message: &'static str) -> Error {
    Error::new(ErrorKind::Config, message).with("found", masked(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str, password: Option<&str>) -> Result<Endpoint> {
        let mut config = RedisConfig::new(url);
        config.password = password.map(str::to_owned);
        #[cfg(feature = "tls")]
        let config = config.ca_file("tests/certificates/authority.pem");
        Endpoint::of(url, &config)
    }

    fn check(url: &str, expected: Result<&str, &str>) {
        match (parse(url, None), expected) {
            (Ok(endpoint), Ok(address)) => assert_eq!(endpoint.address.to_string(), address),
            (Err(error), Err(message)) => {
                assert_eq!(error.kind(), ErrorKind::Config, "{url}");
                assert!(error.to_string().contains(message), "{url}: {error}");
                assert!(!error.to_string().contains("s3cret"), "{url}: {error}");
                assert!(!format!("{error:?}").contains("s3cret"), "{url}");
            }
            (found, _) => panic!("{url}: {found:?}"),
        }
    }

    #[test]
    fn urls_are_read_or_refused_with_a_reason() {
        for (url, expected) in [
            ("redis://localhost", Ok("localhost:6379")),
            ("redis://localhost:7000/3", Ok("localhost:7000")),
            ("redis://u:s3cret@[::1]:7000", Ok("[::1]:7000")),
            ("valkey://cache", Ok("cache:6379")),
            ("redis+unix:///run/redis.sock?db=2", Ok("/run/redis.sock")),
            ("unix:/run/redis.sock", Ok("/run/redis.sock")),
            ("", Err("begins with redis://")),
            ("localhost:6379", Err("found: localhost:6379")),
            ("http://localhost", Err("begins with redis://")),
            ("redis://", Err("host is missing")),
            ("redis:///0", Err("host is missing")),
            ("redis://:s3cret@", Err("redis://")),
            ("redis://h:0", Err("port 0")),
            ("redis://h:70000", Err("redis://[[user]")),
            ("redis://h:s3cret", Err("found: redis://h:***")),
            ("redis://:s3cret#x@h", Err("percent-encoded")),
            ("redis://u:s3cret@h#frag", Err("%23")),
            ("redis://h/x", Err("database is not a number")),
            ("redis://h/-1", Err("number from 0")),
            ("redis://s3cret@h", Err("user but no password")),
            ("redis://u:12?s3cret@h", Err("percent-encoded")),
            ("redis://h?protocol=resp2", Err("parameter: protocol")),
            ("redis://h?ssl=yes", Err("parameter: ssl")),
            ("redis://h?pass=s3cret", Err("parameter: pass")),
            ("redis://0.0.0.0", Err("0.0.0.0")),
            ("redis+unix:", Err("path of the socket")),
        ] {
            check(url, expected);
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_urls() {
        check("rediss://u:s3cret@h/1", Ok("h:6379"));
        check("valkeys://h:7000", Ok("h:7000"));
        check("rediss://hosts:1", Ok("hosts:1"));
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_urls_are_refused_where_there_is_no_tls() {
        check("rediss://u:s3cret@h/1", Err("feature `tls`"));
    }

    #[test]
    fn the_login_is_decoded_and_the_override_wins() {
        let url = "redis://app:s3%23cret@h/4";
        let login = parse(url, None).unwrap().login;
        assert_eq!(login.username(), Some("app"));
        assert_eq!(login.password(), Some("s3#cret"));
        assert_eq!(login.db(), 4);
        let login = parse(url, Some("other")).unwrap().login;
        assert_eq!(login.password(), Some("other"));
        assert!(parse("redis://app@h", Some("other")).is_ok());
        let shown = format!("{:?}", parse(url, None));
        assert!(!shown.contains("s3"), "{shown}");
    }
}
