//! The one error type of the workspace.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong, coarse enough to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call's time budget ran out. A write may still have been applied.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// The circuit breaker keeps calls away from a failing backend.
    CircuitOpen,
    /// A bounded queue or semaphore is full.
    Backpressure,
    /// The backend answered with an error.
    Server,
    /// The backend refused the credentials, or wants some.
    Auth,
    /// A stored key holds something that is not a plain string value.
    WrongType,
    /// A value could not be serialized, deserialized, compressed or decompressed.
    Codec,
    /// A value could not be encrypted or authenticated.
    Crypto,
    /// A key breaks the rules for keys.
    InvalidKey,
    /// A tag breaks the rules for tags.
    InvalidTag,
    /// A time to live is zero or too long.
    InvalidTtl,
    /// A value is over the size limit.
    TooLarge,
    /// The key is cached under another Rust type.
    TypeMismatch,
    /// No namespace of this name is registered.
    UnknownNamespace,
    /// The backend cannot do this.
    Unsupported,
    /// A setting is wrong.
    Config,
    /// Somebody else has taken the caller's place since.
    Superseded,
    /// The cache was shut down.
    Closed,
}

impl ErrorKind {
    const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Connection | Self::CircuitOpen | Self::Backpressure
        )
    }

    const fn was_never_sent(self) -> bool {
        matches!(self, Self::CircuitOpen | Self::Backpressure)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::CircuitOpen => "circuit open",
            Self::Backpressure => "backpressure",
            Self::Server => "server",
            Self::Auth => "authentication",
            Self::WrongType => "wrong type",
            Self::Codec => "codec",
            Self::Crypto => "crypto",
            Self::InvalidKey => "invalid key",
            Self::InvalidTag => "invalid tag",
            Self::InvalidTtl => "invalid ttl",
            Self::TooLarge => "too large",
            Self::TypeMismatch => "type mismatch",
            Self::UnknownNamespace => "unknown namespace",
            Self::Unsupported => "unsupported",
            Self::Config => "configuration",
            Self::Superseded => "superseded",
            Self::Closed => "closed",
        })
    }
}

/// How many characters of a fact are printed.
const LONGEST_FACT: usize = 2_000;

/// An error of the cache, opaque but for its [`kind`](Error::kind) and a few questions.
///
/// It is `Clone`, because one failed load answers every caller that waited for it.
/// A message says what was expected, what was found and what to do; it never holds a
/// password, an encryption key or a cached value.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    transient: bool,
    replay_safe: bool,
}

/// A result with the cache's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind, with a message for people.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            source: None,
            transient: kind.is_transient(),
            replay_safe: kind.was_never_sent(),
        }))
    }

    /// Adds a fact, printed as `name: value` behind the message; the first 2,000 characters of it,
    /// as what was found may be anything.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        let mut value = value.to_string();
        if let Some((end, _)) = value.char_indices().nth(LONGEST_FACT) {
            value.truncate(end);
            value.push_str("...");
        }
        self.0.context.push((name, value));
        self
    }

    /// Sets the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Marks an error that passes by itself. Default: by kind.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.0.transient = true;
        self
    }

    /// Marks an error of a command that certainly had no effect. Default: by kind.
    #[must_use]
    pub fn replay_safe(mut self) -> Self {
        self.0.replay_safe = true;
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without anybody's doing.
    ///
    /// This does not say that repeating it is harmless: see
    /// [`is_replay_safe`](Error::is_replay_safe).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Whether the failed command certainly had no effect, so that sending it again
    /// can't apply it twice.
    #[must_use]
    pub fn is_replay_safe(&self) -> bool {
        self.0.replay_safe
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (index, (name, value)) in self.0.context.iter().enumerate() {
            let open = if index == 0 { " (" } else { ", " };
            write!(f, "{open}{name}: {value}")?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} error: {self}", self.0.kind)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_no_more_of_a_fact_than_can_be_read() {
        let error =
            Error::new(ErrorKind::Config, "too long").with("found", "\u{e9}".repeat(1 << 20));
        let text = error.to_string();
        assert_eq!(text.matches('\u{e9}').count(), LONGEST_FACT);
        assert!(text.contains("..."), "{text}");
    }

    #[test]
    fn prints_message_and_context() {
        let error = Error::new(ErrorKind::TooLarge, "value is over the limit")
            .with("bytes", 12)
            .with("limit", 10);
        assert_eq!(
            error.to_string(),
            "value is over the limit (bytes: 12, limit: 10)"
        );
    }

    #[test]
    fn transient_is_not_replay_safe() {
        let timeout = Error::new(ErrorKind::Timeout, "no answer");
        assert!(timeout.is_transient());
        assert!(!timeout.is_replay_safe());
        assert!(Error::new(ErrorKind::CircuitOpen, "open").is_replay_safe());
    }
}
