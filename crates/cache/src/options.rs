//! Options of single calls.

use std::time::Duration;

use larder_cache_core::{Compression, Ttl};

/// Options of a read.
///
/// ```
/// use std::time::Duration;
/// use larder_cache::{GetOptions, OnError};
///
/// let strict = GetOptions::new().on_error(OnError::Fail).budget(Duration::from_millis(50));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GetOptions {
    pub(crate) budget: Option<Duration>,
    pub(crate) on_error: OnError,
}

/// What a read does when the backend can't answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Count a miss, so that losing the cache does not mean losing the service.
    #[default]
    Miss,
    /// Return the error.
    Fail,
}

impl GetOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the backend may take altogether. Default: the cache's budget.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }

    /// What to do when the backend can't answer. Default: [`OnError::Miss`].
    #[must_use]
    pub fn on_error(mut self, policy: OnError) -> Self {
        self.on_error = policy;
        self
    }
}

/// Options of a write.
///
/// ```
/// use larder_cache::SetOptions;
/// use larder_cache_core::Ttl;
///
/// let options = SetOptions::new().ttl(Ttl::Short).tags(["profile", "active"]);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SetOptions {
    pub(crate) ttl: Ttl,
    pub(crate) tags: Vec<String>,
    pub(crate) compression: Compression,
    pub(crate) budget: Option<Duration>,
}

impl SetOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the value stays fresh. Default: the namespace's time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Tags to store with the value. Default: none.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Whether to compress the value. Default: what the namespace says.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How long the backend may take altogether. Default: the cache's budget.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }
}
