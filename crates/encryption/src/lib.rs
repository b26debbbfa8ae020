//! Authenticated encryption with keys that rotate: the [`Cipher`](larder_cache_core::Cipher) of
//! the Larder cache, usable alone.
//!
//! A [`KeyRing`] has several keys: one encrypts, all decrypt, and they change while it is used.
//! What is sealed can't be read or changed without the key, nor moved: it opens only with the
//! bytes that it was bound to.
//!
//! ```
//! use larder_cache_core::Cipher;
//! use larder_encryption::{EncryptionKey, KeyRing};
//!
//! let ring = KeyRing::new(EncryptionKey::generate(1)?);
//! let sealed = ring.encrypt(1, b"Ada", b"profile:7")?;
//! assert_eq!(ring.decrypt(1, &sealed, b"profile:7")?, "Ada");
//! assert!(ring.decrypt(1, &sealed, b"profile:8").is_err());
//!
//! ring.add(EncryptionKey::generate(2)?)?;
//! ring.use_key(2)?;
//! assert_eq!(ring.decrypt(1, &sealed, b"profile:7")?, "Ada");
//! # Ok::<(), larder_cache_core::Error>(())
//! ```
//!
//! # What is sealed
//!
//! | part | `aes-256-gcm-siv` | `xchacha20-poly1305` |
//! |---|---:|---:|
//! | nonce, random | 12 bytes | 24 bytes |
//! | the encrypted bytes, as long as the plain ones | n | n |
//! | tag | 16 bytes | 16 bytes |
//!
//! The id of the key is not in it: the cache keeps that in the header of an entry.
//!
//! # What this crate does not do
//! It hides no lengths and no access patterns, and does not know an old value from the present
//! one. It fetches no keys from a key management service: it takes those it is given. Whoever
//! can read the memory of the process has the keys. The ciphers themselves are those of
//! RustCrypto.

mod algorithm;
mod key;
mod key_list;
mod ring;
mod sealing;
mod sources;

pub use self::algorithm::CipherAlgorithm;
pub use self::key::{EncryptionKey, KEY_BYTES};
pub use self::ring::KeyRing;

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
