//! The TOML file.

use std::time::Duration;

use larder::{Compression, Config, EarlyRefresh, Encryption, ErrorKind, Format, L1, Ttl};

const FULL: &str = r#"
redis_key_prefix = "shop"
redis_max_retries = 7
cache_ttl_default = 600
cache_ttl_long = "7201"
cache_warming_enabled = false

[[namespaces]]
name = "users"

[[namespaces]]
name = "posts"
description = "What people write"
prefix = "post"
ttl_seconds = 90
grace_seconds = 45
jitter = 0.25
negative_ttl_seconds = 5
compression = false
encryption = true
l1_ttl_seconds = 3
max_value_bytes = 4096
quota_bytes = 1073741824
format = "json"

[[namespaces]]
name = "films"
tags = ["media", "public"]
key_patterns = { film = "film:{id:int}", still = "film:{id:int}:still:{name}" }
soft_timeout_ms = 50
throttle_seconds = 2
early_refresh = { threshold = 0.75 }
max_staleness_ms = 500
outage_ttl_seconds = 60

[[namespaces]]
name = "far"
early_refresh = 2
negative_ttl_seconds = 0
l1 = false
format = "msgpack"
"#;

#[test]
fn settings_and_namespaces() {
    let config = Config::from_toml(FULL).unwrap();
    assert_eq!(config.redis_key_prefix, "shop");
    assert_eq!(config.redis_max_retries, 7);
    assert_eq!(config.ttl_classes.default, Duration::from_secs(600));
    assert_eq!(config.ttl_classes.long, Duration::from_secs(7201));
    assert!(!config.warming_enabled);
    let [users, posts, films, far] = &config.namespaces[..] else {
        panic!("{:?}", config.namespaces);
    };
    assert_eq!(
        *users,
        larder::Namespace::new("users"),
        "what is left out is default"
    );
    assert_eq!(
        (posts.name.as_str(), posts.prefix.as_str()),
        ("posts", "post")
    );
    assert_eq!(posts.description, "What people write");
    assert_eq!(posts.ttl, Ttl::Exact(Duration::from_secs(90)));
    assert_eq!((posts.grace, posts.jitter), (Duration::from_secs(45), 0.25));
    assert_eq!(posts.negative_ttl, Some(Duration::from_secs(5)));
    assert_eq!(posts.compression, Compression::Off);
    assert_eq!(posts.encryption, Encryption::On);
    assert_eq!(posts.l1, L1::Ttl(Duration::from_secs(3)));
    assert_eq!((posts.max_value_bytes, posts.format), (4096, Format::Json));
    assert_eq!((posts.quota_bytes, far.quota_bytes), (Some(1 << 30), None));
    assert_eq!((far.negative_ttl, far.l1), (None, L1::Off));
    assert_eq!(far.format, Format::MessagePack);
    assert_eq!(far.early_refresh, EarlyRefresh::XFetch { beta: 2.0 });
    let expected = larder::Namespace::new("films")
        .tags(["media", "public"])
        .key_pattern("film", "film:{id:int}")
        .key_pattern("still", "film:{id:int}:still:{name}")
        .soft_timeout(Duration::from_millis(50))
        .throttle(Duration::from_secs(2))
        .early_refresh(EarlyRefresh::Threshold(0.75))
        .l1(L1::Coherent {
            max_staleness: Duration::from_millis(500),
            outage_ttl: Duration::from_secs(60),
        });
    assert_eq!(*films, expected);
}

#[cfg(feature = "memory")]
#[tokio::test]
async fn the_builder_takes_it_all() {
    let cache = Config::from_toml(FULL)
        .unwrap()
        .builder()
        .build()
        .await
        .unwrap();
    assert_eq!(cache.build_key("7", "posts").unwrap(), "shop:post:7");
    let posts = cache.namespace("posts").unwrap().typed::<String>();
    posts.set("7", "Hello".to_owned()).await.unwrap();
    assert!(posts.ttl("7").await.unwrap().unwrap().duration() <= Some(Duration::from_secs(90)));
    let analytics = cache.namespace("default").unwrap().typed::<String>();
    analytics.set("7", "x".to_owned()).await.unwrap();
    let ttl = analytics
        .ttl("7")
        .await
        .unwrap()
        .unwrap()
        .duration()
        .unwrap();
    assert!(
        ttl <= Duration::from_secs(600) && ttl > Duration::from_secs(500),
        "{ttl:?}"
    );
}

/// What is wrong is named, with what was found there.
fn refuse(toml: &str, says: &[&str]) {
    let error = Config::from_toml(toml).unwrap_err();
    let wrong = [
        ErrorKind::Config,
        ErrorKind::InvalidTtl,
        ErrorKind::InvalidTag,
    ];
    assert!(wrong.contains(&error.kind()), "{toml}: {error:?}");
    for part in says {
        assert!(
            error.to_string().contains(part),
            "{toml}: {error} lacks {part}"
        );
    }
}

#[test]
fn unknown_settings_are_refused_with_those_that_are_known() {
    refuse(
        "cache_ttl = 5",
        &["\"cache_ttl\"", "cache_ttl_default", "namespaces"],
    );
    refuse(
        "CACHE_TTL_DEFAULT = 5",
        &["CACHE_TTL_DEFAULT", "cache_ttl_default"],
    );
    refuse("[redis]\nurl = 5", &["\"redis\"", "redis_url"]);
    refuse("[[namespaces]]\nname = \"a\"\nttl = 5", &["ttl"]);
    refuse(
        "[[namespaces]]\nname = \"a\"\nTTL_SECONDS = 5",
        &["TTL_SECONDS"],
    );
}

