//! Configuration from the environment and from a TOML file.
//!
//! Both name the same settings: what is `CACHE_TTL_DEFAULT` in the environment is
//! `cache_ttl_default` in the file. The environment goes before the file, and both before
//! the defaults. An empty value counts as not set.
//!
//! | variable | unit | default |
//! |---|---|---|
//! | `REDIS_URL` | `redis://[[user]:password@]host[:port][/database]`, or `redis+sentinel://..` | none: embedded backend |
//! | `REDIS_CLUSTER_NODES` | `host:port,host:port`, or URLs | none |
//! | `REDIS_PASSWORD` | text | none |
//! | `REDIS_KEY_PREFIX` | letters, digits, `_`, `-`, `.` | `app` |
//! | `REDIS_MAX_RETRIES` | attempts, 0 to 1000 | 3 |
//! | `REDIS_RETRY_DELAY` | milliseconds, 1 to 3600000 | 200 |
//! | `CACHE_TTL_DEFAULT` | seconds | 3600 |
//! | `CACHE_TTL_SHORT` | seconds | 300 |
//! | `CACHE_TTL_MEDIUM` | seconds | 1800 |
//! | `CACHE_TTL_LONG` | seconds | 7200 |
//! | `CACHE_L1_BYTES` | bytes, 0 to 1 TiB | 67108864 |
//! | `CACHE_COMPRESSION_ENABLED` | `true` or `false` | `true` with the feature `compression` |
//! | `CACHE_COMPRESSION_THRESHOLD` | bytes | 1024 |
//! | `CACHE_COMPRESSION_ALGORITHM` | `auto`, `trained`, `off`, or an algorithm as in `zstd:3` | `auto` |
//! | `CACHE_ENCRYPTION_KEYS` | `id:base64,id:base64`, the first encrypts | none |
//! | `CACHE_ENCRYPTION_KEY_FILE` | path of a file with such keys | none |
//! | `CACHE_WARMING_ENABLED` | `true` or `false` | `true` |
//! | `CACHE_METRICS_ENABLED` | `true` or `false` | `true` |
//! | `CACHE_HEALTH_CHECK_INTERVAL` | milliseconds, 1 to 3600000 | 30000 |
//! | `CACHE_ALERT_THRESHOLDS` | JSON: see [`AlertThresholds`] | the seed's |
//!
//! Where both are set, `REDIS_CLUSTER_NODES` goes before `REDIS_URL`. `REDIS_PASSWORD` goes
//! before the password in the URL. Behind Sentinels the URL is
//! `redis+sentinel://[[user]:password@]host[:port][,host[:port]..]/service[/database]`.
//!
//! ```
//! use larder::Config;
//!
//! let config = Config::from_toml("cache_ttl_default = 600\n[[namespaces]]\nname = \"users\"\n")?;
//! assert_eq!(config.ttl_classes.default.as_secs(), 600);
//!
//! let wrong = Config::from_toml("redis_retry_delay = \"soon\"").unwrap_err().to_string();
//! assert!(wrong.contains("redis_retry_delay") && wrong.contains("\"soon\"") && wrong.contains("milliseconds"));
//! # Ok::<(), larder::Error>(())
//! ```

mod alerts;
mod namespaces;
mod secret;
mod settings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_cache_core::{Compression, Error, ErrorKind, KeyPrefix, Namespace, Result, TtlClasses};

pub use self::alerts::{AlertThresholds, Threshold};
pub use self::secret::Secret;
use self::settings::Settings;
use crate::builder::{Builder, builder};

/// More than any process has: 1 TiB.
const MOST_L1_BYTES: u64 = 1 << 40;

