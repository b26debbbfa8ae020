//! Settings by name, wherever they come from, and how each is read.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use larder_cache_core::{Compression, Error, ErrorKind, Namespace, Result};

use super::alerts::AlertThresholds;
use super::namespaces;
use super::secret::Secret;

/// All names there are, as in the environment.
const NAMES: [&str; 20] = [
    "REDIS_URL",
    "REDIS_CLUSTER_NODES",
    "REDIS_PASSWORD",
    "REDIS_KEY_PREFIX",
    "REDIS_MAX_RETRIES",
    "REDIS_RETRY_DELAY",
    "CACHE_TTL_DEFAULT",
    "CACHE_TTL_SHORT",
    "CACHE_TTL_MEDIUM",
    "CACHE_TTL_LONG",
    "CACHE_L1_BYTES",
    "CACHE_COMPRESSION_ENABLED",
    "CACHE_COMPRESSION_THRESHOLD",
    "CACHE_COMPRESSION_ALGORITHM",
    "CACHE_ENCRYPTION_KEYS",
    "CACHE_ENCRYPTION_KEY_FILE",
    "CACHE_WARMING_ENABLED",
    "CACHE_METRICS_ENABLED",
    "CACHE_HEALTH_CHECK_INTERVAL",
    "CACHE_ALERT_THRESHOLDS",
];

/// Settings by their name in the environment.
#[derive(Default)]
pub(super) struct Settings {
    values: HashMap<&'static str, Setting>,
    namespaces: Option<toml::Value>,
}

/// A setting as it was found.
struct Setting {
    text: String,
    /// Its name where it was found.
    origin: String,
    shape: Shape,
}

/// What a setting was written as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    /// A number, a list, or whatever else a file can hold.
    Other,
}

impl Settings {
    pub(super) fn from_env() -> Result<Self> {
        let mut vars = Vec::new();
        for name in NAMES {
            match std::env::var(name) {
                Ok(text) => vars.push((name, text)),
                Err(std::env::VarError::NotPresent) => {}
                Err(std::env::VarError::NotUnicode(_)) => {
                    let message = format!("{name} must be text in UTF-8");
                    return Err(Error::new(ErrorKind::Config, message));
                }
            }
        }
        Ok(Self::from_vars(vars))
    }

    pub(super) fn from_vars<K: Into<String>, V: Into<String>>(
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut settings = Self::default();
        for (name, text) in vars {
            let name = name.into();
            if let Some(known) = NAMES.into_iter().find(|known| *known == name) {
                settings.put(known, text.into(), Shape::Text, name);
            }
        }
        settings
    }

    pub(super) fn from_toml(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().map_err(|source: toml::de::Error| {
            // The source's own text would show the line, and with it a password.
            let before = source.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(before).filter(|b| *b == b'\n').count();
            Error::new(ErrorKind::Config, "the configuration is not TOML")
                .with("line", line)
                .with("problem", source.message())
        })?;
        let mut settings = Self::default();
        for (key, value) in table {
            if key == "namespaces" {
                settings.namespaces = Some(value);
                continue;
            }
            let known = NAMES.into_iter().find(|name| name.to_lowercase() == key);
            let name = known.ok_or_else(|| unknown(&key))?;
            let shape = if value.is_str() {
                Shape::Text
            } else {
                Shape::Other
            };
            settings.put(name, as_text(name, &value), shape, key);
        }
        Ok(settings)
    }

    /// These settings, and those of `others` that are not among them.
    pub(super) fn over(mut self, others: Self) -> Self {
        for (name, setting) in others.values {
            self.values.entry(name).or_insert(setting);
        }
        self.namespaces = self.namespaces.or(others.namespaces);
        self
    }

    fn put(&mut self, name: &'static str, text: String, shape: Shape, origin: String) {
        if !text.trim().is_empty() {
            let setting = Setting {
                text,
                origin,
                shape,
            };
            self.values.insert(name, setting);
        }
    }

    /// What the setting is called where it was found.
    pub(super) fn origin(&self, name: &'static str) -> &str {
        self.values
            .get(name)
            .map_or(name, |setting| &setting.origin)
    }

