//! Tags: names shared by entries that are invalidated together.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::epoch::EPOCH_BYTES;
use crate::error::{Error, ErrorKind, Result};

/// The longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 255;

/// The most tags one entry can carry.
pub const MAX_TAGS: usize = 64;

/// The most tags a list is read of, those that come again counted in.
const MAX_LISTED: usize = 10 * MAX_TAGS;

/// The most bytes that all tags of one entry can have together, 17 for each counted in.
pub const MAX_TAG_SECTION_BYTES: usize = 4000;

/// A tag of an entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// A tag of 1 to 255 bytes without control characters.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTag`] for anything else.
    pub fn new(tag: &str) -> Result<Self> {
        if tag.is_empty() || tag.len() > MAX_TAG_BYTES || tag.chars().any(char::is_control) {
            return Err(Error::new(
                ErrorKind::InvalidTag,
                "a tag must have 1 to 255 bytes and no control characters",
            )
            .with("bytes", tag.len()));
        }
        Ok(Self(tag.into()))
    }

    /// Reads a list of tags: sorted, each once, however often it is given.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTag`] for a bad tag, for more than [`MAX_TAGS`] different ones, for
    /// more than [`MAX_TAG_SECTION_BYTES`] of them, and for a list of more than 640.
    pub fn list<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Result<Vec<Self>> {
        let mut list = BTreeSet::new();
        let mut section_bytes = 0;
        for (index, tag) in tags.into_iter().enumerate() {
            if index == MAX_LISTED {
                return Err(Error::new(
                    ErrorKind::InvalidTag,
                    "a list of tags can have 640, those that come again counted in; give each \
                     tag once",
                ));
            }
            let tag = Self::new(tag.as_ref())?;
            let bytes = tag.stored_bytes();
            section_bytes += if list.insert(tag) { bytes } else { 0 };
            if list.len() > MAX_TAGS || section_bytes > MAX_TAG_SECTION_BYTES {
                return Err(Error::new(
                    ErrorKind::InvalidTag,
                    "an entry can carry 64 tags and 4000 bytes of them; use fewer, wider tags",
                ));
            }
        }
        Ok(list.into_iter().collect())
    }

    /// What the tag takes in a stored header: a length, the text, an epoch.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        1 + self.0.len() + EPOCH_BYTES
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0.as_ref().into()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyPrefix;

    #[test]
    fn lists_are_sorted_and_bounded() {
        let tags = Tag::list(["vip", "active", "vip"]).unwrap();
        assert_eq!(
            tags.iter().map(Tag::as_str).collect::<Vec<_>>(),
            ["active", "vip"]
        );
        let again = Tag::list((0..640).map(|n| (n % 64).to_string()));
        assert_eq!(again.unwrap().len(), MAX_TAGS);
        let endless = Tag::list(std::iter::repeat("vip")).unwrap_err();
        assert_eq!(endless.kind(), ErrorKind::InvalidTag);
        let many = (0..65).map(|n| n.to_string());
        assert_eq!(Tag::list(many).unwrap_err().kind(), ErrorKind::InvalidTag);
        let long = (10..30).map(|n| format!("{n}{}", "x".repeat(250)));
        assert_eq!(Tag::list(long).unwrap_err().kind(), ErrorKind::InvalidTag);
    }

    #[test]
    fn refuses_bad_tags() {
        let megabyte = "x".repeat(1 << 20);
        for (tag, bytes) in [
            ("", 0),
            ("a\tb", 3),
            ("a\0", 2),
            ("\r\n", 2),
            ("\u{85}", 2),
            (&megabyte[..256], 256),
            (&megabyte, 1 << 20),
        ] {
            let error = Tag::new(tag).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidTag);
            assert_eq!(
                error.to_string(),
                format!(
                    "a tag must have 1 to 255 bytes and no control characters (bytes: {bytes})"
                )
            );
        }
        let ten_thousand = (0..10_000).map(|n| n.to_string());
        let many = Tag::list(ten_thousand).unwrap_err();
        assert_eq!(many.kind(), ErrorKind::InvalidTag);
        assert_eq!(
            many.to_string(),
            "an entry can carry 64 tags and 4000 bytes of them; use fewer, wider tags"
        );
    }

    #[test]
    fn tags_named_like_something_internal_are_tags() {
        let app = KeyPrefix::new("app").unwrap();
        let unusual = [
            "app~e:n:users",
            "~",
            "app:users:7",
            "t:x",
            "{evil}",
            "%7Bevil%7D",
        ];
        let epochs: Vec<_> = unusual
            .map(|tag| app.tag_epoch(&Tag::new(tag).unwrap()))
            .to_vec();
        for (index, epoch) in epochs.iter().enumerate() {
            assert!(epoch.as_str().starts_with("app~e:t:"), "{epoch}");
            assert!(!epoch.as_str().contains(['{', '}']), "{epoch}");
            assert!(!epochs[..index].contains(epoch), "{epoch}");
        }
    }
}
