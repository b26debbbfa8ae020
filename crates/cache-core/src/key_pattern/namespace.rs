//! The patterns of a namespace.

use super::KeyPattern;
use crate::error::{Error, ErrorKind, Result};
use crate::key::check_key;
use crate::namespace::Namespace;

impl Namespace {
    /// The most [`key_patterns`](Namespace::key_patterns): each costs a look at the key.
    pub const MAX_KEY_PATTERNS: usize = 64;

    /// Refuses user keys that can't be in this namespace: those that
    /// [`check_key`](crate::check_key) refuses, and where there are
    /// [`key_patterns`](Namespace::key_patterns), those of none of them.
    ///
    /// # Cost
    /// A look at each byte of the key for each pattern at most; no allocation.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`], with the patterns there are.
    pub fn check_key(&self, key: &str) -> Result<()> {
        check_key(key)?;
        if self.key_patterns.is_empty() || self.pattern_of(key).is_some() {
            return Ok(());
        }
        let refused = Error::new(
            ErrorKind::InvalidKey,
            "a key must be of one of the patterns of its namespace",
        );
        Err(self
            .in_context(refused)
            .with("expected", self.patterns_shown())
            .with("found", format!("{key:?}")))
    }

    /// The first of the [`key_patterns`](Namespace::key_patterns) that a key is of.
    #[must_use]
    pub fn pattern_of(&self, key: &str) -> Option<&KeyPattern> {
        let mut patterns = self.key_patterns.iter();
        patterns.find(|pattern| pattern.matches(key))
    }

    /// One of the [`key_patterns`](Namespace::key_patterns), by its name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming those there are.
    pub fn pattern(&self, name: &str) -> Result<&KeyPattern> {
        let mut patterns = self.key_patterns.iter();
        let found = patterns.find(|pattern| pattern.name() == name);
        found.ok_or_else(|| {
            self.refuse(
                "the namespace has no key pattern of this name; declare it with key_pattern",
            )
            .with("found", format!("{name:?}"))
            .with("known", self.patterns_shown())
        })
    }

    pub(crate) fn check_key_patterns(&self) -> Result<()> {
        let patterns = &self.key_patterns;
        if patterns.len() > Self::MAX_KEY_PATTERNS {
            return Err(self
                .refuse("a namespace can have 64 key patterns; use fewer, wider ones")
                .with("found", patterns.len()));
        }
        for (index, pattern) in patterns.iter().enumerate() {
            pattern.check().map_err(|error| self.in_context(error))?;
            let same = |other: &KeyPattern| other.name() == pattern.name();
            if patterns[..index].iter().any(same) {
                return Err(self
                    .refuse("two key patterns can't share a name; give one another name")
                    .with("pattern", pattern.name()));
            }
        }
        Ok(())
    }

    fn patterns_shown(&self) -> String {
        let shown: Vec<_> = self.key_patterns.iter().map(ToString::to_string).collect();
        match shown.is_empty() {
            true => "none".to_owned(),
            false => shown.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_patterns_are_refused() {
        let users = || Namespace::new("users");
        let many = (0..65).fold(users(), |n, p| n.key_pattern(p.to_string(), "a"));
        for (namespace, expected) in [
            (users().key_pattern("p", "profile:{id"), "has no `}`"),
            (users().key_pattern("p", "profile:{id"), "users"),
            (
                users().key_pattern("p", "a").key_pattern("p", "b"),
                "share a name",
            ),
            (many, "64 key patterns"),
        ] {
            let error = namespace.validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_key_is_of_one_of_the_patterns() {
        let any = Namespace::new("users");
        any.check_key("anything at all").unwrap();
        let users = any
            .key_pattern("profile", "profile:{id}")
            .key_pattern("list", "all");
        users.validate().unwrap();
        users.check_key("profile:7").unwrap();
        assert_eq!(users.pattern_of("all").map(KeyPattern::name), Some("list"));
        let error = users.check_key("profil:7").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidKey);
        assert_eq!(
            error.to_string(),
            "a key must be of one of the patterns of its namespace (namespace: \"users\", \
             expected: profile: `profile:{id}`, list: `all`, found: \"profil:7\")"
        );
        let empty = users.check_key("").unwrap_err();
        assert!(empty.to_string().contains("must not be empty"), "{empty}");
        let unknown = users.pattern("user").unwrap_err();
        assert!(unknown.to_string().contains("known: profile:"), "{unknown}");
        let built = users.pattern("profile").unwrap().fill([("id", "7")]);
        assert_eq!(built.unwrap(), "profile:7");
    }
}
