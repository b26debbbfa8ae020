//! Lists of encryption keys, and what is sealed with them.

use std::sync::OnceLock;

use larder_cache_core::{Cipher, Error, ErrorKind, Result};
use larder_encryption::KeyRing;

use super::pieces::{Pieces, texts};
use super::ready::uncounted;
use crate::target::{Bounds, Target, always};

pub(super) const KEYS: Target = Target {
    name: "encryption-keys",
    parses: "lists of encryption keys; no error shows a part of one",
    run: keys,
    seeds: key_seeds,
    missing: always,
    bounds: Bounds::new(),
};

pub(super) const SEALED: Target = Target {
    name: "sealed",
    parses: "encrypted values; they open only in the place that they were sealed for",
    run: sealed,
    seeds: sealed_seeds,
    missing: always,
    bounds: Bounds::new(),
};

/// The longest part of a list that an error may show, in characters.
const SHOWN: usize = 3;

/// Lists that between them have every error.
const WRONG: [&str; 8] = [
    "",
    "1",
    "x:AAAA",
    "0:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=",
    "1:!",
    "1:AAAA",
    "1:aes:AAAA",
    "1:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=\n\
     1:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=",
];

/// One key of each algorithm.
const LIST: &str = "1:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=\n\
                    2:xchacha20-poly1305:L0aXmDBvk2Y6y1OtDlwuSbYJfQCZcEO0b1bXrR5aS4A=";

fn keys(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match KeyRing::parse(&text) {
        Ok(ring) => {
            let ids = ring.key_ids();
            assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
            assert!(!ids.contains(&0) && ids.contains(&ring.current_key()));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            let part = shown_part(&shown(&error), &text);
            assert_eq!(part, None, "{error}");
        }
    }
}

/// A part of a list that an error shows, and that is not among what every error says. Numbers
/// are left out: lines and ids are meant to be shown.
fn shown_part(shown: &str, list: &str) -> Option<String> {
    let mut words = shown.split(|letter: char| letter.is_ascii_digit());
    words.find_map(|word| {
        let letters: Vec<char> = word.chars().collect();
        let parts = letters.windows(SHOWN + 1).map(|part| part.iter().collect());
        parts
            .into_iter()
            .find(|part: &String| list.contains(&**part) && !said().contains(&**part))
    })
}

/// What errors say whatever the list.
fn said() -> &'static str {
    static SAID: OnceLock<String> = OnceLock::new();
    SAID.get_or_init(|| {
        uncounted(|| {
            let errors = WRONG.iter().filter_map(|list| KeyRing::parse(list).err());
            errors.map(|error| shown(&error)).collect()
        })
    })
}

/// All that an error shows, with what caused it.
fn shown(error: &Error) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        shown.push_str(&format!(" {source} {source:?}"));
        cause = source.source();
    }
    shown
}

fn ring() -> Result<&'static KeyRing> {
    static RING: OnceLock<Result<KeyRing>> = OnceLock::new();
    let ring = RING.get_or_init(|| uncounted(|| KeyRing::parse(LIST)));
    ring.as_ref().map_err(Clone::clone)
}

/// The key, a bit to flip, what it is bound to up to a line break, and what is sealed or is to
/// be.
fn sealed(input: &[u8]) {
    let ring = ring().unwrap_or_else(|error| unreachable!("no keys: {error}"));
    let mut pieces = Pieces(input);
    let (key, bit) = (u32::from(pieces.byte()), usize::from(pieces.byte()));
    let bound = pieces.until(b'\n');
    match ring.decrypt(key, pieces.0, bound) {
        Ok(plain) => assert_eq!(plain, witness(key, bound), "sealed elsewhere"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Crypto, "{error}"),
    }
    match ring.encrypt(key, pieces.0, bound) {
        Ok(sealed) => opens_there_alone(ring, key, &sealed, bound, pieces.0, bit),
        Err(error) => assert!(!ring.has_key(key), "{error}"),
    }
}

/// What every seed seals, so that what opens tells where it was sealed.
fn witness(key: u32, bound: &[u8]) -> Vec<u8> {
    [b"sealed with ", &key.to_le_bytes()[..], b" for ", bound].concat()
}

fn opens_there_alone(
    ring: &KeyRing,
    key: u32,
    sealed: &[u8],
    bound: &[u8],
    plain: &[u8],
    bit: usize,
) {
    let opened = ring.decrypt(key, sealed, bound).ok();
    assert_eq!(opened.as_deref(), Some(plain));
    let refuses = |key, sealed: &[u8], bound: &[u8]| {
        let error = ring.decrypt(key, sealed, bound).err();
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::Crypto), "opened elsewhere");
    };
    refuses(3 - key, sealed, bound);
    refuses(key, sealed, &[bound, b"!"].concat());
    refuses(key, &[sealed, b"!"].concat(), bound);
    refuses(key, &sealed[..sealed.len() - 1], bound);
    let mut damaged = sealed.to_vec();
    damaged[bit % sealed.len()] ^= 1 << (bit % 8);
    refuses(key, &damaged, bound);
}

fn key_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(&WRONG);
    seeds.extend(texts(&[
        LIST,
        "# since May\n2:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo, # and so on\n",
        "q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=",
        "q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=:1",
        "1:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=:aes-256-gcm-siv",
        "4294967296:q2rnbBuAtVFw1cLBRxUmqVTCd9e7wTyjSuS7cPUjhzo=",
        "1:2:3:4",
        ":::",
    ]));
    seeds
}

fn sealed_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![b"\x03\0profile:7\nAda".to_vec(), b"\x01\0\n".to_vec()];
    for key in [1_u8, 2] {
        for bound in [&b"profile:7"[..], b""] {
            let id = u32::from(key);
            let sealed = ring().and_then(|ring| ring.encrypt(id, &witness(id, bound), bound));
            let sealed = sealed.unwrap_or_default();
            seeds.push([&[key, 0], bound, b"\n", &sealed[..]].concat());
        }
    }
    seeds
}
