//! Every variable with values that are taken and values that are refused.

use std::fmt::Debug;
use std::time::Duration;

use larder::Config;
use larder::config::Threshold;

/// A variable and the file's setting of the same name are read alike.
#[expect(clippy::needless_pass_by_value, reason = "so that tables read well")]
fn check<T: PartialEq + Debug>(name: &str, text: &str, of: impl Fn(&Config) -> T, expected: T) {
    let read = |config: larder::Result<Config>| match config {
        Ok(config) => of(&config),
        Err(error) => panic!("{name}={text:?}: {error}"),
    };
    assert_eq!(
        read(Config::from_vars([(name, text)])),
        expected,
        "{name}={text:?}"
    );
    let file = format!("{} = {text:?}", name.to_lowercase());
    assert_eq!(read(Config::from_toml(&file)), expected, "{file}");
}

/// The message names the variable, what was read, and what is allowed.
fn refuse(name: &str, texts: &[&str], allowed: &str) {
    for text in texts {
        let error = Config::from_vars([(name, *text)]).unwrap_err().to_string();
        for part in [name, text, allowed] {
            assert!(
                error.contains(part),
                "{name}={text:?}: {error:?} lacks {part:?}"
            );
        }
        let file = format!("{} = {text:?}", name.to_lowercase());
        let error = Config::from_toml(&file).unwrap_err().to_string();
        for part in [&name.to_lowercase(), *text, allowed] {
            assert!(error.contains(part), "{file}: {error:?} lacks {part:?}");
        }
    }
}

#[test]
fn nothing_set_is_all_defaults() {
    let none: [(&str, &str); 0] = [];
    let config = Config::from_vars(none).unwrap();
    let has_codec = cfg!(feature = "compression");
    assert_eq!(config.redis_url, None);
    assert!(config.redis_cluster_nodes.is_empty());
    assert_eq!(config.redis_password, None);
    assert_eq!(config.redis_key_prefix, "app");
    assert_eq!(
        (config.redis_max_retries, config.redis_retry_delay),
        (3, Duration::from_millis(200))
    );
    assert_eq!(config.ttl_classes, larder::TtlClasses::default());
    assert_eq!(config.l1_bytes, 64 << 20);
    assert_eq!(
        (
            config.compression_enabled,
            config.compression_threshold_bytes
        ),
        (has_codec, 1024)
    );
    assert!(config.warming_enabled && config.metrics_enabled);
    assert_eq!(config.health_check_interval, Duration::from_secs(30));
    assert_eq!(
        config.alert_thresholds,
        larder::config::AlertThresholds::default()
    );
    assert!(config.namespaces.is_empty());
    assert_eq!(Config::from_toml("").unwrap(), config);
    let blank = Config::from_vars([("REDIS_URL", ""), ("CACHE_TTL_SHORT", "  ")]);
    assert_eq!(blank.unwrap(), config, "empty is not set");
    let strangers = Config::from_vars([("PATH", "/bin"), ("redis_url", "lower case")]);
    assert_eq!(
        strangers.unwrap(),
        config,
        "the environment is full of others"
    );
}

#[test]
fn durations() {
    let classes = |config: &Config| config.ttl_classes;
    let seconds = |name: &str, of: fn(&Config) -> Duration| {
        check(name, "1", of, Duration::from_secs(1));
        check(name, " 600 ", of, Duration::from_secs(600));
        check(name, "3153600000", of, Duration::from_secs(3_153_600_000));
        let bad = [
            "0",
            "-1",
            "1.5",
            "1h",
            "soon",
            "3153600001",
            "99999999999999999999",
            "1e3",
        ];
        refuse(name, &bad, "seconds from 1 to 3153600000");
    };
    seconds("CACHE_TTL_DEFAULT", |c| c.ttl_classes.default);
    seconds("CACHE_TTL_SHORT", |c| c.ttl_classes.short);
    seconds("CACHE_TTL_MEDIUM", |c| c.ttl_classes.medium);
    seconds("CACHE_TTL_LONG", |c| c.ttl_classes.long);
    let short_alone = larder::TtlClasses {
        short: Duration::from_secs(5),
        ..larder::TtlClasses::default()
    };
    check("CACHE_TTL_SHORT", "5", classes, short_alone);
    let millis = |name: &str, of: fn(&Config) -> Duration| {
        check(name, "1", of, Duration::from_millis(1));
        check(name, "3600000", of, Duration::from_secs(3600));
        refuse(
            name,
            &["0", "-5", "3600001", "1s", "x"],
            "milliseconds from 1 to 3600000",
        );
    };
    millis("REDIS_RETRY_DELAY", |c| c.redis_retry_delay);
    millis("CACHE_HEALTH_CHECK_INTERVAL", |c| c.health_check_interval);
}

