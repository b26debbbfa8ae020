//! The Sentinels that a configuration names, and the service that they watch.

use std::collections::HashSet;

use larder_cache_core::Result;
use redis::{ProtocolVersion, RedisConnectionInfo};

use crate::address::{Endpoint, refuse};
use crate::config::RedisConfig;

/// A master with its replicas, watched by Sentinels.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// What the Sentinels call it.
    pub(crate) name: String,
    pub(crate) sentinels: Vec<Endpoint>,
    /// With the login of the servers and the address of nobody.
    pub(crate) server: Endpoint,
}

const PORT: &str = "26379";

impl Service {
    /// Reads `redis+sentinel://[[user]:password@]host[:port][,..]/service[/database]`.
    pub(super) fn of(config: &RedisConfig) -> Result<Self> {
        let url = &config.url;
        let (scheme, rest) = match url.split_once("://") {
            Some(("redis+sentinel" | "valkey+sentinel", rest)) => ("redis", rest),
            Some(("rediss+sentinel" | "valkeys+sentinel", rest)) => ("rediss", rest),
            _ => return Err(refuse(url, SHAPE)),
        };
        let (login, rest) = match rest.rfind('@') {
            Some(at) => rest.split_at(at + 1),
            None => ("", rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(refuse(url, "the name of the service is missing").with("shape", SHAPE));
        }
        if !name
            .chars()
            .all(|c| c.is_alphanumeric() || "._-".contains(c))
        {
            let message = "the name of a service is letters, digits, '.', '-' and '_'";
            return Err(refuse(url, message));
        }
        let mut addresses = HashSet::new();
        let mut sentinels = Vec::new();
        for host in hosts.split(',') {
            let host = with_port(host);
            let at = Endpoint::of(&format!("{scheme}://{login}{host}/{database}"), config)?;
            if !addresses.insert(at.address.to_string()) {
                return Err(refuse(url, "a Sentinel is named twice"));
            }
            sentinels.push(at);
        }
        let server = sentinels[0].clone();
        for sentinel in &mut sentinels {
            sentinel.login = login_at_sentinels(config);
        }
        let name = name.to_owned();
        Ok(Self {
            name,
            sentinels,
            server,
        })
    }
}

const SHAPE: &str =
    "redis+sentinel://[[user]:password@]host[:port][,host[:port]..]/service-name[/database]";

fn with_port(host: &str) -> String {
    let after_address = host.rfind(']').map_or(0, |at| at + 1);
    if host.is_empty() || host[after_address..].contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{PORT}")
    }
}

fn login_at_sentinels(config: &RedisConfig) -> RedisConnectionInfo {
    let login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_skip_set_lib_name();
    match &config.sentinel_login {
        None => login,
        Some(own) if own.user.is_empty() => login.set_password(&own.password),
        Some(own) => login.set_username(&own.user).set_password(&own.password),
    }
}

#[cfg(test)]
mod tests {
    use larder_cache_core::ErrorKind;

    use super::*;

    fn refused(url: &str, expected: &str) {
        let error = RedisConfig::new(url).validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(expected), "{url}: {error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[test]
    fn urls_that_name_no_service_are_refused() {
        refused("redis+sentinel://h:1", "name of the service is missing");
        refused("redis+sentinel://:s3cret@h/", "service-name");
        refused("redis+sentinel:///main", "host is missing");
        refused("redis+sentinel://h:0/main", "port 0");
        refused("redis+sentinel://h:1,h:1/main", "named twice");
        refused("redis+sentinel://h/main/x", "not a number");
        refused("redis+sentinel://h/ma in", "name of a service");
        refused("http+sentinel://h/main", "redis+sentinel://");
        let login = RedisConfig::new("redis://h").sentinel_login("", "s3cret");
        let error = login.validate().unwrap_err();
        assert!(error.to_string().contains("no Sentinel"), "{error}");
    }

    #[test]
    fn each_has_its_own_login() {
        let url = "redis+sentinel://app:s3cret@a,b:7000,[::1]/main-1/3";
        let config = RedisConfig::new(url).sentinel_login("watcher", "other");
        let service = Service::of(&config).unwrap();
        assert_eq!(service.name, "main-1");
        assert_eq!(service.server.login.username(), Some("app"));
        assert_eq!(service.server.login.db(), 3);
        let addresses: Vec<_> = service
            .sentinels
            .iter()
            .map(|s| s.address.to_string())
            .collect();
        assert_eq!(addresses, ["a:26379", "b:7000", "[::1]:26379"]);
        for sentinel in &service.sentinels {
            assert_eq!(sentinel.login.username(), Some("watcher"));
            assert_eq!(sentinel.login.password(), Some("other"));
            assert_eq!(sentinel.login.db(), 0);
        }
        let shown = format!("{service:?} {config:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("other"),
            "{shown}"
        );
    }
}
