//! The ring: which keys there are, and which of them encrypts.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use larder_cache_core::{Bytes, Cipher, Error, ErrorKind, Result};

use crate::key::{EncryptionKey, fill_randomly};
use crate::key_list;
use crate::sealing::PreparedKey;

/// Keys by their id: one encrypts, all decrypt.
///
/// Read from a list of keys ([`parse`](KeyRing::parse), [`from_file`](KeyRing::from_file),
/// [`from_env`](KeyRing::from_env)) or put together ([`new`](KeyRing::new), then
/// [`add`](KeyRing::add)). To change its keys while a cache has it, keep an `Arc` of it.
///
/// To rotate, everywhere [`add`](KeyRing::add) the new key; then everywhere
/// [`use_key`](KeyRing::use_key); then, when the last value of the old key has expired,
/// [`retire`](KeyRing::retire) that.
///
/// # Concurrency
/// Shared by threads. Encrypting and decrypting never wait for a change; a call that is under way
/// finishes with the keys that it found.
///
/// # Cost
/// A key is prepared when it is added. Encrypting and decrypting allocate the result and nothing
/// else; encrypting asks the operating system for a nonce, which is one call of it.
pub struct KeyRing {
    keys: ArcSwap<Keys>,
    /// One change at a time, so that none is lost.
    changing: Mutex<()>,
    origin: Origin,
}

struct Keys {
    current: Arc<PreparedKey>,
    /// By id, the current one among them.
    all: Vec<Arc<PreparedKey>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Given,
    /// Made by this process and known to no other.
    Ephemeral,
}

impl KeyRing {
    /// A ring with one key, which encrypts.
    #[must_use]
    pub fn new(key: EncryptionKey) -> Self {
        Self::with_origin(key, Origin::Given)
    }

    /// A ring with a random key that dies with this process, for values that do as well: those of
    /// an embedded backend. It [is not lasting](Cipher::is_lasting). The id is random, so that no
    /// other process takes the key for one of its own.
    ///
    /// # Errors
    /// Kind `Crypto` where the system has no randomness.
    pub fn ephemeral() -> Result<Self> {
        let mut id = [0; 4];
        fill_randomly(&mut id)?;
        let key = EncryptionKey::generate(u32::from_le_bytes(id).max(1))?;
        Ok(Self::with_origin(key, Origin::Ephemeral))
    }

    /// Reads a list of keys: `id:base64` or `id:algorithm:base64`, with commas or line ends
    /// between them. `#` begins a comment that goes to the end of its line. The first key
    /// encrypts.
    ///
    /// ```
    /// use larder_encryption::KeyRing;
    ///
    /// let ring = KeyRing::parse(
    ///     "# since May\n\
    ///      2:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=\n\
    ///      1:xchacha20-poly1305:L0aXmDBvk2Y6y1OtDlwuSbYJfQCZcEO0b1bXrR5aS4A=\n",
    /// )?;
    /// assert_eq!(ring.current_key(), 2);
    /// assert_eq!(ring.key_ids(), [1, 2]);
    /// # Ok::<(), larder_cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Kind `Config`, naming the line and the entry, and showing nothing of what was read.
    pub fn parse(text: &str) -> Result<Self> {
        let (first, others) = key_list::parse(text)?;
        let ring = Self::new(first);
        for key in others {
            ring.add(key)?;
        }
        Ok(ring)
    }

    /// Adds a key, which decrypts from now on.
    ///
    /// # Errors
    /// Kind `Config` where there is a key with this id, be it the same.
    pub fn add(&self, key: EncryptionKey) -> Result<()> {
        let key = Arc::new(PreparedKey::from(key));
        self.change(|keys| match keys.position(key.id()) {
            Ok(_) => Err(taken(key.id())),
            Err(at) => {
                let mut all = keys.all.clone();
                all.insert(at, key);
                let current = Arc::clone(&keys.current);
                Ok(Keys { current, all })
            }
        })
    }

    /// Makes a key of the ring the one that encrypts.
    ///
    /// Other processes must have it by then, or what is written now is a miss to them.
    ///
    /// # Errors
    /// Kind `Config` where there is no such key.
    pub fn use_key(&self, id: u32) -> Result<()> {
        self.change(|keys| {
            let at = keys.position(id).map_err(|_| keys.unknown(id))?;
            let current = Arc::clone(&keys.all[at]);
            let all = keys.all.clone();
            Ok(Keys { current, all })
        })
    }

