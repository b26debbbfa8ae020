//! Codecs: bytes to bytes, for compression and encryption.

use std::fmt::Debug;

use bytes::Bytes;

use crate::error::Result;
use crate::key::Key;

/// Turns the bytes of a value into other bytes and back.
///
/// The cache fixes the order (serialize, compress, encrypt); a codec knows nothing of the
/// others.
pub trait Codec: Debug + Send + Sync + 'static {
    /// The number that stands in stored headers. 0 means "plain" and is taken.
    fn id(&self) -> u8;

    /// The name in logs and statistics.
    fn name(&self) -> &'static str;

    /// Encodes a value.
    ///
    /// # Errors
    /// Kind `Codec` or `Crypto`.
    fn encode(&self, value: &[u8], place: &Place<'_>) -> Result<Bytes>;

    /// Decodes what [`encode`](Codec::encode) made. Every input is possible: the output
    /// must not grow beyond `max_bytes`, whatever lengths the input declares.
    ///
    /// # Errors
    /// Kind `Codec`, `Crypto` or `TooLarge`; never a panic.
    fn decode(&self, stored: &[u8], max_bytes: usize, place: &Place<'_>) -> Result<Bytes>;
}

/// Where a value stands, for codecs that bind it to its place.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The name of the namespace.
    pub namespace: &'a str,
    /// The full physical key.
    pub key: &'a Key,
}
