//! The algorithms there are.

use std::fmt;
use std::str::FromStr;

use larder_cache_core::{Error, ErrorKind};

/// How a key encrypts. It belongs to the key for good: no key is used with two.
///
/// As text, in both directions: `aes-256-gcm-siv` and `xchacha20-poly1305`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CipherAlgorithm {
    /// AES-256-GCM-SIV (RFC 8452). Should a nonce ever repeat, it tells whether two values that
    /// stood in the same place were the same, and nothing else. Adds 28 bytes. For hosts with AES
    /// instructions, which is nearly all.
    #[default]
    Aes256GcmSiv,
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). Adds 40 bytes. For hosts without AES
    /// instructions, where it is several times as fast.
    XChaCha20Poly1305,
}

impl CipherAlgorithm {
    /// By how many bytes what is sealed is longer than what is in it.
    #[must_use]
    pub const fn overhead_bytes(self) -> usize {
        match self {
            Self::Aes256GcmSiv => 12 + 16,
            Self::XChaCha20Poly1305 => 24 + 16,
        }
    }
}

impl fmt::Display for CipherAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes256GcmSiv => "aes-256-gcm-siv",
            Self::XChaCha20Poly1305 => "xchacha20-poly1305",
        })
    }
}

impl FromStr for CipherAlgorithm {
    type Err = Error;

    /// Reads the name of an algorithm.
    ///
    /// # Errors
    /// Kind `Config`. It does not show the text, which may be a key in the wrong place.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "aes-256-gcm-siv" => Ok(Self::Aes256GcmSiv),
            "xchacha20-poly1305" => Ok(Self::XChaCha20Poly1305),
            _ => Err(Error::new(
                ErrorKind::Config,
                "the algorithm of an encryption key must be aes-256-gcm-siv or \
                 xchacha20-poly1305, in lower case; found something else, which is not shown",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn names_read_back() {
        for algorithm in [
            CipherAlgorithm::Aes256GcmSiv,
            CipherAlgorithm::XChaCha20Poly1305,
        ] {
            let name = algorithm.to_string();
            assert_eq!(name.parse::<CipherAlgorithm>().unwrap(), algorithm);
        }
        assert!("AES-256-GCM".parse::<CipherAlgorithm>().is_err());
    }
}
