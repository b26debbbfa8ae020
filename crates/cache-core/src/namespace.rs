//! Namespaces: named groups of keys with settings of their own.

use std::time::Duration;

use crate::compression::Compression;
use crate::early_refresh::EarlyRefresh;
use crate::error::{Error, ErrorKind, Result};
use crate::key::check_prefix;
use crate::key_pattern::KeyPattern;
use crate::schema::{Cacheable, Schema};
use crate::tag::Tag;
use crate::ttl::{self, Ttl};

/// The settings of a namespace.
///
/// ```
/// use std::time::Duration;
/// use larder_cache_core::{Namespace, Ttl};
///
/// let users = Namespace::new("users").prefix("user").ttl(Duration::from_secs(3600));
/// assert_eq!(users.prefix, "user");
/// assert_eq!(users.ttl, Ttl::Exact(Duration::from_secs(3600)));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Namespace {
    /// The name it is asked for by.
    pub name: String,
    /// What it holds, for people. Default: empty.
    pub description: String,
    /// What its keys begin with. Default: the name.
    pub prefix: String,
    /// How long values stay fresh. Default: [`Ttl::Default`].
    pub ttl: Ttl,
    /// How long a value stays usable after its time to live, for loads that serve stale
    /// values while a new one is loaded or when the loader fails. Default: zero.
    pub grace: Duration,
    /// How long a load waits for its loader where it has a stale value in hand, before it
    /// serves that and leaves the loader to the background. Default: zero.
    pub soft_timeout: Duration,
    /// For how long a stale value is served without asking the loader again, after the
    /// loader has failed. Default: 5 seconds.
    pub throttle: Duration,
    /// When a value is refreshed before it is stale, so that one reader does it and nobody
    /// waits. Default: [`EarlyRefresh::XFetch`] with a factor of 1.
    pub early_refresh: EarlyRefresh,
    /// Tags that every value carries. Default: none.
    pub tags: Vec<String>,
    /// What its keys look like: where there are patterns, each key is of one of them.
    /// Default: none, any key.
    pub key_patterns: Vec<KeyPattern>,
    /// By how much a time to live may be shortened at random, so that values stored
    /// together don't expire together; a share of 1. An exact time to live that a single
    /// call asks for is never changed, and none is under [`EarlyRefresh::Threshold`].
    /// Default: 0.1.
    pub jitter: f64,
    /// How long a loader's "there is none" is remembered; `None`: not at all.
    /// Default: 30 seconds.
    pub negative_ttl: Option<Duration>,
    /// How values are compressed. Default: [`Compression::Default`].
    pub compression: Compression,
    /// Whether values are encrypted. Default: [`Encryption::Off`].
    pub encryption: Encryption,
    /// Whether and how long values are kept in process memory. Default: [`L1::Default`].
    pub l1: L1,
    /// The largest serialized value, in bytes. Default: 64 MiB.
    pub max_value_bytes: usize,
    /// How many bytes its entries may take in the backend, keys counted in; the oldest go when
    /// they take more, some seconds later. `None`: as many as there are. Default: `None`.
    pub quota_bytes: Option<u64>,
    /// How values are serialized. Default: [`Format::MessagePack`].
    pub format: Format,
    /// The type that is stored; entries of another one are read through it where that is
    /// declared, else they are misses. Default: not checked.
    pub schema: Option<Schema>,
}

/// Whether the values of a namespace are encrypted before they leave the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encryption {
    /// Values are stored readable.
    #[default]
    Off,
    /// Values leave the process encrypted or not at all.
    On,
}

/// How values are kept in process memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum L1 {
    /// As long as the value lives where the backend is part of this process. Where other
    /// processes can change it, [`Coherent`](L1::Coherent) with [`L1::MAX_STALENESS`] and no
    /// time for outages, if the backend tells of changes; else 5 seconds at most.
    #[default]
    Default,
    /// Not at all.
    Off,
    /// At most this long, which bounds how long another process's change goes unseen.
    Ttl(Duration),
    /// As long as the value lives, while the backend tells of changes. As `Ttl` with
    /// `max_staleness` where it can't tell of them.
    Coherent {
        /// The longest that another process's change goes unseen: without a sign from the
        /// backend for so long, L1 is not asked.
        max_staleness: Duration,
        /// For so long beyond that, values are served where the backend does not answer:
        /// changes by others go unseen for as long. Zero: not at all.
        outage_ttl: Duration,
    },
}

