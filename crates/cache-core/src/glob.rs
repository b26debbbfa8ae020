//! Redis glob patterns, matched here exactly as Redis matches them.

use std::fmt;

/// A pattern in the glob dialect of Redis `SCAN MATCH`: `*`, `?`, `[abc]`, `[^a-z]`, and
/// `\` before a character to take it literally.
///
/// Works on bytes, as Redis does: `?` is one byte.
///
/// ```
/// use larder_cache_core::Glob;
///
/// assert!(Glob::new("user:*").matches("user:42"));
/// assert!(Glob::new(r"100\*").matches("100*"));
/// assert_eq!(Glob::escape("a[1]*").as_str(), r"a\[1\]\*");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// A pattern. Every text is one, as in Redis.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The pattern that matches just this text.
    #[must_use]
    pub fn escape(literal: &str) -> Self {
        let mut pattern = String::with_capacity(literal.len());
        for c in literal.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        Self(pattern)
    }

    /// This pattern behind a literal start.
    #[must_use]
    pub fn behind(&self, literal: &str) -> Self {
        let mut pattern = Self::escape(literal).0;
        pattern.push_str(&self.0);
        Self(pattern)
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern matches the whole text.
    ///
    /// # Cost
    /// At most pattern length times text length; never exponential.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut p, mut t) = (0, 0);
        let mut last_star: Option<(usize, usize)> = None;
        while t < text.len() {
            match step(pattern, p, text[t]) {
                Step::Star => {
                    last_star = Some((p + 1, t));
                    p += 1;
                }
                Step::Match(next) => {
                    p = next;
                    t += 1;
                }
                Step::Mismatch => {
                    let Some((after_star, from)) = last_star else {
                        return false;
                    };
                    last_star = Some((after_star, from + 1));
                    (p, t) = (after_star, from + 1);
                }
            }
        }
        pattern[p..].iter().all(|&b| b == b'*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

enum Step {
    Star,
    Match(usize),
    Mismatch,
}

fn step(pattern: &[u8], p: usize, byte: u8) -> Step {
    let matched = |yes: bool, next| {
        if yes {
            Step::Match(next)
        } else {
            Step::Mismatch
        }
    };
    match pattern.get(p) {
        None => Step::Mismatch,
        Some(b'*') => Step::Star,
        Some(b'?') => Step::Match(p + 1),
        Some(b'[') => {
            let (inside, next) = class(pattern, p + 1, byte);
            matched(inside, next)
        }
        Some(b'\\') if p + 1 < pattern.len() => matched(pattern[p + 1] == byte, p + 2),
        Some(&literal) => matched(literal == byte, p + 1),
    }
}

/// Whether the byte is in the class that begins at `p`, and where the pattern goes on.
/// Redis closes a class that lacks its bracket at the pattern's end.
fn class(pattern: &[u8], mut p: usize, byte: u8) -> (bool, usize) {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let mut inside = false;
    while let Some(&first) = pattern.get(p) {
        let rest = &pattern[p..];
        match rest {
            [b'\\', escaped, ..] => {
                inside |= *escaped == byte;
                p += 2;
            }
            [b']', ..] => return (inside != negated, p + 1),
            [from, b'-', to, ..] => {
                inside |= (*from.min(to)..=*from.max(to)).contains(&byte);
                p += 3;
            }
            _ => {
                inside |= first == byte;
                p += 1;
            }
        }
    }
    (inside != negated, p)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(
            Glob::new(pattern).matches(text),
            expected,
            "{pattern:?} on {text:?}"
        );
    }

    #[test]
    fn matches_as_redis_does() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("**a**", "bab", true),
            ("?", "a", true),
            ("?", "", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("[a-c]", "b", true),
            ("[c-a]", "b", true),
            ("[a\\-c]", "b", false),
            ("[a\\-c]", "-", true),
            ("[]", "]", false),
            ("[^]", "x", true),
            ("[ab", "b", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", true),
            ("user:*", "user:", true),
        ] {
            check(pattern, text, expected);
        }
    }

    #[test]
    fn long_stars_stay_fast() {
        check(&"a*".repeat(200), &"a".repeat(2000), true);
        check(&format!("{}b", "a*".repeat(200)), &"a".repeat(2000), false);
    }

    proptest! {
        #[test]
        fn escaped_text_matches_only_itself(a in "\\PC{0,20}", b in "\\PC{0,20}") {
            prop_assert!(Glob::escape(&a).matches(&a));
            prop_assert_eq!(Glob::escape(&a).matches(&b), a == b);
        }

        #[test]
        fn no_pattern_panics(pattern in "[a-c*?\\[\\]^\\\\-]{0,12}", text in "[a-c\\[\\]^-]{0,12}") {
            let _matched: bool = Glob::new(pattern).matches(&text);
        }
    }
}
