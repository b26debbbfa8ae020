//! What was changed, cut, or sealed by another key does not open.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use larder_cache_core::{Cipher, ErrorKind};
use larder_encryption::{CipherAlgorithm, EncryptionKey, KeyRing};

const ALGORITHMS: [CipherAlgorithm; 2] = [
    CipherAlgorithm::Aes256GcmSiv,
    CipherAlgorithm::XChaCha20Poly1305,
];
const BOUND: &[u8] = b"users profile:7";

fn key(id: u32, algorithm: CipherAlgorithm) -> EncryptionKey {
    EncryptionKey::generate(id).unwrap().algorithm(algorithm)
}

/// Refused, and as everything else is, so that nobody learns what was wrong.
fn assert_refused(ring: &KeyRing, id: u32, sealed: &[u8], bound: &[u8], what: &str) {
    let Err(error) = ring.decrypt(id, sealed, bound) else {
        panic!("opened: {what}");
    };
    let expected = ring.decrypt(u32::MAX, b"", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crypto, "{what}");
    assert_eq!(error.to_string(), expected.to_string(), "{what}");
}

#[test]
fn what_was_sealed_opens() {
    for algorithm in ALGORITHMS {
        let ring = KeyRing::new(key(1, algorithm));
        for length in [0, 1, 15, 16, 17, 255, 1024, 1 << 20] {
            let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let sealed = ring.encrypt(1, &plain, BOUND).unwrap();
            assert_eq!(sealed.len(), length + algorithm.overhead_bytes());
            assert_eq!(ring.decrypt(1, &sealed, BOUND).unwrap(), plain);
            if length > 15 {
                assert!(!sealed.windows(8).any(|found| found == &plain[..8]));
            }
        }
        let sealed = ring.encrypt(1, b"bound to nothing", b"").unwrap();
        assert_eq!(ring.decrypt(1, &sealed, b"").unwrap(), "bound to nothing");
    }
}

#[test]
fn a_changed_bit_is_refused() {
    for algorithm in ALGORITHMS {
        let ring = KeyRing::new(key(1, algorithm));
        let sealed = ring
            .encrypt(1, b"a value, more than a block", BOUND)
            .unwrap();
        for bit in 0..sealed.len() * 8 {
            let changed = flipped(&sealed, bit);
            assert_refused(
                &ring,
                1,
                &changed,
                BOUND,
                &format!("{algorithm}, bit {bit}"),
            );
        }
        for bit in 0..BOUND.len() * 8 {
            let changed = flipped(BOUND, bit);
            assert_refused(
                &ring,
                1,
                &sealed,
                &changed,
                &format!("{algorithm}, bound bit {bit}"),
            );
        }
        assert!(ring.decrypt(1, &sealed, BOUND).is_ok());
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

#[test]
fn every_other_length_is_refused() {
    for algorithm in ALGORITHMS {
        let ring = KeyRing::new(key(1, algorithm));
        let sealed = ring
            .encrypt(1, b"a value, more than a block", BOUND)
            .unwrap();
        for length in 0..sealed.len() {
            let what = format!("{algorithm}, {length} bytes");
            assert_refused(&ring, 1, &sealed[..length], BOUND, &what);
            assert_refused(&ring, 1, &sealed[sealed.len() - length..], BOUND, &what);
        }
        let longer = [&sealed[..], b"\0"].concat();
        assert_refused(&ring, 1, &longer, BOUND, "a byte more");
        for length in 0..BOUND.len() {
            assert_refused(&ring, 1, &sealed, &BOUND[..length], "bound to less");
        }
    }
}

#[test]
fn another_key_does_not_open() {
    for (mine, other) in
        [(0, 0), (1, 1), (0, 1), (1, 0)].map(|(a, b)| (ALGORITHMS[a], ALGORITHMS[b]))
    {
        let ring = KeyRing::new(key(1, mine));
        ring.add(key(2, other)).unwrap();
        let sealed = ring.encrypt(1, b"value", BOUND).unwrap();
        assert_refused(&ring, 2, &sealed, BOUND, "another id");
        assert_refused(&ring, 3, &sealed, BOUND, "an unknown id");
        assert_refused(&ring, 0, &sealed, BOUND, "the id 0");
        let namesake = KeyRing::new(key(1, other));
        assert_refused(&namesake, 1, &sealed, BOUND, "another key with the same id");
    }
}

#[test]
fn an_unknown_key_does_not_encrypt() {
    let ring = KeyRing::new(key(1, CipherAlgorithm::default()));
    let error = ring.encrypt(2, b"value", BOUND).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crypto);
    assert!(error.to_string().contains("(id: 2)"), "{error}");
}

#[test]
fn no_nonce_is_used_twice() {
    for (algorithm, nonce_bytes) in ALGORITHMS.into_iter().zip([12, 24]) {
        let ring = KeyRing::new(key(1, algorithm));
        let nonces: HashSet<_> = (0..10_000)
            .map(|_| {
                ring.encrypt(1, b"the same", BOUND)
                    .unwrap()
                    .slice(..nonce_bytes)
            })
            .collect();
        assert_eq!(nonces.len(), 10_000, "{algorithm}");
    }
}
