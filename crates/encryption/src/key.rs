//! Keys as they are given.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use larder_cache_core::{Error, ErrorKind, Result};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::algorithm::CipherAlgorithm;

/// The length of a key, in bytes.
pub const KEY_BYTES: usize = 32;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// `+` and `/`, or `-` and `_`; with `=` at the end or without.
const ALPHABETS: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&STANDARD, ANY_PADDING),
    GeneralPurpose::new(&URL_SAFE, ANY_PADDING),
];

/// A key with its id and its algorithm.
///
/// The bytes are wiped from memory when it is dropped, and shown nowhere: `Debug` prints id and
/// algorithm. An id says which key a value was encrypted with, so never give it to another key.
#[derive(Clone)]
pub struct EncryptionKey {
    id: NonZeroU32,
    algorithm: CipherAlgorithm,
    /// Boxed, so that moving the key leaves no copies of it behind.
    bytes: Box<Zeroizing<[u8; KEY_BYTES]>>,
}

impl EncryptionKey {
    /// A key of 32 bytes, from a source of randomness for cryptography. Of a password it must be
    /// derived.
    ///
    /// ```
    /// use larder_encryption::{CipherAlgorithm, EncryptionKey};
    ///
    /// let key = EncryptionKey::new(7, [42; 32])?.algorithm(CipherAlgorithm::XChaCha20Poly1305);
    /// assert!(EncryptionKey::new(7, b"too short").is_err());
    /// # Ok::<(), larder_cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Kind `Config` for the id 0, and for any other number of bytes.
    pub fn new(id: u32, bytes: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = bytes.as_ref();
        let mut key = Self::zero(id)?;
        if bytes.len() != KEY_BYTES {
            return Err(wrong_length(bytes.len()));
        }
        key.bytes.copy_from_slice(bytes);
        Ok(key)
    }

    /// A key in base64, with either alphabet, padded or not.
    ///
    /// ```
    /// # use larder_encryption::EncryptionKey;
    /// let key = EncryptionKey::from_base64(7, "L0aXmDBvk2Y6y1OtDlwuSbYJfQCZcEO0b1bXrR5aS4A=")?;
    /// # Ok::<(), larder_cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Kind `Config` for the id 0, for what is not base64, and for any other number of bytes than
    /// 32.
    pub fn from_base64(id: u32, text: &str) -> Result<Self> {
        let mut buffer = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let decoded = ALPHABETS
            .iter()
            .find_map(|alphabet| alphabet.decode_slice(text, &mut buffer).ok());
        match decoded {
            Some(length) => Self::new(id, &buffer[..length]),
            None => Err(not_base64()),
        }
    }

    /// A random key.
    ///
    /// # Errors
    /// Kind `Config` for the id 0, `Crypto` where the system has no randomness.
    pub fn generate(id: u32) -> Result<Self> {
        let mut key = Self::zero(id)?;
        fill_randomly(&mut **key.bytes)?;
        Ok(key)
    }

    /// How it encrypts. Default: [`CipherAlgorithm::Aes256GcmSiv`].
    #[must_use]
    pub fn algorithm(mut self, algorithm: CipherAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Its id; never 0.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id.get()
    }

    pub(crate) fn chosen_algorithm(&self) -> CipherAlgorithm {
        self.algorithm
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    fn zero(id: u32) -> Result<Self> {
        Ok(Self {
            id: NonZeroU32::new(id).ok_or_else(zero_id)?,
            algorithm: CipherAlgorithm::default(),
            bytes: Box::new(Zeroizing::new([0; KEY_BYTES])),
        })
    }
}

impl ZeroizeOnDrop for EncryptionKey {}

/// Compiles only while what it says of the key is true of its bytes.
const _: fn(&EncryptionKey) -> &dyn ZeroizeOnDrop = |key| &*key.bytes;

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Asks the operating system each time: numbers drawn in advance would be in both processes after
/// a fork.
pub(crate) fn fill_randomly(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|source| {
        let message = "the operating system gave no random bytes, so nothing can be encrypted";
        Error::new(ErrorKind::Crypto, message).with_source(source)
    })
}

fn zero_id() -> Error {
    Error::new(
        ErrorKind::Config,
        "the id of an encryption key must be a whole number from 1 to 4294967295; found 0, which \
         stands for not encrypted",
    )
}

fn wrong_length(found: usize) -> Error {
    let message = "an encryption key must have 32 bytes; make one with `openssl rand -base64 32`";
    Error::new(ErrorKind::Config, message)
        .with("expected bytes", KEY_BYTES)
        .with("found bytes", found)
}

/// Without its cause, which would name characters of the key.
fn not_base64() -> Error {
    Error::new(
        ErrorKind::Config,
        "an encryption key must be 32 bytes in base64, which are 44 characters; found something \
         that is not base64; make one with `openssl rand -base64 32`",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use larder_cache_core::ErrorKind;

    use super::*;

    #[test]
    fn both_alphabets_and_any_padding_are_read() {
        let bytes = [0xFB; KEY_BYTES];
        let texts = [
            "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
            "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s",
            "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=",
            "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
        ];
        for text in texts {
            let key = EncryptionKey::from_base64(1, text).unwrap();
            assert_eq!(key.bytes(), &bytes, "{text}");
        }
    }

    #[test]
    fn a_key_has_32_bytes_and_an_id() {
        for length in [0, 16, 31, 33, 64] {
            let error = EncryptionKey::new(1, vec![7; length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            let found = format!("(expected bytes: 32, found bytes: {length})");
            assert!(error.to_string().contains(&found), "{error}");
        }
        for error in [EncryptionKey::new(0, [7; 32]), EncryptionKey::generate(0)] {
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn generated_keys_differ() {
        let (a, b) = (EncryptionKey::generate(1), EncryptionKey::generate(1));
        assert_ne!(a.unwrap().bytes(), b.unwrap().bytes());
    }
}
