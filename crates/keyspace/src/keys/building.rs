//! From what a caller has to where its value stands.

use std::borrow::Cow;

use larder_cache_core::{Key, Namespace, Result, Tag};

use super::sanitizing::sanitize_key;
use super::verdict::Verdict;
use crate::registry::Keyspace;

/// How a key is built.
///
/// ```
/// use larder_keyspace::{KeyOptions, Validation};
///
/// let options = KeyOptions::new()
///     .tags(["profile", "active"])
///     .pattern("user_profile")
///     .validation(Validation::Sanitize);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KeyOptions {
    pub(super) tags: Vec<String>,
    pub(super) pattern: Option<String>,
    pub(super) validation: Validation,
}

/// What becomes of a key that can't be one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validation {
    /// It is refused.
    #[default]
    Refuse,
    /// It is made fit by [`sanitize_key`]; refused only if it is of no pattern then.
    Sanitize,
}

/// A key that was built: all that a write of its value asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltKey {
    /// Where the value stands in the backend.
    pub physical: Key,
    /// What the cache's operations take in this namespace.
    pub user: String,
    /// What was asked for and what the namespace gives to all values: sorted, each once.
    pub tags: Vec<Tag>,
}

impl KeyOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tags that the value will carry, beside those of its namespace. Default: none.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// The name of the pattern that the key must be of. Default: any of its namespace, and
    /// any key at all where that has none.
    #[must_use]
    pub fn pattern(mut self, name: impl Into<String>) -> Self {
        self.pattern = Some(name.into());
        self
    }

    /// What becomes of a key that can't be one. Default: [`Validation::Refuse`].
    #[must_use]
    pub fn validation(mut self, validation: Validation) -> Self {
        self.validation = validation;
        self
    }
}

/// The user key: what `get`, `set` and all others take.
impl AsRef<str> for BuiltKey {
    fn as_ref(&self) -> &str {
        &self.user
    }
}

impl Keyspace {
    /// The physical key of a value: `{key prefix}:{namespace prefix}:{key}`.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`; kind `InvalidKey` when no key can be so, or none in this
    /// namespace.
    pub fn build_key(&self, key: &str, namespace: &str) -> Result<Key> {
        let settings = self.get(namespace)?.settings();
        self.place(key, &settings)
    }

    /// Builds a key with tags, of a pattern, and if asked so from what is none as it stands.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, `Config` for a pattern that the namespace does not have,
    /// `InvalidTag`; kind `InvalidKey` with all that is wrong with the key.
    ///
    /// # Example
    /// ```
    /// use larder_cache_core::{KeyPrefix, Namespace};
    /// use larder_keyspace::{KeyOptions, Keyspace};
    ///
    /// let keyspace = Keyspace::new(KeyPrefix::new("app")?);
    /// let users = Namespace::new("users").prefix("user");
    /// keyspace.register(users.key_pattern("user_profile", "profile:{id}"))?;
    /// let options = KeyOptions::new().tags(["active"]).pattern("user_profile");
    /// let built = keyspace.build_key_with("profile:123", "users", &options)?;
    /// assert_eq!(built.physical.as_str(), "app:user:profile:123");
    /// assert!(keyspace.build_key_with("profile", "users", &options).is_err());
    /// # Ok::<(), larder_cache_core::Error>(())
    /// ```
    pub fn build_key_with(
        &self,
        key: impl AsRef<[u8]>,
        namespace: &str,
        options: &KeyOptions,
    ) -> Result<BuiltKey> {
        let settings = self.get(namespace)?.settings();
        let key = match options.validation {
            Validation::Refuse => Cow::Borrowed(key.as_ref()),
            Validation::Sanitize => Cow::Owned(sanitize_key(key).into_bytes()),
        };
        let user = Verdict::of(&key, &settings, options.pattern.as_deref())?.into_key()?;
        Ok(BuiltKey {
            physical: self.place(&user, &settings)?,
            user,
            tags: Tag::list(options.tags.iter().chain(&settings.tags))?,
        })
    }

    /// Judges a key: whether it can be used in a namespace, if not all that speaks against
    /// it, and what would be better.
    ///
    /// `pattern` is the name of the one that it must be of; without it, any of the
    /// namespace's does.
    ///
    /// # Errors
    /// Kind `UnknownNamespace`, or `Config` for a pattern that the namespace does not have.
    /// What is wrong with the key is no error of this call.
    ///
    /// # Example
    /// ```
    /// use larder_cache_core::KeyPrefix;
    /// use larder_keyspace::Keyspace;
    ///
    /// let keyspace = Keyspace::new(KeyPrefix::new("app")?);
    /// assert!(keyspace.validate_key("profile:7", "content", None)?.is_valid());
    /// let verdict = keyspace.validate_key("a\r\n", "content", None)?;
    /// assert!(!verdict.is_valid());
    /// assert!(verdict.check().is_err());
    /// # Ok::<(), larder_cache_core::Error>(())
    /// ```
    pub fn validate_key(
        &self,
        key: impl AsRef<[u8]>,
        namespace: &str,
        pattern: Option<&str>,
    ) -> Result<Verdict> {
        let settings = self.get(namespace)?.settings();
        Verdict::of(key.as_ref(), &settings, pattern)
    }

    fn place(&self, key: &str, settings: &Namespace) -> Result<Key> {
        settings.check_key(key)?;
        self.prefix().value(&settings.prefix, key)
    }
}
