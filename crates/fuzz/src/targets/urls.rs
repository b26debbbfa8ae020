//! URLs of Redis servers.

use larder_cache_core::ErrorKind;
use larder_redis_backend::RedisConfig;

use super::pieces::{Pieces, texts};
use super::settings::{SECRET, assert_hidden};
use crate::target::{Bounds, Target, always};

pub(super) const URLS: Target = Target {
    name: "redis-urls",
    parses: "URLs of servers, clusters and Sentinels",
    run: urls,
    seeds: url_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const PASSWORDS: Target = Target {
    name: "redis-passwords",
    parses: "URLs with a password; nothing shows it",
    run: passwords,
    seeds: password_seeds,
    missing: always,
    bounds: Bounds::new(),
};

fn urls(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    check(&RedisConfig::new(&*text));
    check(&RedisConfig::new(&*text).password("other"));
    check(&RedisConfig::cluster(text.split(',')));
}

fn check(config: &RedisConfig) {
    let _shown = config.masked_url();
    if let Err(error) = config.validate() {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
}

/// Scheme, user, what else is in the password, and the rest of the URL, with line breaks
/// between.
fn passwords(input: &[u8]) {
    let mut pieces = Pieces(input);
    let [scheme, user, more, rest] = [(); 4].map(|()| pieces.text_until(b'\n'));
    let url = format!("{scheme}://{user}:{SECRET}{more}@{rest}");
    hides(&RedisConfig::new(&*url));
    hides(&RedisConfig::cluster([&*url, "h:6379"]));
    hides(&RedisConfig::new(format!("{scheme}://{rest}")).password(SECRET));
}

fn hides(config: &RedisConfig) {
    let shown = format!("{} {config:?}", config.masked_url());
    assert!(!shown.contains(SECRET), "{shown}");
    if let Err(error) = config.validate() {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert_hidden(&error);
    }
}

fn url_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "redis://localhost",
        "redis://u:p@[::1]:7000/3",
        "rediss://u:p@h/1",
        "valkeys://h:7000",
        "redis+unix:///run/redis.sock?db=2&user=u&pass=p",
        "unix:/run/redis.sock",
        "redis+sentinel://u:p@a:1,b:2/main/0",
        "redis+sentinel://[::1]:1,b/main",
        "redis://h:0",
        "redis://h:70000",
        "redis://:p#x@h",
        "redis://h/-1",
        "redis://h?protocol=resp2",
        "a:1,b:2,[::1]:3",
        "redis://%FF:%00@h",
        "redis://h/9223372036854775808",
    ])
}

fn password_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "redis\nu\n\nlocalhost:6379/1",
        "rediss\n\n\nh",
        "redis+sentinel\nu\n\na:1,b:2/main/0",
        "redis+sentinel\nu\n,x:1\na:1,b:2/main/0",
        "redis\nu\n/\nh",
        "redis\nu\n#\nh",
        "redis\nu\n?\nh:port",
        "http\nu:v\n@\nh@h",
        "\n\n\n",
        "redis\nu\n%zz\nh#f?q",
        "unix\nu\n\n/s?pass=x",
    ])
}
