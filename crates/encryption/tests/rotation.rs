//! Keys that change, also while they are used.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use larder_cache_core::{Cipher, ErrorKind};
use larder_encryption::{CipherAlgorithm, EncryptionKey, KeyRing};

fn key(id: u32) -> EncryptionKey {
    let key = EncryptionKey::generate(id).unwrap();
    if id.is_multiple_of(2) {
        key.algorithm(CipherAlgorithm::XChaCha20Poly1305)
    } else {
        key
    }
}

#[test]
fn one_encrypts_and_all_decrypt() {
    let ring = KeyRing::new(key(5));
    let old = ring.encrypt(ring.current_key(), b"old", b"").unwrap();
    ring.add(key(2)).unwrap();
    assert_eq!((ring.current_key(), ring.key_ids()), (5, vec![2, 5]));
    ring.use_key(2).unwrap();
    assert_eq!((ring.current_key(), ring.key_ids()), (2, vec![2, 5]));
    let new = ring.encrypt(ring.current_key(), b"new", b"").unwrap();
    assert_eq!(ring.decrypt(5, &old, b"").unwrap(), "old");
    assert_eq!(ring.decrypt(2, &new, b"").unwrap(), "new");

    assert!(ring.has_key(5));
    ring.retire(5).unwrap();
    assert!(!ring.has_key(5));
    assert_eq!(ring.key_ids(), [2]);
    assert!(ring.decrypt(5, &old, b"").is_err());
    assert_eq!(ring.decrypt(2, &new, b"").unwrap(), "new");
}

#[test]
fn a_change_that_makes_no_sense_is_refused_and_changes_nothing() {
    let ring = KeyRing::new(key(1));
    ring.add(key(2)).unwrap();
    let sealed = ring.encrypt(2, b"value", b"").unwrap();
    for (refused, expected) in [
        (ring.add(key(2)), "(id: 2)"),
        (ring.use_key(3), "(found: 3, in the ring: 1, 2)"),
        (ring.retire(3), "(found: 3, in the ring: 1, 2)"),
        (ring.retire(1), "(id: 1)"),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!((ring.current_key(), ring.key_ids()), (1, vec![1, 2]));
    assert_eq!(ring.decrypt(2, &sealed, b"").unwrap(), "value");
}

#[test]
fn an_ephemeral_ring_is_of_this_process_alone() {
    let (ring, other) = (KeyRing::ephemeral().unwrap(), KeyRing::ephemeral().unwrap());
    assert!(!ring.is_lasting());
    assert!(KeyRing::new(key(1)).is_lasting());
    assert_ne!(ring.current_key(), 0);
    assert_ne!(ring.current_key(), other.current_key());
    let sealed = ring.encrypt(ring.current_key(), b"value", b"").unwrap();
    assert_eq!(
        ring.decrypt(ring.current_key(), &sealed, b"").unwrap(),
        "value"
    );
}

/// Four threads encrypt and decrypt what they wrote before, while one rotates 100 times and
/// retires each key as soon as no thread has a value of it.
#[test]
fn rotation_under_load_fails_no_call() {
    const THREADS: usize = 4;
    const ROTATIONS: u32 = 100;
    let ring = Arc::new(KeyRing::new(key(1)));
    let rounds: Arc<Vec<AtomicU64>> = Arc::new((0..THREADS).map(|_| AtomicU64::new(0)).collect());
    let done = Arc::new(AtomicBool::new(false));
    let start = Arc::new(Barrier::new(THREADS + 1));
    let workers: Vec<_> = (0..THREADS)
        .map(|me| {
            let (ring, rounds) = (Arc::clone(&ring), Arc::clone(&rounds));
            let (done, start) = (Arc::clone(&done), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                let mut keys_seen = 0;
                let mut last = 0;
                while !done.load(Ordering::SeqCst) {
                    let id = ring.current_key();
                    let sealed = ring.encrypt(id, b"value", b"place").unwrap();
                    for _ in 0..4 {
                        assert_eq!(ring.decrypt(id, &sealed, b"place").unwrap(), "value");
                    }
                    keys_seen += u32::from(id != last);
                    last = id;
                    rounds[me].fetch_add(1, Ordering::SeqCst);
                }
                keys_seen
            })
        })
        .collect();

    start.wait();
    for old in 1..=ROTATIONS {
        ring.add(key(old + 1)).unwrap();
        ring.use_key(old + 1).unwrap();
        wait_for_a_round_begun_now(&rounds);
        ring.retire(old).unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for worker in workers {
        let keys_seen = worker.join().unwrap();
        assert!(keys_seen > 10, "a worker saw {keys_seen} keys");
    }
    assert_eq!(ring.key_ids(), [ROTATIONS + 1]);
}

/// The round that is under way may have begun with the old key; the one after it has not.
fn wait_for_a_round_begun_now(rounds: &[AtomicU64]) {
    let give_up = Instant::now() + Duration::from_secs(60);
    for round in rounds {
        let enough = round.load(Ordering::SeqCst) + 2;
        while round.load(Ordering::SeqCst) < enough {
            assert!(Instant::now() < give_up, "a worker has stopped");
            thread::yield_now();
        }
    }
}

#[test]
fn changes_at_the_same_time_are_all_kept() {
    const WORKERS: u32 = 8;
    const KEYS: u32 = 200;
    let ring = KeyRing::new(key(1));
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (ring, start) = (&ring, &start);
            scope.spawn(move || {
                let keys: Vec<_> = (0..KEYS)
                    .map(|number| key(2 + number * WORKERS + worker))
                    .collect();
                start.wait();
                for key in keys {
                    ring.add(key).unwrap();
                }
            });
        }
    });
    let expected: Vec<_> = (1..=1 + WORKERS * KEYS).collect();
    assert_eq!(ring.key_ids(), expected);
}
