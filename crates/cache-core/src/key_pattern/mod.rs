//! Named patterns of user keys.

use std::fmt;
use std::sync::Arc;

use self::template::{Flaw, Piece, parse};
use crate::error::{Error, ErrorKind, Result};
use crate::key::check_key;

mod namespace;
mod template;

/// A named pattern of user keys, such as `profile:{id}`: what keys look like, and how they
/// are made.
///
/// A template is text with placeholders, each with a name of its own:
///
/// | placeholder | stands for |
/// |---|---|
/// | `{id}` | one or more characters but `:`, and but the character behind the placeholder |
/// | `{id:int}` | one or more of the digits `0` to `9` |
/// | `{id:uuid}` | a UUID with its four hyphens, in either case |
/// | `{rest:path}` | one or more characters, also `:`; at the end alone |
///
/// `{{` and `}}` stand for a brace. Behind a placeholder is the end, or a character that is
/// neither letter nor digit: so there is one way at most to read a key, and no two fillings
/// make the same one.
///
/// ```
/// use larder_cache_core::KeyPattern;
///
/// let page = KeyPattern::new("page", "{site}:page:{number:int}");
/// page.check()?;
/// assert!(page.matches("blog:page:7"));
/// assert!(!page.matches("blog:page:seven"));
/// assert_eq!(page.fill([("site", "blog"), ("number", "7")])?, "blog:page:7");
/// assert!(page.fill([("site", "a:b"), ("number", "7")]).is_err());
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPattern {
    name: Arc<str>,
    template: Arc<str>,
    pieces: Result<Arc<[Piece]>, Flaw>,
}

impl KeyPattern {
    /// A pattern with a name. Whether the template is one, [`check`](KeyPattern::check) says;
    /// what is none matches no key.
    pub fn new(name: impl Into<Arc<str>>, template: impl Into<Arc<str>>) -> Self {
        let template = template.into();
        Self {
            name: name.into(),
            pieces: parse(&template).map(Into::into),
            template,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The template, as it was given.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Refuses an empty name, and a template that is none.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the pattern, what is wrong and where.
    pub fn check(&self) -> Result<()> {
        self.read().map(drop)
    }

    /// Whether a key is of this pattern.
    ///
    /// # Cost
    /// One look at each byte of the key at most, no allocation.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        let Ok(pieces) = &self.pieces else {
            return false;
        };
        let mut rest = key;
        for (index, piece) in pieces.iter().enumerate() {
            let after = match piece {
                Piece::Text(text) => rest.strip_prefix(&**text),
                Piece::Placeholder { shape, .. } => {
                    let length = shape.length(rest, stop(pieces, index));
                    (length > 0).then(|| rest.get(length..)).flatten()
                }
            };
            let Some(after) = after else {
                return false;
            };
            rest = after;
        }
        rest.is_empty()
    }

    /// The key with these values at the placeholders of these names. Other values make
    /// another key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] when a placeholder has no value or two, a value has no
    /// placeholder or is not what its placeholder stands for, or the key can't be one;
    /// [`ErrorKind::Config`] when the template is none.
    pub fn fill<'n, V: AsRef<str>>(
        &self,
        values: impl IntoIterator<Item = (&'n str, V)>,
    ) -> Result<String> {
        let pieces = self.read()?;
        let mut values: Vec<(&str, V)> = values.into_iter().collect();
        let mut key = String::new();
        for (index, piece) in pieces.iter().enumerate() {
            let (name, shape) = match piece {
                Piece::Text(text) => {
                    key.push_str(text);
                    continue;
                }
                Piece::Placeholder { name, shape } => (name, *shape),
            };
            let at = values.iter().position(|(given, _)| *given == &**name);
            let Some(at) = at else {
                return Err(self.misfilled("a placeholder has no value", name));
            };
            let (_, value) = values.remove(at);
            let value = value.as_ref();
            let length = shape.length(value, stop(pieces, index));
            if value.is_empty() || length != value.len() {
                let expected = shape.expected(stop(pieces, index));
                let shown: String = value.chars().take(SHOWN).collect();
                return Err(self
                    .misfilled("a value does not fit its placeholder", name)
                    .with("expected", expected)
                    .with("found", format!("{shown:?}")));
            }
            key.push_str(value);
        }
        if let Some((name, _)) = values.first() {
            return Err(self.misfilled("a value has no placeholder, or a second one", name));
        }
        check_key(&key)?;
        Ok(key)
    }

    fn read(&self) -> Result<&[Piece]> {
        let refused = |problem: String| {
            Error::new(
                ErrorKind::Config,
                "a key pattern has a name and a template such as `profile:{id}`, \
                 `{id:int}`, `{id:uuid}` or, at its end, `{rest:path}`",
            )
            .with("pattern", &self.name)
            .with("template", format!("{:?}", self.template))
            .with("problem", problem)
        };
        if self.name.is_empty() {
            return Err(refused("the name is empty".to_owned()));
        }
        match &self.pieces {
            Ok(pieces) => Ok(pieces),
            Err(flaw) => Err(refused(flaw.to_string())),
        }
    }

    fn misfilled(&self, problem: &'static str, placeholder: &str) -> Error {
        Error::new(ErrorKind::InvalidKey, problem)
            .with("placeholder", placeholder)
            .with("pattern", self)
    }
}

/// How much of a value an error shows, in characters.
const SHOWN: usize = 64;

/// The character at which a placeholder's value ends: the first one behind it.
fn stop(pieces: &[Piece], index: usize) -> Option<char> {
    match pieces.get(index + 1) {
        Some(Piece::Text(text)) => text.chars().next(),
        _ => None,
    }
}