impl L1 {
    /// How long another process's change goes unseen at most, where nothing else is said.
    pub const MAX_STALENESS: Duration = Duration::from_secs(1);

    /// The shortest bound that can be kept: signs come every 100 ms.
    pub const MIN_STALENESS: Duration = Duration::from_millis(250);
}

/// How values are serialized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// MessagePack with named fields: compact, and fields may come and go.
    #[default]
    MessagePack,
    /// JSON, for values that programs in other languages read.
    Json,
}

impl Format {
    /// The number that stands in stored headers.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::MessagePack => 1,
            Self::Json => 2,
        }
    }
}

impl Namespace {
    /// A namespace whose settings are all defaults.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            prefix: name.clone(),
            name,
            description: String::new(),
            ttl: Ttl::Default,
            grace: Duration::ZERO,
            soft_timeout: Duration::ZERO,
            throttle: Duration::from_secs(5),
            early_refresh: EarlyRefresh::default(),
            tags: Vec::new(),
            key_patterns: Vec::new(),
            jitter: 0.1,
            negative_ttl: Some(Duration::from_secs(30)),
            compression: Compression::Default,
            encryption: Encryption::Off,
            l1: L1::Default,
            max_value_bytes: 64 << 20,
            quota_bytes: None,
            format: Format::MessagePack,
            schema: None,
        }
    }

    /// Sets [`description`](Namespace::description).
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets [`prefix`](Namespace::prefix).
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets [`ttl`](Namespace::ttl).
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Sets [`grace`](Namespace::grace).
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets [`soft_timeout`](Namespace::soft_timeout).
    #[must_use]
    pub fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = timeout;
        self
    }

    /// Sets [`throttle`](Namespace::throttle).
    #[must_use]
    pub fn throttle(mut self, throttle: Duration) -> Self {
        self.throttle = throttle;
        self
    }

    /// Sets [`early_refresh`](Namespace::early_refresh).
    #[must_use]
    pub fn early_refresh(mut self, policy: impl Into<EarlyRefresh>) -> Self {
        self.early_refresh = policy.into();
        self
    }

    /// Sets [`tags`](Namespace::tags).
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Adds one of the [`key_patterns`](Namespace::key_patterns), such as `user_profile` for
    /// `profile:{id}`; [`KeyPattern`] has the grammar.
    #[must_use]
    pub fn key_pattern(mut self, name: impl AsRef<str>, template: impl AsRef<str>) -> Self {
        let pattern = KeyPattern::new(name.as_ref(), template.as_ref());
        self.key_patterns.push(pattern);
        self
    }

    /// Sets [`jitter`](Namespace::jitter).
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// Sets [`negative_ttl`](Namespace::negative_ttl).
    #[must_use]
    pub fn negative_ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.negative_ttl = ttl.into();
        self
    }

    /// Sets [`compression`](Namespace::compression).
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets [`encryption`](Namespace::encryption).
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// Sets [`l1`](Namespace::l1).
    #[must_use]
    pub fn l1(mut self, l1: L1) -> Self {
        self.l1 = l1;
        self
    }

    /// Sets [`max_value_bytes`](Namespace::max_value_bytes).
    #[must_use]
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// Sets [`quota_bytes`](Namespace::quota_bytes).
    #[must_use]
    pub fn quota_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.quota_bytes = bytes.into();
        self
    }

    /// Sets [`format`](Namespace::format).
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Pins the type that is stored: entries written for another shape become misses, or are
    /// converted where the type says from what. It is for handles of this type: what is written
    /// through another one bears the same fingerprint.
    #[must_use]
    pub fn schema<V: Cacheable>(mut self) -> Self {
        self.schema = Some(Schema::of::<V>());
        self
    }

    /// For how long L1 serves values of this namespace that may be behind, while the backend
    /// does not answer.
    #[must_use]
    pub const fn outage_ttl(&self) -> Duration {
        match self.l1 {
            L1::Coherent { outage_ttl, .. } => outage_ttl,
            _ => Duration::ZERO,
        }
    }

    /// Refuses settings that can't work.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; of a time to live [`ErrorKind::InvalidTtl`], and of a tag
    /// [`ErrorKind::InvalidTag`]. All name the namespace.
    pub fn validate(&self) -> Result<()> {
        check_prefix("namespace name", &self.name)?;
        check_prefix("namespace prefix", &self.prefix).map_err(|e| self.in_context(e))?;
        let durations = [self.exact_ttl(), self.negative_ttl, self.l1_ttl()];
        for duration in durations.into_iter().flatten() {
            ttl::check(duration).map_err(|e| self.in_context(e))?;
        }
        if self.grace > Ttl::MAX {
            return Err(self.refuse("grace can be 100 years at most"));
        }
        if let L1::Coherent {
            max_staleness,
            outage_ttl,
        } = self.l1
        {
            if !(L1::MIN_STALENESS..=Ttl::MAX).contains(&max_staleness) {
                return Err(self
                    .refuse("max_staleness must be 250 ms at least: the backend gives a sign every 100 ms")
                    .with("found", format!("{max_staleness:?}")));
            }
            if outage_ttl > Ttl::MAX {
                return Err(self.refuse("outage_ttl can be 100 years at most"));
            }
        }
        if self.throttle > Ttl::MAX || self.soft_timeout > Ttl::MAX {
            return Err(self.refuse("throttle and soft_timeout can be 100 years at most"));
        }
        self.early_refresh
            .check()
            .map_err(|error| self.in_context(error))?;
        Tag::list(&self.tags).map_err(|error| self.in_context(error))?;
        self.check_key_patterns()?;
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(self
                .refuse("jitter is a share from 0.0 to 1.0")
                .with("found", self.jitter));
        }
        if self.max_value_bytes == 0 || self.max_value_bytes > Self::MAX_VALUE_BYTES {
            return Err(self
                .refuse("max_value_bytes must be 1 byte to 512 MiB, the longest Redis string")
                .with("found", self.max_value_bytes));
        }
        if let Some(bytes) = self
            .quota_bytes
            .filter(|bytes| *bytes < Self::MIN_QUOTA_BYTES)
        {
            return Err(self
                .refuse("quota_bytes must be 64 KiB at least, or every few writes would pass it")
                .with("found", bytes));
        }
        Ok(())
    }

    /// The most that [`max_value_bytes`](Namespace::max_value_bytes) can be: 512 MiB.
    pub const MAX_VALUE_BYTES: usize = 512 << 20;

    /// The least that [`quota_bytes`](Namespace::quota_bytes) can be: 64 KiB.
    pub const MIN_QUOTA_BYTES: u64 = 64 << 10;

    fn exact_ttl(&self) -> Option<Duration> {
        match self.ttl {
            Ttl::Exact(duration) => Some(duration),
            _ => None,
        }
    }

    fn l1_ttl(&self) -> Option<Duration> {
        match self.l1 {
            L1::Ttl(duration) => Some(duration),
            L1::Default | L1::Off | L1::Coherent { .. } => None,
        }
    }

    pub(crate) fn refuse(&self, message: &'static str) -> Error {
        self.in_context(Error::new(ErrorKind::Config, message))
    }

    pub(crate) fn in_context(&self, error: Error) -> Error {
        error.with("namespace", format!("{:?}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(namespace: &Namespace, expected: &str) {
        let error = namespace.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let users = || Namespace::new("users");
        check(&Namespace::new(""), "namespace name");
        check(&users().prefix("a:b"), "namespace prefix");
        check(&users().ttl(Duration::ZERO), "at least one millisecond");
        check(&users().negative_ttl(Duration::MAX), "100 years");
        check(&users().grace(Duration::MAX), "grace");
        check(&users().jitter(-0.1), "jitter");
        check(&users().jitter(f64::NAN), "jitter");
        check(&users().max_value_bytes(0), "max_value_bytes");
        check(&users().quota_bytes(0), "quota_bytes");
        check(&users().quota_bytes(65_535), "64 KiB");
        check(&users().early_refresh(f64::NAN), "early_refresh");
        check(
            &users().early_refresh(EarlyRefresh::Threshold(1.0)),
            "users",
        );
        check(&users().l1(L1::Ttl(Duration::ZERO)), "users");
        users().validate().unwrap();
    }
}
