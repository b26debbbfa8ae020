//! Settings by name, wherever they come from, and how each is read.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use larder_cache_core::{Error, ErrorKind, Namespace, Result};

use super::alerts::AlertThresholds;
use super::namespaces;
use super::secret::Secret;

/// All names there are, as in the environment.
const NAMES: [&str; 16] = [
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
    "CACHE_COMPRESSION_ENABLED",
    "CACHE_COMPRESSION_THRESHOLD",
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
                settings.put(known, text.into(), name);
            }
        }
        settings
    }

    pub(super) fn from_toml(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().map_err(|source: toml::de::Error| {
            // The source's own text would show the line, and with it a password.
            let line = source
                .span()
                .map_or(1, |span| text[..span.start].lines().count().max(1));
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
            settings.put(name, as_text(&value), key);
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

    fn put(&mut self, name: &'static str, text: String, origin: String) {
        if !text.trim().is_empty() {
            self.values.insert(name, Setting { text, origin });
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

    pub(super) fn secret(&self, name: &'static str) -> Option<Secret> {
        // Not trimmed: a password may begin or end with a blank.
        self.values
            .get(name)
            .map(|setting| Secret::new(&*setting.text))
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

    pub(super) fn nodes(&self, name: &'static str) -> Result<Vec<String>> {
        let found = self.found(name).unwrap_or_default();
        let nodes = found
            .split(',')
            .map(str::trim)
            .filter(|node| !node.is_empty());
        let nodes: Vec<_> = nodes.map(str::to_owned).collect();
        if nodes.iter().all(|node| is_host_and_port(node)) {
            return Ok(nodes);
        }
        Err(self.refuse(name, "nodes as host:port, separated by commas"))
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
        let message = format!("{} must be {allowed}", self.origin(name));
        let found = format!("{:?}", self.found(name).unwrap_or_default());
        Error::new(ErrorKind::Config, message).with("found", found)
    }
}

fn is_host_and_port(node: &str) -> bool {
    node.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
    })
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

/// A value of the file as the environment would have it: lists with commas, tables as JSON.
fn as_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => {
            let items: Vec<_> = items.iter().map(as_text).collect();
            items.join(",")
        }
        toml::Value::Table(_) => serde_json::to_string(value).unwrap_or_default(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(switch) => switch.to_string(),
        toml::Value::Datetime(time) => time.to_string(),
    }
}
