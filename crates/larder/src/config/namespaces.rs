//! Namespaces of the configuration file.

use std::time::Duration;

use larder_cache_core::{Compression, Encryption, Error, ErrorKind, Format, L1, Namespace, Result};
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
    format: Option<GivenFormat>,
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
            .with("problem", source.message())
        })?;
    given.into_iter().map(Given::into_namespace).collect()
}

impl Given {
    fn into_namespace(self) -> Result<Namespace> {
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
        namespace.l1 = match (self.l1, self.l1_ttl_seconds) {
            (Some(false), _) => L1::Off,
            (_, Some(seconds)) => L1::Ttl(Duration::from_secs(seconds)),
            _ => L1::Default,
        };
        namespace.format = match self.format {
            Some(GivenFormat::Json) => Format::Json,
            _ => Format::MessagePack,
        };
        namespace.validate()?;
        Ok(namespace)
    }
}
