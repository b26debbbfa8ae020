//! Namespaces of the configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_cache_core::{
    Compression, EarlyRefresh, Encryption, Error, ErrorKind, Format, L1, Namespace, Result,
};
use serde::Deserialize;

/// A namespace as the file has it. What is left out keeps its default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    description: Option<String>,
    prefix: Option<String>,
    ttl_seconds: Option<u64>,
    grace_seconds: Option<u64>,
    jitter: Option<f64>,
    negative_ttl_seconds: Option<u64>,
    compression: Option<GivenCompression>,
    encryption: Option<bool>,
    l1: Option<bool>,
    l1_ttl_seconds: Option<u64>,
    max_value_bytes: Option<usize>,
    quota_bytes: Option<u64>,
    format: Option<GivenFormat>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    key_patterns: BTreeMap<String, String>,
    soft_timeout_ms: Option<u64>,
    throttle_seconds: Option<u64>,
    early_refresh: Option<GivenRefresh>,
    max_staleness_ms: Option<u64>,
    outage_ttl_seconds: Option<u64>,
}

/// The factor of XFetch, or a share of the time to live.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "early_refresh is a factor such as 2.0, or { threshold = 0.8 }"
)]
enum GivenRefresh {
    Factor(f64),
    Threshold(Threshold),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Threshold {
    threshold: f64,
}

/// A switch, or what there is to choose.
#[derive(Deserialize)]
#[serde(untagged)]
enum GivenCompression {
    Switch(bool),
    Choice(String),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GivenFormat {
    MsgPack,
    Json,
}

pub(super) fn read(value: &toml::Value) -> Result<Vec<Namespace>> {
    let given: Vec<Given> = value
        .clone()
        .try_into()
        .map_err(|source: toml::de::Error| {
            Error::new(
                ErrorKind::Config,
                "[[namespaces]] must each have a name and may have settings of a namespace",
            )
            .with("problem", source.to_string().trim_end().replace('\n', " "))
        })?;
    given.into_iter().map(Given::into_namespace).collect()
}

impl Given {
    fn into_namespace(self) -> Result<Namespace> {
        let l1 = self.l1()?;
        let mut namespace = Namespace::new(self.name);
        if let Some(prefix) = self.prefix {
            namespace.prefix = prefix;
        }
        if let Some(seconds) = self.ttl_seconds {
            namespace.ttl = Duration::from_secs(seconds).into();
        }
        if let Some(seconds) = self.grace_seconds {
            namespace.grace = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.negative_ttl_seconds {
            namespace.negative_ttl = (seconds > 0).then(|| Duration::from_secs(seconds));
        }
        namespace.description = self.description.unwrap_or_default();
        namespace.jitter = self.jitter.unwrap_or(namespace.jitter);
        namespace.max_value_bytes = self.max_value_bytes.unwrap_or(namespace.max_value_bytes);
        namespace.quota_bytes = self.quota_bytes;
        namespace.compression = match self.compression {
            None => Compression::Default,
            Some(GivenCompression::Switch(true)) => Compression::Auto,
            Some(GivenCompression::Switch(false)) => Compression::Off,
            Some(GivenCompression::Choice(choice)) => {
                let name = format!("{:?}", namespace.name);
                choice
                    .parse::<Compression>()
                    .map_err(|e| e.with("namespace", name))?
            }
        };
        if self.encryption == Some(true) {
            namespace.encryption = Encryption::On;
        }
        namespace.l1 = l1;
        namespace.tags = self.tags;
        for (name, template) in self.key_patterns {
            namespace = namespace.key_pattern(name, template);
        }
        if let Some(millis) = self.soft_timeout_ms {
            namespace.soft_timeout = Duration::from_millis(millis);
        }
        if let Some(seconds) = self.throttle_seconds {
            namespace.throttle = Duration::from_secs(seconds);
        }
        if let Some(policy) = self.early_refresh {
            namespace.early_refresh = match policy {
                GivenRefresh::Factor(beta) => beta.into(),
                GivenRefresh::Threshold(Threshold { threshold }) => {
                    EarlyRefresh::Threshold(threshold)
                }
            };
        }
        namespace.format = match self.format {
            Some(GivenFormat::Json) => Format::Json,
            _ => Format::MessagePack,
        };
        namespace.validate()?;
        Ok(namespace)
    }

    fn l1(&self) -> Result<L1> {
        let coherent = self.max_staleness_ms.is_some() || self.outage_ttl_seconds.is_some();
        let chosen = [
            self.l1 == Some(false),
            self.l1_ttl_seconds.is_some(),
            coherent,
        ];
        if chosen.into_iter().filter(|chosen| *chosen).count() > 1 {
            let message = "l1 = false, l1_ttl_seconds, and max_staleness_ms with \
                           outage_ttl_seconds exclude one another; keep one of the three";
            let error = Error::new(ErrorKind::Config, message);
            return Err(error.with("namespace", format!("{:?}", self.name)));
        }
        let staleness = self.max_staleness_ms.map(Duration::from_millis);
        Ok(match (self.l1, self.l1_ttl_seconds) {
            (Some(false), _) => L1::Off,
            (_, Some(seconds)) => L1::Ttl(Duration::from_secs(seconds)),
            _ if coherent => L1::Coherent {
                max_staleness: staleness.unwrap_or(L1::MAX_STALENESS),
                outage_ttl: Duration::from_secs(self.outage_ttl_seconds.unwrap_or(0)),
            },
            _ => L1::Default,
        })
    }
}
