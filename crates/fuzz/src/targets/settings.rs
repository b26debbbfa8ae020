//! Configuration, from TOML and from the environment.

use larder::{Config, Error, ErrorKind, Result};

use super::pieces::texts;
use crate::target::{Bounds, Target, always};

pub(super) const TOML: Target = Target {
    name: "config-toml",
    parses: "configuration files; no error shows the password",
    run: toml,
    seeds: toml_seeds,
    missing: always,
    bounds: Bounds::new().peak_bytes(4 << 20),
};

pub(super) const VARIABLES: Target = Target {
    name: "config-variables",
    parses: "environment variables; no error shows the password",
    run: variables,
    seeds: variable_seeds,
    missing: always,
    bounds: Bounds::new(),
};

/// What must never be shown.
pub(super) const SECRET: &str = "s3cretPassw0rd";

/// A password, then the file.
fn toml(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    check(Config::from_toml(&format!(
        "redis_password = \"{SECRET}\"\n{text}"
    )));
    check(Config::from_toml(&text));
}

/// Lines such as `NAME=value`.
fn variables(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let given = text.lines().filter_map(|line| line.split_once('='));
    let given: Vec<(&str, &str)> = given.collect();
    check(Config::from_vars(given.iter().copied()));
    let password = [("REDIS_PASSWORD", SECRET)];
    check(Config::from_vars(given.into_iter().chain(password)));
}

/// What settings are refused with, and namespaces among them.
const REFUSED: [ErrorKind; 3] = [
    ErrorKind::Config,
    ErrorKind::InvalidTtl,
    ErrorKind::InvalidTag,
];

fn check(config: Result<Config>) {
    match config {
        Ok(config) => {
            let shown = format!("{config:?} {:?}", config.builder());
            assert!(!shown.contains(SECRET), "{shown}");
            for namespace in &config.namespaces {
                assert!(namespace.validate().is_ok(), "{namespace:?}");
            }
        }
        Err(error) => {
            assert!(REFUSED.contains(&error.kind()), "{error}");
            assert_hidden(&error);
        }
    }
}

/// Neither the error nor what caused it shows the password.
pub(super) fn assert_hidden(error: &Error) {
    let mut shown = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        shown.push_str(&format!(" {source} {source:?}"));
        cause = source.source();
    }
    assert!(!shown.contains(SECRET), "{shown}");
}

fn toml_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "cache_ttl_default = 600\nredis_url = \"redis://localhost:6379/1\"\n",
        "redis_cluster_nodes = [\"a:1\", \"redis://b:2\"]\nredis_max_retries = 3\n",
        "[[namespaces]]\nname = \"users\"\nprefix = \"u\"\nttl_seconds = 60\njitter = 0.1\n\
         grace_seconds = 5\nnegative_ttl_seconds = 0\ncompression = true\nl1 = false\n\
         l1_ttl_seconds = 3\nmax_value_bytes = 100\nformat = \"json\"\n",
        "[[namespaces]]\nname = \"*\"\njitter = nan\nttl_seconds = 18446744073709551615\n",
        "[[namespaces]]\nname = \"a\"\nttl_seconds = 1844674407370955\ntags = [\"\"]\n",
        "cache_alert_thresholds = { hitRate = 70, responseTime = { warning = 1, critical = 2 } }",
        "cache_alert_thresholds = '{\"hitRate\":1e999}'\n",
        "redis_retry_delay = \"soon\"",
        "redis_password = 7\n",
        "redis_key_prefix = \"a:b\"\n",
        "namespaces = 3\n",
        "a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1",
        "cache_ttl_short = 1979-05-27T07:32:00Z",
    ])
}

fn variable_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "REDIS_URL=redis://u:p@localhost:6379/1\nREDIS_KEY_PREFIX=app\nREDIS_MAX_RETRIES=3",
        "REDIS_CLUSTER_NODES=a:1,b:2,redis://u:p@c:3\nREDIS_PASSWORD= x ",
        "REDIS_URL=redis+sentinel://u:p@a:1,b:2/main/0\nREDIS_RETRY_DELAY=3600001",
        "CACHE_TTL_DEFAULT=0\nCACHE_TTL_SHORT=-1\nCACHE_TTL_LONG=18446744073709551616",
        "CACHE_COMPRESSION_ENABLED=yes\nCACHE_COMPRESSION_THRESHOLD=536870913",
        "CACHE_METRICS_ENABLED=perhaps\nCACHE_HEALTH_CHECK_INTERVAL=1",
        "CACHE_ALERT_THRESHOLDS={\"hitRate\":70,\"errorRate\":{\"warning\":5,\"critical\":15}}",
        "CACHE_ALERT_THRESHOLDS={\"hitRate\":{\"warning\":60,\"critical\":70}}",
    ])
}
