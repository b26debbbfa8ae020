//! Which compression a value gets.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// How values are compressed: for a cache, a namespace, or one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// A call: as the namespace says. A namespace: as the cache says.
    #[default]
    Default,
    /// Store values as they are.
    Off,
    /// Let the codec choose, by what it measures on the values of the namespace.
    Auto,
    /// As [`Auto`](Compression::Auto), and with dictionaries that are trained from the
    /// namespace's own values, where they are measured to pay. A setting of namespaces and
    /// caches: a single call that asks for it uses a dictionary if there is one.
    Trained,
    /// This algorithm, where it makes the value smaller.
    With(Algorithm),
}

/// A compression algorithm, with its level.
///
/// ```
/// use larder_cache_core::Algorithm;
///
/// assert_eq!("zstd:3".parse::<Algorithm>()?, Algorithm::Zstd(3));
/// assert_eq!(Algorithm::Zstd(3).to_string(), "zstd:3");
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// LZ4 blocks: the fastest, and the least thorough.
    Lz4,
    /// Zstandard, at a level from -7 (fast) to 22 (small).
    Zstd(i8),
    /// Brotli, at a quality from 0 (fast) to 11 (small).
    Brotli(u8),
    /// Gzip, at a level from 0 (stored) to 9 (small).
    Gzip(u8),
    /// LZ-String, for values that JavaScript programs read and write.
    LzString(LzStringForm),
}

/// What LZ-String's output is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LzStringForm {
    /// `compressToUTF16`, stored as UTF-8.
    Utf16,
    /// `compressToBase64`.
    Base64,
}

impl Algorithm {
    /// The number that stands in stored headers; never 0, which means "plain".
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Lz4 => 1,
            Self::Zstd(_) => 2,
            Self::Brotli(_) => 3,
            Self::Gzip(_) => 4,
            Self::LzString(LzStringForm::Utf16) => 5,
            Self::LzString(LzStringForm::Base64) => 6,
        }
    }

    /// The name without the level, as in settings, logs and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd(_) => "zstd",
            Self::Brotli(_) => "brotli",
            Self::Gzip(_) => "gzip",
            Self::LzString(LzStringForm::Utf16) => "lz-string",
            Self::LzString(LzStringForm::Base64) => "lz-string-base64",
        }
    }

    /// Refuses levels that the algorithm does not have.
    ///
    /// # Errors
    /// Kind `Config`, saying which levels there are.
    pub fn validate(self) -> Result<()> {
        let (level, allowed) = match self {
            Self::Zstd(level) => (i64::from(level), -7..=22),
            Self::Brotli(quality) => (i64::from(quality), 0..=11),
            Self::Gzip(level) => (i64::from(level), 0..=9),
            Self::Lz4 | Self::LzString(_) => return Ok(()),
        };
        if allowed.contains(&level) {
            return Ok(());
        }
        let (least, most) = allowed.into_inner();
        Err(Error::new(
            ErrorKind::Config,
            format!("the level of {} is from {least} to {most}", self.name()),
        )
        .with("found", level))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Zstd(level) => write!(f, "{name}:{level}"),
            Self::Brotli(level) | Self::Gzip(level) => write!(f, "{name}:{level}"),
            Self::Lz4 | Self::LzString(_) => f.write_str(name),
        }
    }
}

/// Of a name, or a name and a level: `lz4`, `zstd:3`. Levels where there is none: zstd 3,
/// brotli 5, gzip 6.
impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::new(
                ErrorKind::Config,
                "a compression algorithm is lz4, zstd, brotli, gzip, lz-string or \
                 lz-string-base64, and a level may stand behind a colon, as in zstd:3",
            )
            .with("found", format!("{text:?}"))
        };
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level.parse::<i8>().map_err(|_| refuse())?)),
            None => (text, None),
        };
        let unsigned =
            |default| level.map_or(Ok(default), |l| u8::try_from(l).map_err(|_| refuse()));
        let algorithm = match (name, level) {
            ("lz4", None) => Self::Lz4,
            ("zstd", level) => Self::Zstd(level.unwrap_or(3)),
            ("brotli", _) => Self::Brotli(unsigned(5)?),
            ("gzip", _) => Self::Gzip(unsigned(6)?),
            ("lz-string", None) => Self::LzString(LzStringForm::Utf16),
            ("lz-string-base64", None) => Self::LzString(LzStringForm::Base64),
            _ => return Err(refuse()),
        };
        algorithm.validate().map(|()| algorithm)
    }
}

/// Of `off`, `auto`, `trained`, or an [`Algorithm`].
impl FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "off" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            "trained" => Ok(Self::Trained),
            algorithm => algorithm.parse().map(Self::With).map_err(|_| {
                Error::new(
                    ErrorKind::Config,
                    "compression is off, auto, trained, or an algorithm: lz4, zstd, brotli, gzip, \
                     lz-string or lz-string-base64, and a level may stand behind a colon, as in \
                     zstd:3",
                )
                .with("found", format!("{text:?}"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_prints() {
        let all = [
            Algorithm::Lz4,
            Algorithm::Zstd(-7),
            Algorithm::Zstd(22),
            Algorithm::Brotli(11),
            Algorithm::Gzip(0),
            Algorithm::LzString(LzStringForm::Utf16),
            Algorithm::LzString(LzStringForm::Base64),
        ];
        for algorithm in all {
            let read: Algorithm = algorithm.to_string().parse().unwrap();
            assert_eq!(read, algorithm);
        }
    }

    #[test]
    fn reads_settings() {
        for (text, expected) in [
            ("off", Compression::Off),
            ("auto", Compression::Auto),
            ("trained", Compression::Trained),
            ("brotli", Compression::With(Algorithm::Brotli(5))),
        ] {
            assert_eq!(text.parse::<Compression>().unwrap(), expected, "{text}");
        }
        let error = "on".parse::<Compression>().unwrap_err().to_string();
        assert!(
            error.contains("trained") && error.contains("\"on\""),
            "{error}"
        );
    }

    #[test]
    fn refuses_what_there_is_not() {
        for text in [
            "",
            "zip",
            "zstd:",
            "zstd:x",
            "zstd:23",
            "zstd:-8",
            "brotli:-1",
            "lz4:1",
        ] {
            let error = text.parse::<Algorithm>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{text:?}: {error}");
        }
    }
}
