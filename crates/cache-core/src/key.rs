//! Physical keys: where a value stands in the backend.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::tag::Tag;

/// The longest user key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

/// The longest key prefix or namespace prefix, in bytes.
pub const MAX_PREFIX_BYTES: usize = 64;

/// A physical key: `{key prefix}:{namespace prefix}:{user key}`.
///
/// Made by a [`KeyPrefix`] alone, so that every one of them has passed the rules. Cheap
/// to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The prefix in front of everything one cache stores, such as `app`.
///
/// Values stand under `{prefix}:`, everything internal under `{prefix}~`; no user key
/// reaches the second.
///
/// ```
/// use larder_cache_core::KeyPrefix;
///
/// let app = KeyPrefix::new("app")?;
/// let key = app.value("user", "profile:123")?;
/// assert_eq!(key.as_str(), "app:user:profile:123");
/// assert_eq!(app.user_key("user", key.as_str()).as_deref(), Some("profile:123"));
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPrefix(Arc<str>);

impl KeyPrefix {
    /// A prefix of letters, digits, `_`, `-` and `.`, 1 to 64 bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for anything else.
    pub fn new(prefix: &str) -> Result<Self> {
        check_prefix("key prefix", prefix)?;
        Ok(Self(prefix.into()))
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The physical key of a value.
    ///
    /// `{`, `}` and `%` of the user key are percent-encoded, so that user data can't choose
    /// a cluster slot and internal keys can share the slot of any value.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] when [`check_key`] refuses the user key.
    pub fn value(&self, namespace_prefix: &str, user_key: &str) -> Result<Key> {
        check_key(user_key)?;
        let encoded = encode(user_key);
        Ok(Key([&*self.0, ":", namespace_prefix, ":", &encoded]
            .concat()
            .into()))
    }

    /// The physical key of something internal, `{prefix}~{name}`: no user key reaches it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] when [`check_key`] refuses the name.
    pub fn internal(&self, name: &str) -> Result<Key> {
        check_key(name)?;
        Ok(Key(format!("{}~{}", self.0, encode(name)).into()))
    }

    /// The physical key of something internal that shares a cluster slot with others,
    /// `{prefix}~{area}:{slot}:{part}` with braces around the slot: all of one slot name are on
    /// one node.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] when [`check_key`] refuses one of the names.
    pub fn internal_in_slot(&self, area: &str, slot: &str, part: &str) -> Result<Key> {
        for name in [area, slot, part] {
            check_key(name)?;
        }
        let (area, slot, part) = (encode(area), encode(slot), encode(part));
        Ok(Key(format!("{}~{area}:{{{slot}}}:{part}", self.0).into()))
    }

    /// What the physical keys of all values begin with.
    #[must_use]
    pub fn values_start(&self) -> String {
        format!("{}:", self.0)
    }

    /// What the physical keys of all epoch records begin with.
    #[must_use]
    pub fn epochs_start(&self) -> String {
        format!("{}~e:", self.0)
    }

    /// The physical key of a tag's epoch record.
    #[must_use]
    pub fn tag_epoch(&self, tag: &Tag) -> Key {
        Key(format!("{}t:{}", self.epochs_start(), encode(tag.as_str())).into())
    }

    /// The physical key of a namespace's epoch record.
    #[must_use]
    pub fn namespace_epoch(&self, namespace_prefix: &str) -> Key {
        Key(format!("{}n:{namespace_prefix}", self.epochs_start()).into())
    }

    /// What all physical keys of a namespace begin with.
    #[must_use]
    pub fn namespace_start(&self, namespace_prefix: &str) -> String {
        format!("{}:{namespace_prefix}:", self.0)
    }

    /// The user key behind a physical key of a namespace; `None` for any other key.
    #[must_use]
    pub fn user_key<'k>(&self, namespace_prefix: &str, physical: &'k str) -> Option<Cow<'k, str>> {
        let rest = physical
            .strip_prefix(&*self.0)?
            .strip_prefix(':')?
            .strip_prefix(namespace_prefix)?
            .strip_prefix(':')?;
        decode(rest)
    }
}

/// Refuses user keys that are empty, longer than [`MAX_KEY_BYTES`], or hold control
/// characters.
///
/// # Errors
/// [`ErrorKind::InvalidKey`], saying which rule was broken.
pub fn check_key(key: &str) -> Result<()> {
    let invalid = |message: &'static str| Error::new(ErrorKind::InvalidKey, message);
    if key.is_empty() {
        return Err(invalid(
            "a key must not be empty; name what is cached, such as `profile:123`",
        ));
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(
            invalid("a key can have 1024 bytes at most; use a digest of a longer one")
                .with("bytes", key.len()),
        );
    }
    if key.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    if let Some((at, found)) = key.char_indices().find(|(_, c)| c.is_control()) {
        return Err(invalid(
            "a key must not hold control characters; encode binary data, for example as hex",
        )
        .with("found", found.escape_unicode())
        .with("at byte", at));
    }
    Ok(())
}

/// Reads a user key from bytes.
///
/// # Errors
/// [`ErrorKind::InvalidKey`] when the bytes are not UTF-8 or [`check_key`] refuses them.
pub fn key_from_bytes(bytes: &[u8]) -> Result<&str> {
    let key = std::str::from_utf8(bytes).map_err(|source| {
        Error::new(
            ErrorKind::InvalidKey,
            "a key must be UTF-8; encode binary data, for example as hex",
        )
        .with("valid up to byte", source.valid_up_to())
    })?;
    check_key(key)?;
    Ok(key)
}