/// As `name: template`.
impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}`", self.name, self.template)
    }
}

impl fmt::Debug for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPattern({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(template: &str) -> KeyPattern {
        KeyPattern::new("it", template)
    }

    fn check(template: &str, key: &str, expected: bool) {
        let pattern = pattern(template);
        pattern.check().unwrap();
        assert_eq!(pattern.matches(key), expected, "{template:?} on {key:?}");
    }

    #[test]
    fn matches_what_the_template_says() {
        let uuid = "0a1B2c3d-0000-4fff-8000-00000000000f";
        for (template, key, expected) in [
            ("profile", "profile", true),
            ("profile", "profiles", false),
            ("profile:{id}", "profile:7", true),
            ("profile:{id}", "profile:ü 7", true),
            ("profile:{id}", "profile:", false),
            ("profile:{id}", "profile:7:8", false),
            ("profile:{id}", "profil:7", false),
            ("{a}:{b}", "x:y", true),
            ("{a}:{b}", "x:y:z", false),
            ("{a}:{b}", ":y", false),
            ("{a}-{b}", "x-y", true),
            ("{a}-{b}", "x-y-z", true),
            ("{a}-x", "b-y-x", false),
            ("{id:int}", "0123", true),
            ("{id:int}", "-1", false),
            ("{id:int}", "١", false),
            ("{id:int}.png", "12.png", true),
            ("u:{id:uuid}", &format!("u:{uuid}"), true),
            ("u:{id:uuid}", &format!("u:{}", &uuid[1..]), false),
            (
                "u:{id:uuid}",
                "u:0a1B2c3d00000-4fff-8000-00000000000f",
                false,
            ),
            ("{id:uuid}-{x}", &format!("{uuid}-1"), true),
            ("file:{rest:path}", "file:a:b:c", true),
            ("file:{rest:path}", "file:", false),
            ("{{{id}}}", "{7}", true),
            ("{{}}", "{}", true),
        ] {
            check(template, key, expected);
        }
    }

    #[test]
    fn bad_templates_say_what_is_wrong() {
        for (template, problem) in [
            ("", "empty"),
            ("profile:{id", "`{` at byte 8 has no `}`"),
            ("profile:id}", "`}` at byte 10 has no `{`"),
            ("{}", "placeholder at byte 0 needs a name"),
            ("{:int}", "placeholder at byte 0 needs a name"),
            ("{a b}", "placeholder at byte 0 needs a name"),
            ("{id:number}", "\"number\""),
            ("{id}:{id}", "\"id\" twice"),
            ("{a}{b}", "behind the placeholder \"a\""),
            ("{a}s", "behind the placeholder \"a\""),
            ("{a:path}:b", "\"a\" takes everything to the end"),
            ("a\nb", "control character"),
            (&"x".repeat(1025), "1024 bytes"),
        ] {
            let error = pattern(template).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(problem), "{error}");
            assert!(error.to_string().contains("pattern: it"), "{error}");
            assert!(!pattern(template).matches("x"), "{template:?}");
        }
        let nameless = KeyPattern::new("", "a").check().unwrap_err();
        assert!(nameless.to_string().contains("name is empty"), "{nameless}");
    }

    #[test]
    fn bad_fillings_say_what_is_wrong() {
        let page = pattern("{site}:{number:int}");
        let long = "x".repeat(1 << 20);
        for (values, problem) in [
            (&[("site", "blog")][..], "no value (placeholder: number"),
            (
                &[("site", "a:b"), ("number", "1")],
                "one or more characters but `:`",
            ),
            (&[("site", ""), ("number", "1")], "found: \"\""),
            (&[("site", "a"), ("number", "1x")], "digits"),
            (
                &[("site", "a"), ("number", "1"), ("x", "y")],
                "placeholder: x",
            ),
            (&[("site", "a"), ("number", "1"), ("site", "b")], "second"),
            (&[("site", "a\n"), ("number", "1")], "control"),
            (&[("site", &long), ("number", "1")], "1024 bytes"),
        ] {
            let error = page.fill(values.iter().copied()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidKey);
            assert!(error.to_string().contains(problem), "{error}");
            assert!(error.to_string().len() < 500, "{error}");
        }
        assert_eq!(
            pattern("{a").fill::<&str>([]).unwrap_err().kind(),
            ErrorKind::Config
        );
    }

    #[test]
    fn long_keys_and_templates_stay_fast() {
        let template: String = (0..100).map(|n| format!("{{p{n}}}-")).collect();
        let pattern = pattern(&format!("{template}x"));
        pattern.check().unwrap();
        assert!(!pattern.matches(&"a-".repeat(1 << 20)));
    }

    proptest! {
        #[test]
        fn no_two_fillings_make_one_key(
            a in "[a-c:.-]{1,4}", b in "[a-c:.-]{1,4}", c in "[a-c:.-]{1,4}", d in "[a-c:.-]{1,4}",
            template in prop::sample::select(vec![
                "{x}:{y}", "{x}-{y}", "{x}.-{y}", "{y}-{x:path}", "-{x}-{y:path}",
            ]),
        ) {
            let pattern = pattern(template);
            let first = pattern.fill([("x", &*a), ("y", &*b)]);
            let second = pattern.fill([("y", &*d), ("x", &*c)]);
            if let (Ok(first), Ok(second)) = (first, second) {
                prop_assert!(pattern.matches(&first));
                prop_assert_eq!(first == second, (a, b) == (c, d));
            }
        }

        #[test]
        fn no_template_panics(template in "[{}:a-cint-]{0,16}", key in "[:a-c{}-]{0,12}") {
            let pattern = pattern(&template);
            let matched = pattern.matches(&key);
            prop_assert!(!matched || pattern.check().is_ok());
            let _filled: Result<String> = pattern.fill([("a", &*key)]);
        }
    }
}