#[test]
fn wrong_types_are_refused() {
    refuse(
        "cache_ttl_default = [5]",
        &["cache_ttl_default", "[5]", "seconds"],
    );
    refuse(
        "cache_ttl_default = 1.5",
        &["cache_ttl_default", "1.5", "seconds"],
    );
    refuse(
        "cache_ttl_default = true",
        &["cache_ttl_default", "true", "seconds"],
    );
    refuse(
        "cache_ttl_default = 1979-05-27",
        &["cache_ttl_default", "1979-05-27"],
    );
    refuse(
        "redis_key_prefix = [\"a\"]",
        &["redis_key_prefix", "[\\\"a\\\"]", "letters"],
    );
    refuse(
        "redis_key_prefix = { a = 1 }",
        &["redis_key_prefix", "letters"],
    );
    refuse(
        "cache_warming_enabled = [true]",
        &["cache_warming_enabled", "true or false"],
    );
    refuse("redis_password = [\"s3cret\"]", &["redis_password", "text"]);
    refuse("redis_url = { a = 1 }", &["redis_url", "text"]);
}

#[test]
fn wrong_namespaces_are_refused() {
    refuse("namespaces = 5", &["namespaces"]);
    refuse("[[namespaces]]\nprefix = \"a\"", &["name"]);
    refuse("[[namespaces]]\nname = \"\"", &["namespace name"]);
    refuse("[[namespaces]]\nname = \"a:b\"", &["namespace name", "a:b"]);
    refuse(
        "[[namespaces]]\nname = \"a\"\nprefix = \"*\"",
        &["namespace prefix", "*"],
    );
    refuse(
        "[[namespaces]]\nname = \"a\"\nttl_seconds = 0",
        &["\"a\"", "millisecond"],
    );
    refuse("[[namespaces]]\nname = \"a\"\nttl_seconds = -1", &["-1"]);
    refuse(
        "[[namespaces]]\nname = \"a\"\nttl_seconds = 9999999999",
        &["\"a\"", "100 years"],
    );
    refuse(
        "[[namespaces]]\nname = \"a\"\nl1_ttl_seconds = 0",
        &["\"a\""],
    );
    refuse(
        "[[namespaces]]\nname = \"a\"\njitter = 1.5",
        &["\"a\"", "jitter", "1.5"],
    );
    refuse("[[namespaces]]\nname = \"a\"\njitter = nan", &["jitter"]);
    refuse(
        "[[namespaces]]\nname = \"a\"\nformat = \"xml\"",
        &["xml", "json"],
    );
    refuse(
        "[[namespaces]]\nname = \"a\"\nmax_value_bytes = 0",
        &["max_value_bytes"],
    );
    for (setting, says) in [
        (
            "key_patterns = { p = \"a:{id\" }",
            &["\"a\"", "pattern: p", "has no `}`"][..],
        ),
        (
            "key_patterns = { p = 5 }",
            &["key_patterns", "expected a string"],
        ),
        ("key_patterns = [\"a\"]", &["key"]),
        ("key_patterns = { \"\" = \"a\" }", &["name is empty"]),
        ("tags = [\"\"]", &["a tag must have", "\"a\""]),
        ("tags = \"a\"", &["sequence"]),
        ("early_refresh = -1", &["early_refresh", "-1"]),
        ("early_refresh = { threshold = 2 }", &["early_refresh", "2"]),
        ("early_refresh = \"soon\"", &["early_refresh is a factor"]),
        ("max_staleness_ms = 1", &["max_staleness", "250 ms"]),
        (
            "max_staleness_ms = 500\nl1 = false",
            &["exclude one another", "\"a\""],
        ),
        (
            "outage_ttl_seconds = 5\nl1_ttl_seconds = 5",
            &["exclude one another"],
        ),
        ("l1_ttl_seconds = 5\nl1 = false", &["exclude one another"]),
    ] {
        refuse(&format!("[[namespaces]]\nname = \"a\"\n{setting}"), says);
    }
}

/// Two namespaces that collide are told before anything is connected to.
#[cfg(feature = "memory")]
#[tokio::test]
async fn colliding_namespaces_are_refused_by_the_builder() {
    for toml in [
        "[[namespaces]]\nname = \"a\"\nprefix = \"x\"\n[[namespaces]]\nname = \"b\"\nprefix = \"x\"",
        "[[namespaces]]\nname = \"a\"\nprefix = \"sess\"",
        "[[namespaces]]\nname = \"a\"\n[[namespaces]]\nname = \"a\"\nttl_seconds = 5",
    ] {
        let builder = Config::from_toml(toml).unwrap().builder();
        let refused = builder.build().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config, "{refused}");
        assert!(refused.to_string().contains("\"a\""), "{refused}");
    }
}

#[test]
fn what_is_no_toml_is_told_by_its_line() {
    refuse("a = 1\nb =\nc = 3", &["not TOML", "line: 2"]);
    refuse("redis_url = \"x", &["not TOML", "line: 1"]);
    refuse(
        "redis_url = \"a\"\nredis_url = \"b\"",
        &["not TOML", "duplicate", "line: 2"],
    );
    refuse("\u{0}", &["not TOML"]);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.toml");
    let error = Config::from_file(&missing).unwrap_err();
    assert!(error.to_string().contains("missing.toml"), "{error}");
    let wrong = directory.path().join("wrong.toml");
    std::fs::write(&wrong, "nonsense = 1").unwrap();
    let error = Config::from_file(&wrong).unwrap_err();
    assert!(error.to_string().contains("wrong.toml"), "{error}");
    std::fs::write(&wrong, b"\xFF\xFE").unwrap();
    let error = Config::from_file(&wrong).unwrap_err();
    assert!(error.to_string().contains("wrong.toml"), "{error}");
}
