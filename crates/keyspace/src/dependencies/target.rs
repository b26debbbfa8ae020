//! What can be invalidated.

use std::fmt;
use std::sync::Arc;

use larder_cache_core::{Result, Tag, check_key, check_prefix};

/// What can be invalidated, and depend on something else that can.
///
/// ```
/// use larder_keyspace::Target;
///
/// let target = Target::key("users", "profile:7");
/// assert_eq!(target.to_string(), r#"key "profile:7" of namespace "users""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Target {
    /// All entries with a tag, in whichever namespace.
    Tag(Arc<str>),
    /// All entries of a namespace, by its name.
    Namespace(Arc<str>),
    /// One entry.
    Key {
        /// The name of its namespace.
        namespace: Arc<str>,
        /// The user key.
        key: Arc<str>,
    },
}

impl Target {
    /// All entries with a tag.
    #[must_use]
    pub fn tag(tag: &str) -> Self {
        Self::Tag(tag.into())
    }

    /// All entries of a namespace.
    #[must_use]
    pub fn namespace(name: &str) -> Self {
        Self::Namespace(name.into())
    }

    /// One entry of a namespace.
    #[must_use]
    pub fn key(namespace: &str, key: &str) -> Self {
        Self::Key {
            namespace: namespace.into(),
            key: key.into(),
        }
    }

    /// The namespace that it is, or is in; `None` for a tag, which all namespaces share.
    #[must_use]
    pub fn namespace_name(&self) -> Option<&str> {
        match self {
            Self::Tag(_) => None,
            Self::Namespace(name) => Some(name),
            Self::Key { namespace, .. } => Some(namespace),
        }
    }

    /// Says whether there can be such a target.
    ///
    /// # Errors
    /// Kind `InvalidTag`, `InvalidKey`, or `Config` for the name of a namespace.
    pub fn validate(&self) -> Result<()> {
        if let Some(name) = self.namespace_name() {
            check_prefix("namespace name", name)?;
        }
        match self {
            Self::Tag(tag) => Tag::new(tag).map(drop),
            Self::Namespace(_) => Ok(()),
            Self::Key { key, .. } => check_key(key),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "tag {tag:?}"),
            Self::Namespace(name) => write!(f, "namespace {name:?}"),
            Self::Key { namespace, key } => write!(f, "key {key:?} of namespace {namespace:?}"),
        }
    }
}
