//! What values go through on their way into the cache: contents a dictionary of their own,
//! sessions a cipher.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use larder::{Cipher, Config, KeyRing, Result};

use crate::database::Database;

/// The keys of the configuration; else, where values stay in the process, a key that ends with
/// it; else those in a file beside the database, which is made when it is needed first.
pub(super) fn keys(config: &Config, database: &Database) -> Result<KeyRing> {
    if let Some(keys) = config.key_ring()? {
        return Ok(keys);
    }
    if config.redis_config().is_none() {
        return KeyRing::ephemeral();
    }
    let path = key_path(database);
    make_keys(&path).map_err(|error| {
        larder::Error::new(larder::ErrorKind::Config, "no file for keys could be made")
            .with("file", path.display())
            .with_source(error)
    })?;
    KeyRing::from_file(path)
}

pub(super) fn key_path(database: &Database) -> PathBuf {
    database.path().with_extension("keys")
}

/// Makes a file with one key that nobody else can read, unless there is a file.
fn make_keys(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        opened => opened?,
    };
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    writeln!(file, "1:{}", BASE64_STANDARD.encode(key))
}

/// A cipher that counts what it costs.
#[derive(Debug)]
pub(super) struct MeteredCipher {
    keys: KeyRing,
    encrypted: Meter,
    decrypted: Meter,
}

#[derive(Debug, Default)]
struct Meter {
    values: AtomicU64,
    nanos: AtomicU64,
}

/// What encryption cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct CipherCosts {
    /// Values that were encrypted.
    pub encrypted: u64,
    /// How long one took.
    pub per_encrypted: Duration,
    /// Values that were decrypted.
    pub decrypted: u64,
    /// How long one took.
    pub per_decrypted: Duration,
}

impl MeteredCipher {
    pub(super) fn new(keys: KeyRing) -> Arc<Self> {
        Arc::new(Self {
            keys,
            encrypted: Meter::default(),
            decrypted: Meter::default(),
        })
    }

    pub(super) fn costs(&self) -> CipherCosts {
        let (encrypted, per_encrypted) = self.encrypted.read();
        let (decrypted, per_decrypted) = self.decrypted.read();
        CipherCosts {
            encrypted,
            per_encrypted,
            decrypted,
            per_decrypted,
        }
    }
}

impl Meter {
    fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.values.fetch_add(1, Ordering::Relaxed);
        done
    }

    fn read(&self) -> (u64, Duration) {
        let values = self.values.load(Ordering::Relaxed);
        let nanos = self.nanos.load(Ordering::Relaxed);
        (values, Duration::from_nanos(nanos / values.max(1)))
    }
}

impl Cipher for MeteredCipher {
    fn current_key(&self) -> u32 {
        self.keys.current_key()
    }

    fn is_lasting(&self) -> bool {
        self.keys.is_lasting()
    }

    fn has_key(&self, key: u32) -> bool {
        self.keys.has_key(key)
    }

    fn encrypt(&self, key: u32, plain: &[u8], bound: &[u8]) -> Result<larder::Bytes> {
        self.encrypted.time(|| self.keys.encrypt(key, plain, bound))
    }

    fn decrypt(&self, key: u32, sealed: &[u8], bound: &[u8]) -> Result<larder::Bytes> {
        self.decrypted
            .time(|| self.keys.decrypt(key, sealed, bound))
    }
}