#[test]
fn numbers() {
    let retries = |config: &Config| config.redis_max_retries;
    check("REDIS_MAX_RETRIES", "0", retries, 0);
    check("REDIS_MAX_RETRIES", "1000", retries, 1000);
    refuse(
        "REDIS_MAX_RETRIES",
        &["-1", "1001", "many"],
        "attempts from 0 to 1000",
    );
    let l1_bytes = |config: &Config| config.l1_bytes;
    check("CACHE_L1_BYTES", "0", l1_bytes, 0);
    check("CACHE_L1_BYTES", "1099511627776", l1_bytes, 1 << 40);
    let bad = ["-1", "1099511627777", "64 MiB"];
    refuse("CACHE_L1_BYTES", &bad, "bytes from 0 to 1099511627776");
    let threshold = |config: &Config| config.compression_threshold_bytes;
    check("CACHE_COMPRESSION_THRESHOLD", "0", threshold, 0);
    check(
        "CACHE_COMPRESSION_THRESHOLD",
        "536870912",
        threshold,
        512 << 20,
    );
    let bad = ["-1", "536870913", "1 KiB"];
    refuse(
        "CACHE_COMPRESSION_THRESHOLD",
        &bad,
        "bytes from 0 to 536870912",
    );
}

#[test]
fn compression() {
    use larder::{Algorithm, Compression};

    let (name, of) = ("CACHE_COMPRESSION_ALGORITHM", |c: &Config| {
        c.compression_algorithm
    });
    for (text, expected) in [
        ("auto", Compression::Auto),
        ("Trained", Compression::Trained),
        ("off", Compression::Off),
        ("zstd:3", Compression::With(Algorithm::Zstd(3))),
        ("lz4", Compression::With(Algorithm::Lz4)),
    ] {
        check(name, text, of, expected);
    }
    refuse(name, &["zip", "zstd:99", "on"], "zstd:3");
    let file = "[[namespaces]]\nname = \"a\"\ncompression = \"brotli:4\"\n";
    let config = Config::from_toml(file).unwrap();
    let expected = Compression::With(Algorithm::Brotli(4));
    assert_eq!(config.namespaces[0].compression, expected);
    let wrong = file.replace("brotli:4", "brotli:40");
    let error = Config::from_toml(&wrong).unwrap_err().to_string();
    assert!(
        error.contains("brotli:40") && error.contains("\"a\""),
        "{error}"
    );
}

#[cfg(feature = "encryption")]
#[test]
fn encryption_keys() {
    let good = format!("2:{},1:{}", "AQ".repeat(21) + "A=", "Ag".repeat(21) + "A=");
    let name = "CACHE_ENCRYPTION_KEYS";
    let ids = |config: &Config| {
        let ring = config.key_ring().unwrap();
        ring.map(|ring| (ring.current_key(), ring.key_ids()))
    };
    check(name, &good, ids, Some((2, vec![1, 2])));
    check(name, "", ids, None);
    for bad in ["secret", "1:secret", "0:AQ==", "1:AQ==", "x:AQ=="] {
        for config in [
            Config::from_vars([(name, bad)]),
            Config::from_toml(&format!("cache_encryption_keys = {bad:?}")),
        ] {
            let error = config.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.to_uppercase().contains(name), "{shown}");
            assert!(
                !shown.contains("secret") && !shown.contains("AQ=="),
                "{shown}"
            );
        }
    }
    let both = [(name, &*good), ("CACHE_ENCRYPTION_KEY_FILE", "/keys")];
    let error = Config::from_vars(both).unwrap_err().to_string();
    assert!(error.contains("both"), "{error}");
    let none = [("CACHE_ENCRYPTION_KEY_FILE", "/there/is/none")];
    let error = Config::from_vars(none).unwrap_err().to_string();
    assert!(error.contains("CACHE_ENCRYPTION_KEY_FILE") && error.contains("/there/is/none"));
}

