//! What encryption takes, next to AES-256-GCM, which most would take.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use aes_gcm::aead::{Aead, Generate, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use larder_benches::{Failure, Ratio, quantile};
use larder_cache_core::Cipher;
use larder_encryption::{CipherAlgorithm, EncryptionKey, KeyRing};
use serde::Serialize;

use crate::options::Options;

const SIZES: [(usize, &str); 3] = [(256, "256 B"), (1024, "1 KiB"), (1 << 20, "1 MiB")];

/// About what a header, a namespace and a key are together.
const BOUND: [u8; 120] = [7; 120];

/// How long a candidate runs in a round.
const SLICE: Duration = Duration::from_millis(10);

const KEY: [u8; 32] = [1; 32];

/// One cipher at one size.
#[derive(Debug, Serialize)]
pub(crate) struct Sealed {
    size: &'static str,
    name: &'static str,
    encrypt_ns: f64,
    decrypt_ns: f64,
    /// In the time of AES-256-GCM, within each round.
    pub(crate) encrypt: Ratio,
    pub(crate) decrypt: Ratio,
}

/// Whoever encrypts.
enum Candidate {
    Gcm(Box<Aes256Gcm>),
    Ring(KeyRing),
}

/// Nanoseconds there and back.
#[derive(Clone, Copy)]
struct Trip {
    encrypt: f64,
    decrypt: f64,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Sealed>, Failure> {
    let ring = |algorithm| -> Result<Candidate, Failure> {
        let key = EncryptionKey::new(1, KEY)?.algorithm(algorithm);
        Ok(Candidate::Ring(KeyRing::new(key)))
    };
    let gcm = Aes256Gcm::new(&KEY.into());
    let candidates = [
        ("aes-256-gcm, bare", Candidate::Gcm(Box::new(gcm))),
        ("aes-256-gcm-siv", ring(CipherAlgorithm::Aes256GcmSiv)?),
        (
            "xchacha20-poly1305",
            ring(CipherAlgorithm::XChaCha20Poly1305)?,
        ),
    ];
    let mut sealed = Vec::new();
    for (bytes, size) in SIZES {
        let plain = vec![3; bytes];
        let mut series = vec![Vec::with_capacity(options.rounds); candidates.len()];
        for round in 0..=options.rounds {
            for turn in 0..candidates.len() {
                let which = (round + turn) % candidates.len();
                let trip = candidates[which].1.trip(&plain)?;
                // The first round warms up.
                if round > 0 {
                    series[which].push(trip);
                }
            }
        }
        let rows = candidates.iter().zip(&series);
        sealed.extend(rows.map(|((name, _), own)| row(size, name, own, &series[0])));
    }
    Ok(sealed)
}

fn row(size: &'static str, name: &'static str, own: &[Trip], bare: &[Trip]) -> Sealed {
    let median = |of: fn(&Trip) -> f64| quantile(own.iter().map(of), 0.5);
    let ratio = |of: fn(&Trip) -> f64| {
        let pairs = own.iter().zip(bare);
        Ratio::of(pairs.map(|(own, bare)| of(own) / of(bare)))
    };
    Sealed {
        size,
        name,
        encrypt_ns: median(|trip| trip.encrypt),
        decrypt_ns: median(|trip| trip.decrypt),
        encrypt: ratio(|trip| trip.encrypt),
        decrypt: ratio(|trip| trip.decrypt),
    }
}

impl Candidate {
    fn trip(&self, plain: &[u8]) -> Result<Trip, Failure> {
        let sealed = self.encrypt(plain)?;
        Ok(Trip {
            encrypt: nanos(|| self.encrypt(plain))?,
            decrypt: nanos(|| self.decrypt(&sealed))?,
        })
    }

    fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Gcm(gcm) => {
                let nonce = Nonce::<Aes256Gcm>::generate();
                let payload = Payload {
                    msg: plain,
                    aad: &BOUND,
                };
                let body = gcm.encrypt(&nonce, payload).map_err(|e| e.to_string())?;
                Ok([&nonce[..], &body].concat())
            }
            Self::Ring(ring) => Ok(ring.encrypt(1, plain, &BOUND)?.into()),
        }
    }

    fn decrypt(&self, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Gcm(gcm) => {
                let (nonce, msg) = sealed.split_at(12);
                let nonce = Nonce::<Aes256Gcm>::try_from(nonce)?;
                let payload = Payload { msg, aad: &BOUND };
                Ok(gcm.decrypt(&nonce, payload).map_err(|e| e.to_string())?)
            }
            Self::Ring(ring) => Ok(ring.decrypt(1, sealed, &BOUND)?.into()),
        }
    }
}

fn nanos(work: impl Fn() -> Result<Vec<u8>, Failure>) -> Result<f64, Failure> {
    let (began, mut calls) = (Instant::now(), 0_u32);
    while began.elapsed() < SLICE {
        black_box(work()?);
        calls += 1;
    }
    Ok(began.elapsed().as_nanos() as f64 / f64::from(calls))
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, name) = (self.size, self.name);
        let (into, out) = (self.encrypt_ns, self.decrypt_ns);
        write!(f, "  {size:<6} {name:<19} {into:>9.0} {}", self.encrypt)?;
        write!(f, "  {out:>9.0} {}", self.decrypt)
    }
}