    /// Takes a key out of the ring and wipes it: what it encrypted can't be read any more, and a
    /// cache takes that for a miss.
    ///
    /// Give the longest time to live of what it encrypted the time to pass first.
    ///
    /// # Errors
    /// Kind `Config` where there is no such key, and where it is the one that encrypts.
    pub fn retire(&self, id: u32) -> Result<()> {
        self.change(|keys| {
            let at = keys.position(id).map_err(|_| keys.unknown(id))?;
            if keys.current.id() == id {
                return Err(still_used(id));
            }
            let mut all = keys.all.clone();
            all.remove(at);
            let current = Arc::clone(&keys.current);
            Ok(Keys { current, all })
        })
    }

    /// The ids of all keys, from the lowest.
    #[must_use]
    pub fn key_ids(&self) -> Vec<u32> {
        self.keys.load().all.iter().map(|key| key.id()).collect()
    }

    /// The id of the key that encrypts; never 0.
    #[must_use]
    pub fn current_key(&self) -> u32 {
        self.keys.load().current.id()
    }

    fn with_origin(key: EncryptionKey, origin: Origin) -> Self {
        let current = Arc::new(PreparedKey::from(key));
        let all = vec![Arc::clone(&current)];
        Self {
            keys: ArcSwap::from_pointee(Keys { current, all }),
            changing: Mutex::new(()),
            origin,
        }
    }

    fn change(&self, change: impl FnOnce(&Keys) -> Result<Keys>) -> Result<()> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = change(&self.keys.load())?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }
}

impl Cipher for KeyRing {
    fn current_key(&self) -> u32 {
        Self::current_key(self)
    }

    fn is_lasting(&self) -> bool {
        self.origin == Origin::Given
    }

    fn has_key(&self, key: u32) -> bool {
        self.keys.load().find(key).is_some()
    }

    fn encrypt(&self, key: u32, plain: &[u8], bound: &[u8]) -> Result<Bytes> {
        match self.keys.load().find(key) {
            Some(key) => key.encrypt(plain, bound),
            None => Err(missing(key)),
        }
    }

    fn decrypt(&self, key: u32, sealed: &[u8], bound: &[u8]) -> Result<Bytes> {
        let keys = self.keys.load();
        let opened = keys.find(key).and_then(|key| key.decrypt(sealed, bound));
        opened.ok_or_else(unauthentic)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.load();
        f.debug_struct("KeyRing")
            .field("current", &keys.current.id())
            .field("keys", &keys.all)
            .field("is_lasting", &self.is_lasting())
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Where a key stands, or would.
    fn position(&self, id: u32) -> Result<usize, usize> {
        self.all.binary_search_by_key(&id, |key| key.id())
    }

    fn find(&self, id: u32) -> Option<&PreparedKey> {
        if self.current.id() == id {
            return Some(&self.current);
        }
        self.position(id).ok().map(|at| &*self.all[at])
    }

    fn unknown(&self, id: u32) -> Error {
        let known: Vec<_> = self.all.iter().map(|key| key.id().to_string()).collect();
        let message = "the id of a key in the ring was expected; add the key first";
        Error::new(ErrorKind::Config, message)
            .with("found", id)
            .with("in the ring", known.join(", "))
    }
}

fn taken(id: u32) -> Error {
    Error::new(
        ErrorKind::Config,
        "the ring has an encryption key with this id; give every new key an id that no key had \
         before",
    )
    .with("id", id)
}

fn still_used(id: u32) -> Error {
    let message = "this encryption key is the one that encrypts; use another one before it is \
                   retired";
    Error::new(ErrorKind::Config, message).with("id", id)
}

fn missing(id: u32) -> Error {
    let message = "there is no encryption key with this id in the ring, so nothing was encrypted; \
                   it was retired or never added";
    Error::new(ErrorKind::Crypto, message).with("id", id)
}

/// One answer to everything, so that nobody learns from it what was wrong.
fn unauthentic() -> Error {
    Error::new(
        ErrorKind::Crypto,
        "bytes that a key of this ring sealed in this place were expected; they are something \
         else, so nothing was decrypted; treat them as not there",
    )
}