#[cfg(not(feature = "encryption"))]
#[test]
fn keys_without_encryption_are_refused() {
    for name in ["CACHE_ENCRYPTION_KEYS", "CACHE_ENCRYPTION_KEY_FILE"] {
        let error = Config::from_vars([(name, "1:x")]).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("feature `encryption`"),
            "{error}"
        );
    }
}

#[test]
fn switches() {
    let switch = |name: &str, of: fn(&Config) -> bool| {
        for on in ["true", "TRUE", "1", "yes", "on", " true "] {
            check(name, on, of, true);
        }
        for off in ["false", "False", "0", "no", "off"] {
            check(name, off, of, false);
        }
        refuse(name, &["2", "maybe", "truefalse"], "true or false");
    };
    switch("CACHE_WARMING_ENABLED", |c| c.warming_enabled);
    switch("CACHE_METRICS_ENABLED", |c| c.metrics_enabled);
    let name = "CACHE_COMPRESSION_ENABLED";
    check(name, "false", |c| c.compression_enabled, false);
    refuse(name, &["maybe"], "true or false");
    let on = Config::from_vars([(name, "true")]);
    if cfg!(feature = "compression") {
        assert!(on.unwrap().compression_enabled);
    } else {
        let error = on.unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("feature `compression`"),
            "{error}"
        );
    }
}

#[test]
fn key_prefixes() {
    let prefix = |config: &Config| config.redis_key_prefix.clone();
    check(
        "REDIS_KEY_PREFIX",
        "shop-2_a.b",
        prefix,
        "shop-2_a.b".to_owned(),
    );
    check("REDIS_KEY_PREFIX", " shop ", prefix, "shop".to_owned());
    let long = "x".repeat(65);
    let bad = ["a:b", "a b", "*", "{x}", "ключ", long.as_str()];
    refuse("REDIS_KEY_PREFIX", &bad, "1 to 64 letters, digits");
}

#[cfg(feature = "redis")]
#[test]
fn urls() {
    let url = |config: &Config| config.redis_url.as_ref().map(|url| url.reveal().to_owned());
    for good in [
        "redis://localhost",
        "redis://:secret@cache.internal:7000/3",
        "redis://user:p%40ss@[::1]:6379",
        "valkey://cache",
        "redis+unix:///run/redis.sock",
    ] {
        check("REDIS_URL", good, url, Some(good.to_owned()));
    }
    check(
        "REDIS_URL",
        " redis://localhost\n",
        url,
        Some("redis://localhost".to_owned()),
    );
    for (bad, says) in [
        ("localhost:6379", "begins with redis://"),
        ("http://localhost", "begins with redis://"),
        ("redis://", "host is missing"),
        ("redis://localhost:0", "port 0"),
        ("redis://localhost:99999", "redis://[[user]"),
        ("redis://localhost/x", "database"),
    ] {
        refuse("REDIS_URL", &[bad], says);
    }
}

