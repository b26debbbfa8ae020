//! What a loader returns.

use larder_cache_core::Ttl;

/// What a loader found: a value or none, and how to store that.
///
/// A loader may return a plain value as well, or an `Option`, which are stored on the terms
/// of the call and the namespace.
///
/// ```
/// use larder_cache::Loaded;
/// use larder_cache_core::Ttl;
///
/// let found = Loaded::value("Ada".to_owned()).ttl(Ttl::Short).tags(["vip"]);
/// let nothing: Loaded<String> = Loaded::absent();
/// ```
#[derive(Clone, Debug)]
pub struct Loaded<V> {
    pub(crate) value: Option<V>,
    pub(crate) ttl: Ttl,
    pub(crate) tags: Vec<String>,
    pub(crate) keeping: Keeping,
}

/// Whether what was loaded is to be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keeping {
    #[default]
    Stored,
    Uncached,
}

impl<V> Loaded<V> {
    /// There is a value.
    pub fn value(value: V) -> Self {
        Self {
            value: Some(value),
            ttl: Ttl::Default,
            tags: Vec::new(),
            keeping: Keeping::Stored,
        }
    }

    /// There is none. That is remembered for the namespace's `negative_ttl`.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            value: None,
            ttl: Ttl::Default,
            tags: Vec::new(),
            keeping: Keeping::Stored,
        }
    }

    /// How long this stays fresh. Default: what the call says, else the namespace.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// It is for those who wait for this load alone, and not stored: the loader has reason to
    /// think that there is something newer.
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.keeping = Keeping::Uncached;
        self
    }

    /// Tags to store with it, besides those of the call. Default: none.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }
}

impl<V> From<V> for Loaded<V> {
    fn from(value: V) -> Self {
        Self::value(value)
    }
}

impl<V> From<Option<V>> for Loaded<V> {
    fn from(found: Option<V>) -> Self {
        found.map_or_else(Self::absent, Self::value)
    }
}
