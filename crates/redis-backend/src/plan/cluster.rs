//! The nodes of a cluster that a configuration names.

use std::collections::HashSet;

use larder_cache_core::{Error, ErrorKind, Result};

use crate::address::{Address, Endpoint, refuse};
use crate::config::RedisConfig;
use crate::masked::masked;

/// The nodes, each with the login of all.
pub(super) fn seeds(config: &RedisConfig) -> Result<Vec<Endpoint>> {
    if !config.url.is_empty() {
        let message = "there is both a URL and a list of cluster nodes: leave one of them out";
        return Err(refuse(&config.url, message));
    }
    let mut addresses = HashSet::new();
    let mut with_login: Option<Endpoint> = None;
    let mut seeds = Vec::with_capacity(config.cluster_nodes.len());
    for node in &config.cluster_nodes {
        let (seed, says_how) = seed(node, config)?;
        if !addresses.insert(seed.address.to_string()) {
            return Err(refuse(node, "a cluster node is named twice"));
        }
        match &with_login {
            Some(first) if says_how && !go_together(first, &seed) => {
                let message = "all nodes of a cluster have one login, and TLS or not: the \
                               URLs of its nodes must not differ in them";
                return Err(refuse(node, message));
            }
            None if says_how => with_login = Some(seed.clone()),
            _ => {}
        }
        seeds.push(seed);
    }
    let Some(first) = with_login else {
        return Ok(seeds);
    };
    let alike = seeds.iter().filter_map(|seed| match &seed.address {
        Address::Tcp { host, port } => first.at(host, *port),
        #[cfg(feature = "tls")]
        Address::Tls { .. } => Some(seed.clone()),
        Address::Unix(_) => None,
    });
    Ok(alike.collect())
}

/// A node, and whether it says how to log in.
fn seed(node: &str, config: &RedisConfig) -> Result<(Endpoint, bool)> {
    let says_how = node.contains("://");
    let url = if says_how {
        node.to_owned()
    } else if is_host_and_port(node) {
        format!("redis://{node}")
    } else {
        return Err(
            Error::new(ErrorKind::Config, "a cluster node is host:port or a URL")
                .with("found", masked(node)),
        );
    };
    let seed = Endpoint::of(&url, config)?;
    if let Address::Unix(_) = seed.address {
        let message = "a cluster can't be behind a socket: name its nodes as host:port";
        return Err(refuse(&url, message));
    }
    if seed.login.db() != 0 {
        return Err(refuse(
            &url,
            "a cluster has database 0 alone: leave the database out",
        ));
    }
    Ok((seed, says_how))
}

fn is_host_and_port(node: &str) -> bool {
    let Some((host, port)) = node.rsplit_once(':') else {
        return false;
    };
    let is_bare = !host.contains(['/', '@', '?', '#']) && !host.is_empty();
    is_bare && port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty()
}

fn go_together(one: &Endpoint, other: &Endpoint) -> bool {
    one.address.is_encrypted() == other.address.is_encrypted()
        && one.login.username() == other.login.username()
        && one.login.password() == other.login.password()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(nodes: &[&str], expected: &str) {
        let error = RedisConfig::cluster(nodes.to_vec()).validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{nodes:?}");
        assert!(error.to_string().contains(expected), "{nodes:?}: {error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[test]
    fn nodes_that_cannot_be_a_cluster_are_refused() {
        refused(&[], "no server is named");
        refused(&["h:0"], "port 0");
        refused(&["h:70000"], "redis://[[user]");
        refused(&["h"], "host:port or a URL");
        refused(&[":7000"], "host:port or a URL");
        refused(&["u:s3cret@h:7000"], "host:port or a URL");
        refused(&["h:7000", "h:7001", "redis://h:7000"], "named twice");
        refused(&["http://h:7000"], "begins with redis://");
        refused(&["redis://:s3cret@h:7000/1"], "database 0");
        refused(&["redis+unix:///run/redis.sock"], "socket");
        refused(
            &["redis://:s3cret@a:1", "redis://:s3cret2@b:1"],
            "one login",
        );
        let mut both = RedisConfig::cluster(["h:1"]);
        both.url = "redis://h".to_owned();
        assert!(both.validate().unwrap_err().to_string().contains("both"));
    }

    #[test]
    fn one_login_goes_for_all() {
        let config = RedisConfig::cluster(["a:1", "redis://app:s3cret@b:2", "[::1]:3"]);
        let seeds = seeds(&config).unwrap();
        let addresses: Vec<_> = seeds.iter().map(|seed| seed.address.to_string()).collect();
        assert_eq!(addresses, ["a:1", "b:2", "[::1]:3"]);
        for seed in &seeds {
            assert_eq!(seed.login.username(), Some("app"));
            assert_eq!(seed.login.password(), Some("s3cret"));
        }
        let config = RedisConfig::cluster(["a:1"]).password("s3cret");
        let seeds = super::seeds(&config).unwrap();
        assert_eq!(seeds[0].login.password(), Some("s3cret"));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_goes_for_all_or_none() {
        let config = RedisConfig::cluster(["a:1", "rediss://b:2"])
            .ca_file("tests/certificates/authority.pem");
        let seeds = seeds(&config).unwrap();
        assert!(seeds.iter().all(|seed| seed.address.is_encrypted()));
        let mixed = RedisConfig::cluster(["redis://a:1", "rediss://b:2"])
            .ca_file("tests/certificates/authority.pem");
        assert!(mixed.validate().unwrap_err().to_string().contains("TLS"));
    }
}
