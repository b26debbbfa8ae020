//! What speaks against a key.

use std::fmt;

use larder_cache_core::{Error, ErrorKind, KeyPattern, MAX_KEY_BYTES, Namespace, Result};

/// More parts than this are deep.
const DEEP: usize = 8;

/// What was found of a key: whether it can be used in its namespace, and if not, why not.
///
/// ```
/// use larder_cache_core::KeyPrefix;
/// use larder_keyspace::Keyspace;
///
/// let keyspace = Keyspace::new(KeyPrefix::new("app")?);
/// let verdict = keyspace.validate_key("my profile", "content", None)?;
/// assert!(verdict.is_valid());
/// assert_eq!(
///     verdict.to_string(),
///     "valid; better: a `-` or `_` than the white space at byte 2, for tools that split there; \
///      `type:id`, as in `profile:7`, so that patterns can tell the types apart",
/// );
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    namespace: String,
    key: Option<String>,
    faults: Vec<KeyFault>,
    advice: Vec<KeyAdvice>,
}

/// Why a key can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFault {
    /// It is empty.
    Empty,
    /// It is longer than the 1024 bytes there can be.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It holds control characters.
    ControlCharacters {
        /// The first of them.
        first: char,
        /// Where that is, in bytes.
        at: usize,
        /// How many there are.
        count: usize,
    },
    /// It is not UTF-8.
    NotUtf8 {
        /// How many bytes are, up to the first that is not.
        valid_up_to: usize,
    },
    /// It is of none of the patterns it must be of one of.
    NoPattern {
        /// These patterns.
        expected: Vec<KeyPattern>,
    },
}

/// What would be better about a key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAdvice {
    /// It does not have the shape `type:id`.
    NoType,
    /// It has an empty part: a `:` at its beginning, its end, or behind another.
    EmptyPart,
    /// It has many parts.
    Deep {
        /// So many.
        parts: usize,
    },
    /// It holds white space.
    WhiteSpace {
        /// Where the first is, in bytes.
        at: usize,
    },
    /// It holds a character with a meaning in glob patterns.
    GlobCharacter {
        /// The first of them.
        found: char,
    },
    /// It begins with what is put before every key of the namespace.
    Prefixed {
        /// That.
        prefix: String,
    },
}

impl Verdict {
    pub(super) fn of(key: &[u8], settings: &Namespace, pattern: Option<&str>) -> Result<Self> {
        let asked = pattern.map(|name| settings.pattern(name)).transpose()?;
        let text = std::str::from_utf8(key).ok();
        let mut faults = faults(key);
        let expected = asked.map_or(&*settings.key_patterns, std::slice::from_ref);
        let of_pattern = |text: &str| expected.iter().any(|pattern| pattern.matches(text));
        if !expected.is_empty() && !text.is_some_and(of_pattern) {
            faults.push(KeyFault::NoPattern {
                expected: expected.to_vec(),
            });
        }
        let advice = match text {
            Some(text) if faults.is_empty() => advice(text, settings),
            _ => Vec::new(),
        };
        Ok(Self {
            namespace: settings.name.clone(),
            key: text.map(str::to_owned).filter(|_| faults.is_empty()),
            faults,
            advice,
        })
    }

    /// Whether the key can be used.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }

    /// All that speaks against it.
    #[must_use]
    pub fn faults(&self) -> &[KeyFault] {
        &self.faults
    }

    /// What would be better, of a key that can be used.
    #[must_use]
    pub fn advice(&self) -> &[KeyAdvice] {
        &self.advice
    }

    /// Refuses a key that can't be used.
    ///
    /// # Errors
    /// Kind `InvalidKey`, with all that speaks against it.
    pub fn check(&self) -> Result<()> {
        if self.is_valid() {
            return Ok(());
        }
        let message = format!("the key can't be used: {}", list(&self.faults));
        let error = Error::new(ErrorKind::InvalidKey, message);
        Err(error.with("namespace", format!("{:?}", self.namespace)))
    }

    pub(super) fn into_key(self) -> Result<String> {
        self.check()?;
        Ok(self.key.unwrap_or_default())
    }
}