/// Refuses prefixes that could run into another one: only letters, digits, `_`, `-` and
/// `.`, 1 to [`MAX_PREFIX_BYTES`] bytes.
///
/// # Errors
/// [`ErrorKind::Config`], naming the prefix and what it is for.
pub fn check_prefix(what: &'static str, prefix: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !prefix.is_empty() && prefix.len() <= MAX_PREFIX_BYTES && prefix.chars().all(allowed) {
        return Ok(());
    }
    let message = format!("a {what} must be 1 to 64 letters, digits, `_`, `-` or `.`");
    Err(Error::new(ErrorKind::Config, message).with("found", format!("{prefix:?}")))
}

fn encode(user_key: &str) -> Cow<'_, str> {
    if !user_key
        .bytes()
        .any(|byte| matches!(byte, b'{' | b'}' | b'%'))
    {
        return Cow::Borrowed(user_key);
    }
    let mut encoded = String::with_capacity(user_key.len() + 8);
    for c in user_key.chars() {
        match c {
            '{' => encoded.push_str("%7B"),
            '}' => encoded.push_str("%7D"),
            '%' => encoded.push_str("%25"),
            other => encoded.push(other),
        }
    }
    Cow::Owned(encoded)
}

/// Reads back what [`encode`] wrote; `None` for text it never writes.
fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    if encoded.is_empty() || encoded.contains(['{', '}']) {
        return None;
    }
    if !encoded.contains('%') {
        return Some(Cow::Borrowed(encoded));
    }
    let mut pieces = encoded.split('%');
    let mut decoded = pieces.next()?.to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        decoded.push(match code {
            "7B" => '{',
            "7D" => '}',
            "25" => '%',
            _ => return None,
        });
        decoded.push_str(rest);
    }
    Some(Cow::Owned(decoded))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app() -> KeyPrefix {
        KeyPrefix::new("app").unwrap()
    }

    #[test]
    fn refuses_bad_keys() {
        let control = |found: &str, at: usize| {
            format!(
                "a key must not hold control characters; encode binary data, for example as hex \
                 (found: {found}, at byte: {at})"
            )
        };
        let long = |bytes: usize| {
            format!(
                "a key can have 1024 bytes at most; use a digest of a longer one (bytes: {bytes})"
            )
        };
        let megabyte = "x".repeat(1 << 20);
        for (key, expected) in [
            (
                "",
                "a key must not be empty; name what is cached, such as `profile:123`".to_owned(),
            ),
            ("a\nb", control("\\u{a}", 1)),
            ("a\r\nb", control("\\u{d}", 1)),
            ("\0", control("\\u{0}", 0)),
            ("ü\u{85}", control("\\u{85}", 2)),
            (&megabyte[..1025], long(1025)),
            (&megabyte, long(1 << 20)),
        ] {
            let error = app().value("user", key).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidKey);
            assert_eq!(error.to_string(), expected);
        }
        assert!(app().value("user", &megabyte[..1024]).is_ok());
        let not_utf8 = key_from_bytes(b"ab\xff").unwrap_err();
        assert_eq!(
            not_utf8.to_string(),
            "a key must be UTF-8; encode binary data, for example as hex (valid up to byte: 2)"
        );
    }

    #[test]
    fn braces_never_reach_the_backend() {
        for (key, physical) in [
            ("{evil}", "app:user:%7Bevil%7D"),
            ("{}", "app:user:%7B%7D"),
            ("{{x}}", "app:user:%7B%7Bx%7D%7D"),
            ("{", "app:user:%7B"),
            ("100%", "app:user:100%25"),
            ("a:b", "app:user:a:b"),
        ] {
            assert_eq!(app().value("user", key).unwrap().as_str(), physical);
        }
    }

    #[test]
    fn internal_keys_of_one_slot_have_its_name_in_their_only_braces() {
        let key = |slot| app().internal_in_slot("journal", slot, "log");
        assert_eq!(
            key("orders:3").unwrap().as_str(),
            "app~journal:{orders:3}:log"
        );
        assert_eq!(key("a}{b").unwrap().as_str(), "app~journal:{a%7D%7Bb}:log");
        assert_eq!(key("").unwrap_err().kind(), ErrorKind::InvalidKey);
    }

    #[test]
    fn refuses_bad_prefixes() {
        let long = "x".repeat(65);
        for prefix in [
            "", "a:b", "a~b", "*", "[1]", "?", "a\\", "{x}", "a b", "a\n", "ä", &long,
        ] {
            let error = KeyPrefix::new(prefix).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert_eq!(
                error.to_string(),
                format!(
                    "a key prefix must be 1 to 64 letters, digits, `_`, `-` or `.` \
                     (found: {prefix:?})"
                )
            );
        }
    }

    proptest! {
        #[test]
        fn physical_keys_are_injective(a in "\\PC{1,40}", b in "\\PC{1,40}") {
            let (ka, kb) = (app().value("n", &a), app().value("n", &b));
            if let (Ok(ka), Ok(kb)) = (ka, kb) {
                prop_assert_eq!(ka == kb, a == b);
                prop_assert_eq!(app().user_key("n", ka.as_str()).unwrap(), a);
            }
        }

        #[test]
        fn no_key_reaches_another_namespace(key in "\\PC{1,40}") {
            if let Ok(physical) = app().value("user", &key) {
                prop_assert!(app().user_key("users", physical.as_str()).is_none());
                prop_assert!(physical.as_str().starts_with("app:user:"));
                let braces = physical.as_str().contains(['{', '}']);
                prop_assert!(!braces);
            }
        }

        #[test]
        fn any_physical_text_decodes_or_is_refused(text in ".{0,40}") {
            let physical = format!("app:user:{text}");
            if let Some(key) = app().user_key("user", &physical)
                && let Ok(again) = app().value("user", &key) {
                prop_assert_eq!(again.as_str(), physical);
            }
        }
    }
}
