//! Ciphers: values that only those who have the key can read, each in its own place.

use std::fmt::Debug;

use bytes::Bytes;

use crate::error::Result;

/// Encrypts and authenticates values.
///
/// A cipher has several keys: one encrypts, all decrypt. It is called after compression, never
/// before. What is bound is not stored: [`associated_data`](crate::entry::associated_data)
/// makes it from the entry's header and its place, so that a value moved to another key,
/// namespace or header does not authenticate.
pub trait Cipher: Debug + Send + Sync + 'static {
    /// The id of the key that encrypts now; never 0.
    fn current_key(&self) -> u32;

    /// Whether its keys outlive this process.
    fn is_lasting(&self) -> bool;

    /// Whether it has the key to decrypt what this one encrypted.
    fn has_key(&self, key: u32) -> bool;

    /// Encrypts with a key, under a nonce that was never used before.
    ///
    /// # Errors
    /// Kind `Crypto` when there is no such key, or no randomness.
    fn encrypt(&self, key: u32, plain: &[u8], bound: &[u8]) -> Result<Bytes>;

    /// Decrypts what [`encrypt`](Cipher::encrypt) made with this key and the same bound bytes.
    ///
    /// # Errors
    /// Kind `Crypto` for anything else; never a panic, and never part of the plain bytes.
    fn decrypt(&self, key: u32, sealed: &[u8], bound: &[u8]) -> Result<Bytes>;
}
