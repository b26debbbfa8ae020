//! Redis URLs: where the server is and how to log in to it.

use std::fmt;
use std::path::PathBuf;

use larder_cache_core::{Error, ErrorKind, Result};
use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
};

/// A server and the login there.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// Its `Debug` hides the password.
    pub(crate) login: RedisConnectionInfo,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Endpoint {
    /// Reads a URL; the password, where given, replaces the URL's.
    pub(crate) fn parse(url: &str, password: Option<&str>) -> Result<Self> {
        check_scheme(url)?;
        let info = connection_info(url)?;
        let address = match info.addr().clone() {
            ConnectionAddr::Tcp(host, port) => Address::Tcp { host, port },
            ConnectionAddr::Unix(path) => Address::Unix(path),
            _ => return Err(refuse(url, "this kind of address is not supported")),
        };
        let login = login(info.redis_settings(), url, password)?;
        Ok(Self { address, login })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A URL as it may be shown: what is, or might be, a password is replaced by `***`, also
/// where the URL is malformed.
pub(crate) fn masked(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let (login, rest) = match rest.rfind('@') {
        Some(at) => rest.split_at(at + 1),
        None => ("", rest),
    };
    let login = match (login.is_empty(), login.split_once(':')) {
        (true, _) => String::new(),
        (false, Some((user, _))) => format!("{user}:***@"),
        (false, None) => "***@".to_owned(),
    };
    format!("{scheme}{login}{}", masked_place(rest))
}

/// Host, port and path, without a query. A port that is no number may be a password whose
/// host was forgotten.
fn masked_place(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host_and_port, path) = rest.split_at(end);
    let after_address = host_and_port.rfind(']').map_or(0, |at| at + 1);
    if let Some(colon) = host_and_port[after_address..].find(':') {
        let (host, port) = host_and_port.split_at(after_address + colon);
        if !port[1..].bytes().all(|b| b.is_ascii_digit()) {
            return format!("{host}:***");
        }
    }
    match path.find(['?', '#']) {
        Some(at) => format!("{host_and_port}{}***", &path[..=at]),
        None => rest.to_owned(),
    }
}

fn check_scheme(url: &str) -> Result<()> {
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "redis" | "valkey" | "redis+unix" | "valkey+unix" | "unix" => Ok(()),
        "rediss" | "valkeys" => Err(refuse(
            url,
            "TLS is not built in: use redis:// within a trusted network",
        )),
        _ => Err(refuse(
            url,
            "a Redis URL begins with redis:// or redis+unix://",
        )),
    }
}

fn connection_info(url: &str) -> Result<ConnectionInfo> {
    let parsed = redis::parse_redis_url(url).ok_or_else(|| {
        refuse(
            url,
            "a Redis URL is redis://[[user]:password@]host[:port][/database]; \
             percent-encode special characters in user and password, such as # as %23",
        )
    })?;
    let is_socket = parsed.scheme().ends_with("unix");
    if !is_socket && parsed.host_str().is_none_or(str::is_empty) {
        return Err(refuse(
            url,
            "the host is missing: write redis://host[:port]",
        ));
    }
    if parsed.port() == Some(0) {
        return Err(refuse(url, "port 0 can't be connected to: use 1 to 65535"));
    }
    if parsed.fragment().is_some() {
        return Err(refuse(
            url,
            "nothing may follow a #; write a # in a password as %23",
        ));
    }
    check_parameters(url, parsed.query_pairs().map(|(name, _)| name), is_socket)?;
    parsed
        .into_connection_info()
        .map_err(|error| refuse(url, reason(&error)))
}

fn check_parameters(
    url: &str,
    names: impl Iterator<Item = impl AsRef<str>>,
    is_socket: bool,
) -> Result<()> {
    for name in names {
        let known = match name.as_ref() {
            "protocol" => true,
            "db" | "user" | "pass" => is_socket,
            _ => false,
        };
        if !known {
            let allowed = "the URL has an unknown parameter; allowed are db, user and pass, \
                           and those for sockets alone";
            return Err(refuse(url, allowed).with("parameter", name.as_ref()));
        }
    }
    Ok(())
}

fn login(
    found: &RedisConnectionInfo,
    url: &str,
    password: Option<&str>,
) -> Result<RedisConnectionInfo> {
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
    } else if text.contains("protocol") {
        "the protocol is chosen by the backend: leave the parameter out"
    } else {
        "the URL can't be used"
    }
}

fn refuse(url: &str, message: &'static str) -> Error {
    Error::new(ErrorKind::Config, message).with("found", masked(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<&str, &str>) {
        match (Endpoint::parse(url, None), expected) {
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
            ("rediss://u:s3cret@h", Err("TLS")),
            ("redis://", Err("host is missing")),
            ("redis:///0", Err("host is missing")),
            ("redis://:s3cret@", Err("redis://")),
            ("redis://h:0", Err("port 0")),
            ("redis://h:70000", Err("redis://[[user]")),
            ("redis://h:s3cret", Err("found: redis://h:***")),
            ("redis://:s3cret#x@h", Err("percent-encode")),
            ("redis://u:s3cret@h#frag", Err("%23")),
            ("redis://h/x", Err("database is not a number")),
            ("redis://h/-1", Err("number from 0")),
            ("redis://s3cret@h", Err("user but no password")),
            ("redis://h?ssl=yes", Err("parameter: ssl")),
            ("redis://h?pass=s3cret", Err("parameter: pass")),
            ("redis://0.0.0.0", Err("0.0.0.0")),
            ("redis+unix:", Err("path of the socket")),
        ] {
            check(url, expected);
        }
    }

    #[test]
    fn the_login_is_decoded_and_the_override_wins() {
        let url = "redis://app:s3%23cret@h/4";
        let login = Endpoint::parse(url, None).unwrap().login;
        assert_eq!(login.username(), Some("app"));
        assert_eq!(login.password(), Some("s3#cret"));
        assert_eq!(login.db(), 4);
        let login = Endpoint::parse(url, Some("other")).unwrap().login;
        assert_eq!(login.password(), Some("other"));
        assert!(Endpoint::parse("redis://app@h", Some("other")).is_ok());
        let shown = format!("{:?}", Endpoint::parse(url, None));
        assert!(!shown.contains("s3"), "{shown}");
    }

    #[test]
    fn masks_whatever_might_be_a_password() {
        for (url, expected) in [
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("redis://u:s3cret@h", "redis://u:***@h"),
            ("redis://:s3cret@h:1", "redis://:***@h:1"),
            ("redis://s3cret@h", "redis://***@h"),
            ("redis://:s3@cret@h", "redis://:***@h"),
            ("redis://:s3/cret@h", "redis://:***@h"),
            ("redis://:s3cret", "redis://:***"),
            ("redis://:s3/cret", "redis://:***"),
            ("redis://:s3#cret", "redis://:***"),
            ("u:s3cret@h", "u:***@h"),
            ("unix:///s?pass=s3cret&db=1", "unix:///s?***"),
            ("redis://h#s3cret", "redis://h#***"),
        ] {
            assert_eq!(masked(url), expected);
        }
    }
}