fn faults(key: &[u8]) -> Vec<KeyFault> {
    let mut faults = Vec::new();
    if key.is_empty() {
        faults.push(KeyFault::Empty);
    }
    if key.len() > MAX_KEY_BYTES {
        faults.push(KeyFault::TooLong { bytes: key.len() });
    }
    faults.extend(control_characters(key));
    if let Err(error) = std::str::from_utf8(key) {
        let valid_up_to = error.valid_up_to();
        faults.push(KeyFault::NotUtf8 { valid_up_to });
    }
    faults
}

fn control_characters(key: &[u8]) -> Option<KeyFault> {
    let mut first = None;
    let (mut count, mut begin) = (0, 0);
    for chunk in key.utf8_chunks() {
        for (at, c) in chunk.valid().char_indices().filter(|(_, c)| c.is_control()) {
            first = first.or(Some((c, begin + at)));
            count += 1;
        }
        begin += chunk.valid().len() + chunk.invalid().len();
    }
    let (first, at) = first?;
    Some(KeyFault::ControlCharacters { first, at, count })
}

fn advice(key: &str, settings: &Namespace) -> Vec<KeyAdvice> {
    let mut advice = Vec::new();
    let parts = key.split(':').count();
    // A pattern is the namespace's own word on what its keys look like.
    let is_free = settings.key_patterns.is_empty();
    let prefix = [&settings.prefix, &settings.name]
        .into_iter()
        .find(|prefix| key.split(':').next() == Some(prefix) && parts > 1);
    if let Some(prefix) = prefix.filter(|_| is_free) {
        advice.push(KeyAdvice::Prefixed {
            prefix: format!("{prefix}:"),
        });
    }
    if let Some(at) = key.find(char::is_whitespace) {
        advice.push(KeyAdvice::WhiteSpace { at });
    }
    if let Some(found) = key.chars().find(|c| matches!(c, '*' | '?' | '[' | '\\')) {
        advice.push(KeyAdvice::GlobCharacter { found });
    }
    if key.split(':').any(str::is_empty) {
        advice.push(KeyAdvice::EmptyPart);
    }
    match parts {
        1 if is_free => advice.push(KeyAdvice::NoType),
        parts if parts > DEEP => advice.push(KeyAdvice::Deep { parts }),
        _ => {}
    }
    advice
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join("; ")
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_valid() {
            return write!(f, "not valid: {}", list(&self.faults));
        }
        f.write_str("valid")?;
        if !self.advice.is_empty() {
            write!(f, "; better: {}", list(&self.advice))?;
        }
        Ok(())
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty; name what is cached, such as `profile:123`"),
            Self::TooLong { bytes } => write!(
                f,
                "it has {bytes} bytes and can have {MAX_KEY_BYTES}; shorten it, or have it sanitized"
            ),
            Self::ControlCharacters { first, at, count } => write!(
                f,
                "control characters, {count} in all, the first ({}) at byte {at}; encode binary \
                 data, or have it sanitized",
                first.escape_unicode()
            ),
            Self::NotUtf8 { valid_up_to } => write!(
                f,
                "it is not UTF-8 from byte {valid_up_to} on; encode binary data, or have it \
                 sanitized"
            ),
            Self::NoPattern { expected } => {
                let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "it is not of a pattern expected ({})",
                    expected.join(", ")
                )
            }
        }
    }
}

impl fmt::Display for KeyAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoType => f.write_str(
                "`type:id`, as in `profile:7`, so that patterns can tell the types apart",
            ),
            Self::EmptyPart => f.write_str("no `:` without something before and behind it"),
            Self::Deep { parts } => write!(f, "fewer than its {parts} parts, which cost memory"),
            Self::WhiteSpace { at } => write!(
                f,
                "a `-` or `_` than the white space at byte {at}, for tools that split there"
            ),
            Self::GlobCharacter { found } => write!(
                f,
                "no `{found}`, which must be escaped wherever the key is meant in a pattern"
            ),
            Self::Prefixed { prefix } => write!(
                f,
                "no `{prefix}` at its beginning, since the namespace's prefix is put there anyway"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