#[test]
fn cluster_nodes() {
    let name = "REDIS_CLUSTER_NODES";
    let bad = [
        "localhost",
        "a:1,b",
        "a:0",
        "a:70000",
        ":6379",
        "a:1;b:2",
        ",",
    ];
    refuse(name, &bad, "separated by commas");
    for (nodes, says) in [
        ("redis://a:1/3", "database 0"),
        ("a:1,redis://a:1", "named twice"),
        ("http://a:1", "redis://"),
        ("redis+unix:///run/redis.sock", "socket"),
        ("redis://:x@a:1,redis://:y@b:1", "one login"),
    ] {
        let error = Config::from_vars([(name, nodes)]).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(name), "{error}");
    }
    for nodes in ["a:6379", "a:6379, b:6380", "[::1]:6379"] {
        let url = ("REDIS_URL", "redis://other");
        let config = Config::from_vars([(name, nodes), url]).unwrap();
        let found = config.redis_config().unwrap();
        let expected: Vec<_> = nodes.split(',').map(str::trim).collect();
        assert_eq!(found.cluster_nodes, expected, "goes before REDIS_URL");
    }
    let list = Config::from_toml("redis_cluster_nodes = [\"a:1\", \"b\"]").unwrap_err();
    assert!(list.to_string().contains("a:1,b"), "{list}");
    let list = "redis_cluster_nodes = [\"a:1\", \"redis://u:s3cret@b:2\"]";
    let config = Config::from_toml(list).unwrap();
    assert_eq!(config.redis_cluster_nodes.len(), 2);
}

#[test]
fn sentinels() {
    let url = |url| Config::from_vars([("REDIS_URL", url)]);
    let config = url("redis+sentinel://:s3cret@a:26379,b/main/1").unwrap();
    let shown = config.redis_config().unwrap().masked_url();
    assert_eq!(
        shown,
        "redis+sentinel://***@a:26379,b/main/1".replace("***", ":***")
    );
    let error = url("redis+sentinel://a:26379").unwrap_err().to_string();
    assert!(
        error.contains("service") && error.contains("REDIS_URL"),
        "{error}"
    );
}

#[test]
fn alert_thresholds() {
    let name = "CACHE_ALERT_THRESHOLDS";
    let hit_rate = |config: &Config| config.alert_thresholds.hit_rate;
    let threshold = |warning, critical| Threshold { warning, critical };
    check(name, "{}", hit_rate, threshold(70.0, 50.0));
    check(name, r#"{"hitRate":80}"#, hit_rate, threshold(80.0, 50.0));
    let both = r#"{"hitRate":{"warning":60,"critical":20},"errorRate":7}"#;
    check(name, both, hit_rate, threshold(60.0, 20.0));
    let error_rate = |config: &Config| config.alert_thresholds.error_rate;
    check(name, both, error_rate, threshold(7.0, 15.0));
    for (bad, says) in [
        ("70", "JSON such as"),
        ("{", "JSON such as"),
        (r#"{"hitrate":70}"#, "unknown field"),
        (r#"{"hitRate":101}"#, "0 to 100"),
        (r#"{"hitRate":-1}"#, "0 to 100"),
        (r#"{"responseTime":0}"#, "above 0"),
        (
            r#"{"memoryUsage":{"warning":90,"critical":80}}"#,
            "no better",
        ),
    ] {
        let error = Config::from_vars([(name, bad)]).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains(says),
            "{bad}: {error}"
        );
        let quoted = format!("{bad:?}");
        assert!(error.contains(&quoted), "{bad}: {error}");
    }
    let table =
        "[cache_alert_thresholds]\nhitRate = 60\nerrorRate = { warning = 1, critical = 2 }\n";
    let config = Config::from_toml(table).unwrap();
    assert_eq!(config.alert_thresholds.hit_rate, threshold(60.0, 50.0));
    assert_eq!(config.alert_thresholds.error_rate, threshold(1.0, 2.0));
}

/// The table in the documentation is the list of what is read.
#[test]
fn every_variable_is_documented() {
    let source = include_str!("../../src/config/mod.rs");
    let settings = include_str!("../../src/config/settings.rs");
    let names = settings.split("const NAMES").nth(1).unwrap();
    let names: Vec<_> = names
        .split("];")
        .next()
        .unwrap()
        .split('"')
        .skip(1)
        .step_by(2)
        .collect();
    assert_eq!(names.len(), 20);
    for name in names {
        assert!(
            source.contains(&format!("| `{name}` |")),
            "{name} is not documented"
        );
    }
}