/// The configuration of a cache: what operators set.
///
/// Passwords in it are never shown by `Debug`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// `REDIS_URL`: the server; none: the embedded backend.
    pub redis_url: Option<Secret>,
    /// `REDIS_CLUSTER_NODES`: nodes of a cluster; goes before `REDIS_URL`.
    pub redis_cluster_nodes: Vec<Secret>,
    /// `REDIS_PASSWORD`: goes before the URL's.
    pub redis_password: Option<Secret>,
    /// `REDIS_KEY_PREFIX`: what all keys begin with.
    pub redis_key_prefix: String,
    /// `REDIS_MAX_RETRIES`: attempts to connect at the start, after the first.
    pub redis_max_retries: u32,
    /// `REDIS_RETRY_DELAY`: the longest time from one attempt to connect to the
    /// next.
    pub redis_retry_delay: Duration,
    /// `CACHE_TTL_DEFAULT`, `_SHORT`, `_MEDIUM`, `_LONG`.
    pub ttl_classes: TtlClasses,
    /// The most bytes that L1 may hold; 0: no L1. Default: 64 MiB.
    pub l1_bytes: u64,
    /// `CACHE_COMPRESSION_ENABLED`: whether namespaces that leave it to the cache compress.
    pub compression_enabled: bool,
    /// `CACHE_COMPRESSION_THRESHOLD`: values up to this many bytes are stored plain.
    pub compression_threshold_bytes: usize,
    /// `CACHE_COMPRESSION_ALGORITHM`: how namespaces that leave it to the cache compress.
    pub compression_algorithm: Compression,
    /// `CACHE_ENCRYPTION_KEYS`: the keys of encrypted namespaces.
    pub encryption_keys: Option<Secret>,
    /// `CACHE_ENCRYPTION_KEY_FILE`: a file with them.
    pub encryption_key_file: Option<PathBuf>,
    /// `CACHE_WARMING_ENABLED`: for the warming of caches; nothing in this crate warms.
    pub warming_enabled: bool,
    /// `CACHE_METRICS_ENABLED`: for exporters of metrics; nothing in this crate exports.
    pub metrics_enabled: bool,
    /// `CACHE_HEALTH_CHECK_INTERVAL`: how often an idle Redis connection is checked.
    pub health_check_interval: Duration,
    /// `CACHE_ALERT_THRESHOLDS`: for alerting; nothing in this crate alerts.
    pub alert_thresholds: AlertThresholds,
    /// `[[namespaces]]` of the file.
    pub namespaces: Vec<Namespace>,
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// Kind `Config`, naming the variable, what was read, and what is allowed.
    pub fn from_env() -> Result<Self> {
        Self::read(&Settings::from_env()?)
    }

    /// Reads a TOML file, and the environment of this process, which goes before it.
    ///
    /// # Errors
    /// Kind `Config`, naming the file or the variable, what was read, and what is allowed; for
    /// namespaces, as [`Namespace::validate`] has them.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| {
            Error::new(ErrorKind::Config, "the configuration file can't be read")
                .with("file", path.display())
                .with_source(source)
        })?;
        let file = Settings::from_toml(&text).map_err(|e| e.with("file", path.display()))?;
        Self::read(&Settings::from_env()?.over(file))
    }

    /// Reads TOML text alone, without the environment.
    ///
    /// # Errors
    /// Kind `Config`, naming the setting, what was read, and what is allowed; for namespaces,
    /// as [`Namespace::validate`] has them.
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::read(&Settings::from_toml(text)?)
    }

    /// Reads variables from anywhere: what the environment is for
    /// [`from_env`](Config::from_env).
    ///
    /// # Errors
    /// Kind `Config`, naming the variable, what was read, and what is allowed.
    pub fn from_vars<K: Into<String>, V: Into<String>>(
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self> {
        Self::read(&Settings::from_vars(vars))
    }

    fn read(settings: &Settings) -> Result<Self> {
        let hour = 3_600_000;
        let century = 100 * 365 * 86_400;
        let seconds = |name, default| settings.seconds(name, 1..=century, default);
        let has_codec = cfg!(feature = "compression");
        let config = Self {
            redis_url: settings.secret_url("REDIS_URL")?,
            redis_cluster_nodes: settings.nodes("REDIS_CLUSTER_NODES")?,
            redis_password: settings.secret("REDIS_PASSWORD")?,
            redis_key_prefix: settings.text("REDIS_KEY_PREFIX", "app"),
            redis_max_retries: settings.number("REDIS_MAX_RETRIES", "attempts", 0..=1000, 3)?,
            redis_retry_delay: settings.millis("REDIS_RETRY_DELAY", 1..=hour, 200)?,
            ttl_classes: TtlClasses {
                default: seconds("CACHE_TTL_DEFAULT", 3600)?,
                short: seconds("CACHE_TTL_SHORT", 300)?,
                medium: seconds("CACHE_TTL_MEDIUM", 1800)?,
                long: seconds("CACHE_TTL_LONG", 7200)?,
            },
            l1_bytes: settings.number("CACHE_L1_BYTES", "bytes", 0..=MOST_L1_BYTES, 64 << 20)?,
            compression_enabled: settings.switch("CACHE_COMPRESSION_ENABLED", has_codec)?,
            compression_threshold_bytes: settings.number(
                "CACHE_COMPRESSION_THRESHOLD",
                "bytes",
                0..=512 << 20,
                1024,
            )?,
            compression_algorithm: settings.compression("CACHE_COMPRESSION_ALGORITHM")?,
            encryption_keys: settings.secret("CACHE_ENCRYPTION_KEYS")?,
            encryption_key_file: settings.path("CACHE_ENCRYPTION_KEY_FILE"),
            warming_enabled: settings.switch("CACHE_WARMING_ENABLED", true)?,
            metrics_enabled: settings.switch("CACHE_METRICS_ENABLED", true)?,
            health_check_interval: settings.millis(
                "CACHE_HEALTH_CHECK_INTERVAL",
                1..=hour,
                30_000,
            )?,
            alert_thresholds: settings.alert_thresholds("CACHE_ALERT_THRESHOLDS")?,
            namespaces: settings.namespaces()?,
        };
        config.validate(settings)?;
        Ok(config)
    }

    fn validate(&self, settings: &Settings) -> Result<()> {
        KeyPrefix::new(&self.redis_key_prefix)
            .map_err(|error| error.with("setting", settings.origin("REDIS_KEY_PREFIX")))?;
        if self.compression_enabled && !cfg!(feature = "compression") {
            return Err(Error::new(
                ErrorKind::Config,
                "compression is switched on, but this build has no codec; build with the \
                 feature `compression`",
            )
            .with("setting", settings.origin("CACHE_COMPRESSION_ENABLED")));
        }
        self.check_encryption(settings)?;
        self.check_redis_url(settings)
    }

    #[cfg(feature = "encryption")]
    fn check_encryption(&self, settings: &Settings) -> Result<()> {
        let setting = settings.origin(self.key_setting()).to_owned();
        let keys = self.key_ring().map(drop);
        keys.map_err(|error| error.with("setting", setting))
    }

    #[cfg(not(feature = "encryption"))]
    fn check_encryption(&self, settings: &Settings) -> Result<()> {
        if self.encryption_keys.is_none() && self.encryption_key_file.is_none() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Config,
            "encryption keys are given, but this build can't encrypt; build with the feature \
             `encryption`",
        )
        .with("setting", settings.origin(self.key_setting())))
    }

    /// The setting that has the keys.
    fn key_setting(&self) -> &'static str {
        if self.encryption_keys.is_some() {
            "CACHE_ENCRYPTION_KEYS"
        } else {
            "CACHE_ENCRYPTION_KEY_FILE"
        }
    }

    /// The keys of encrypted namespaces, where some are given. A file is read anew.
    ///
    /// # Errors
    /// Kind `Config`, where they are no keys, or the file can't be read.
    #[cfg(feature = "encryption")]
    pub fn key_ring(&self) -> Result<Option<larder_encryption::KeyRing>> {
        let keys = self.encryption_keys.as_ref().map(Secret::reveal);
        larder_encryption::KeyRing::from_settings(keys, self.encryption_key_file.as_deref())
    }

    #[cfg(feature = "redis")]
    fn check_redis_url(&self, settings: &Settings) -> Result<()> {
        let Some(config) = self.redis_config() else {
            return Ok(());
        };
        config
            .validate()
            .map_err(|error| error.with("setting", settings.origin(self.server_setting())))
    }

    /// The setting that names the server.
    fn server_setting(&self) -> &'static str {
        if self.redis_cluster_nodes.is_empty() {
            "REDIS_URL"
        } else {
            "REDIS_CLUSTER_NODES"
        }
    }

    #[cfg(not(feature = "redis"))]
    fn check_redis_url(&self, settings: &Settings) -> Result<()> {
        if self.redis_url.is_none() && self.redis_cluster_nodes.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Config,
            "a Redis server is named, but this build has no Redis backend; build with the \
             feature `redis`",
        )
        .with("setting", settings.origin(self.server_setting())))
    }

    /// The settings of the Redis servers, where some are named. Their `masked_url` may be shown.
    #[cfg(feature = "redis")]
    #[must_use]
    pub fn redis_config(&self) -> Option<larder_redis_backend::RedisConfig> {
        use larder_redis_backend::RedisConfig;

        let config = if self.redis_cluster_nodes.is_empty() {
            RedisConfig::new(self.redis_url.as_ref()?.reveal())
        } else {
            RedisConfig::cluster(self.redis_cluster_nodes.iter().map(Secret::reveal))
        };
        let config = config
            .max_retries(self.redis_max_retries)
            .retry_delay(self.redis_retry_delay)
            .heartbeat(self.health_check_interval);
        Some(match &self.redis_password {
            Some(password) => config.password(password.reveal()),
            None => config,
        })
    }

    /// A builder with these settings.
    pub fn builder(&self) -> Builder {
        let compression = if self.compression_enabled {
            self.compression_algorithm
        } else {
            Compression::Off
        };
        let mut builder = builder()
            .key_prefix(&self.redis_key_prefix)
            .ttl_classes(self.ttl_classes)
            .l1_bytes(self.l1_bytes)
            .compression(compression)
            .compression_threshold_bytes(self.compression_threshold_bytes);
        for namespace in &self.namespaces {
            builder = builder.namespace(namespace.clone());
        }
        #[cfg(feature = "encryption")]
        {
            builder = builder.keys(self.key_ring());
        }
        #[cfg(feature = "redis")]
        if let Some(config) = self.redis_config() {
            builder = builder.redis_config(config);
        }
        builder
    }
}