    fn found(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|setting| setting.text.trim())
    }

    pub(super) fn text(&self, name: &'static str, default: &str) -> String {
        self.found(name).unwrap_or(default).to_owned()
    }

    /// Text that is not shown, nor trimmed: a password may begin or end with a blank.
    pub(super) fn secret(&self, name: &'static str) -> Result<Option<Secret>> {
        let Some(setting) = self.values.get(name) else {
            return Ok(None);
        };
        if setting.shape != Shape::Text {
            let message = format!("{} must be text in quotes", setting.origin);
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Some(Secret::new(&*setting.text)))
    }

    pub(super) fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.found(name).map(PathBuf::from)
    }

    pub(super) fn secret_url(&self, name: &'static str) -> Result<Option<Secret>> {
        let url = self.secret(name)?;
        Ok(url.map(|url| Secret::new(url.reveal().trim())))
    }

    pub(super) fn switch(&self, name: &'static str, default: bool) -> Result<bool> {
        let Some(found) = self.found(name) else {
            return Ok(default);
        };
        match found.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.refuse(name, "true or false")),
        }
    }

    pub(super) fn number<N>(
        &self,
        name: &'static str,
        unit: &str,
        allowed: RangeInclusive<N>,
        default: N,
    ) -> Result<N>
    where
        N: std::str::FromStr + PartialOrd + Display,
    {
        let Some(found) = self.found(name) else {
            return Ok(default);
        };
        found
            .parse()
            .ok()
            .filter(|number| allowed.contains(number))
            .ok_or_else(|| {
                let (least, most) = (allowed.start(), allowed.end());
                self.refuse(
                    name,
                    format!("a whole number of {unit} from {least} to {most}"),
                )
            })
    }

    pub(super) fn seconds(
        &self,
        name: &'static str,
        allowed: RangeInclusive<u64>,
        default: u64,
    ) -> Result<Duration> {
        self.number(name, "seconds", allowed, default)
            .map(Duration::from_secs)
    }

    pub(super) fn millis(
        &self,
        name: &'static str,
        allowed: RangeInclusive<u64>,
        default: u64,
    ) -> Result<Duration> {
        self.number(name, "milliseconds", allowed, default)
            .map(Duration::from_millis)
    }

    /// Nodes, some of which may be URLs with a password.
    pub(super) fn nodes(&self, name: &'static str) -> Result<Vec<Secret>> {
        let found = self.found(name).unwrap_or_default();
        let nodes: Vec<&str> = found
            .split(',')
            .map(str::trim)
            .filter(|node| !node.is_empty())
            .collect();
        if !found.is_empty() && nodes.is_empty() {
            return Err(self.refuse(name, NODES));
        }
        if nodes
            .iter()
            .all(|node| is_host_and_port(node) || node.contains("://"))
        {
            return Ok(nodes.into_iter().map(Secret::new).collect());
        }
        Err(self.refuse_found(name, NODES, &masked_nodes(found)))
    }

    /// How values are compressed where nothing else is said.
    pub(super) fn compression(&self, name: &'static str) -> Result<Compression> {
        let Some(found) = self.found(name) else {
            return Ok(Compression::Auto);
        };
        found.to_ascii_lowercase().parse().map_err(|_| {
            self.refuse(
                name,
                "off, auto, trained, lz4, zstd, brotli, gzip, lz-string or lz-string-base64; a \
                 level may stand behind a colon, as in zstd:3",
            )
        })
    }

    pub(super) fn alert_thresholds(&self, name: &'static str) -> Result<AlertThresholds> {
        let Some(found) = self.found(name) else {
            return Ok(AlertThresholds::default());
        };
        AlertThresholds::from_json(found).map_err(|allowed| self.refuse(name, allowed))
    }

    pub(super) fn namespaces(&self) -> Result<Vec<Namespace>> {
        self.namespaces
            .as_ref()
            .map_or(Ok(Vec::new()), namespaces::read)
    }

    fn refuse(&self, name: &'static str, allowed: impl Display) -> Error {
        self.refuse_found(name, allowed, self.found(name).unwrap_or_default())
    }

    fn refuse_found(&self, name: &'static str, allowed: impl Display, found: &str) -> Error {
        let message = format!("{} must be {allowed}", self.origin(name));
        Error::new(ErrorKind::Config, message).with("found", format!("{found:?}"))
    }
}

const NODES: &str =
    "nodes as host:port or redis://[[user]:password@]host:port, separated by commas";

fn is_host_and_port(node: &str) -> bool {
    let in_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let in_address = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let is_host = |host: &str| match host.strip_prefix('[') {
        Some(address) => address
            .strip_suffix(']')
            .is_some_and(|address| address.chars().all(in_address)),
        None => !host.is_empty() && host.chars().all(in_host),
    };
    node.rsplit_once(':').is_some_and(|(host, port)| {
        is_host(host) && port.parse::<u16>().is_ok_and(|port| port != 0)
    })
}

/// Nodes as they may be shown. Whoever gives URLs where nodes are wanted gives passwords
/// with them: before an `@`, or as a port that is no number.
fn masked_nodes(nodes: &str) -> String {
    let shown = nodes.rfind('@').map_or(nodes, |at| &nodes[at..]);
    let masked = |node: &str| match node.rsplit_once(':') {
        Some((host, port)) if port.parse::<u32>().is_err() => format!("{host}:***"),
        _ => node.to_owned(),
    };
    let shown: Vec<_> = shown.split(',').map(masked).collect();
    let login = if nodes.contains('@') { "***" } else { "" };
    format!("{login}{}", shown.join(","))
}

fn unknown(key: &str) -> Error {
    let known = NAMES.map(str::to_lowercase).join(", ");
    Error::new(
        ErrorKind::Config,
        "the configuration file has a setting that there is not",
    )
    .with("found", format!("{key:?}"))
    .with("known", format!("{known}, namespaces"))
}

/// A value of the file as the environment would have it: nodes with commas between, other
/// lists and tables as JSON.
fn as_text(name: &str, value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(nodes) if name == "REDIS_CLUSTER_NODES" => {
            let nodes: Vec<_> = nodes.iter().map(|node| as_text(name, node)).collect();
            nodes.join(",")
        }
        toml::Value::Array(_) | toml::Value::Table(_) => {
            serde_json::to_string(value).unwrap_or_default()
        }
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(switch) => switch.to_string(),
        toml::Value::Datetime(time) => time.to_string(),
    }
}
