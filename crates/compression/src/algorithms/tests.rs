//! What every algorithm must hold, on every input.

use larder_cache_core::{Algorithm, Bytes, ErrorKind, LzStringForm, Result};

use super::{Prepared, compress, decompress, is_known};

const ALL: [Algorithm; 6] = [
    Algorithm::Lz4,
    Algorithm::Zstd(3),
    Algorithm::Brotli(5),
    Algorithm::Gzip(6),
    Algorithm::LzString(LzStringForm::Utf16),
    Algorithm::LzString(LzStringForm::Base64),
];

/// A flipped bit may give other bytes, never more of them.
const SAMPLE: &str = "the same words, the same words, and die gleichen Wörter: 世界 😀, 世界 😀";

fn read(algorithm: Algorithm, stored: &[u8], plain_bytes: usize) -> Result<Vec<u8>, ErrorKind> {
    decompress(algorithm.id(), stored, plain_bytes, None).map_err(|error| error.kind())
}

fn check_round_trip(algorithm: Algorithm, plain: &[u8]) {
    let stored = compress(algorithm, plain, None).unwrap();
    let found = read(algorithm, &stored, plain.len());
    assert!(
        found.as_deref() == Ok(plain),
        "{algorithm}, {}",
        plain.len()
    );
    for lie in [
        0,
        1,
        plain.len() / 2,
        plain.len() + 1,
        plain.len() * 2,
        1 << 40,
    ] {
        if lie != plain.len() {
            let found = read(algorithm, &stored, lie);
            assert_eq!(found, Err(ErrorKind::Codec), "{algorithm}, {lie}");
        }
    }
    let longer = [&stored[..], b"!"].concat();
    let found = read(algorithm, &longer, plain.len());
    assert_eq!(found, Err(ErrorKind::Codec), "{algorithm}, {}", plain.len());
}

fn text(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = String::with_capacity(bytes + 32);
    while text.len() < bytes {
        let id = random.u32(..100_000);
        text.push_str(&format!("{{\"id\":{id},\"name\":\"user-{}\"}}", id % 97));
    }
    text.truncate(bytes);
    text
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(8);
    std::iter::repeat_with(|| random.u8(..))
        .take(bytes)
        .collect()
}

fn noisy_text(chars: usize) -> String {
    let mut random = fastrand::Rng::with_seed(9);
    std::iter::repeat_with(|| random.char(..))
        .take(chars)
        .collect()
}

#[test]
fn reads_back_exactly_what_was_written() {
    for algorithm in ALL {
        for bytes in [0, 1, 1 << 10, 1 << 20] {
            check_round_trip(algorithm, text(bytes).as_bytes());
        }
        check_round_trip(algorithm, noisy_text(3000).as_bytes());
        check_round_trip(algorithm, SAMPLE.as_bytes());
    }
    for algorithm in &ALL[..4] {
        for bytes in [1, 1 << 10, 1 << 20] {
            check_round_trip(*algorithm, &noise(bytes));
        }
    }
}

#[test]
fn every_level_is_read_back() {
    let plain = text(20_000);
    let zstd = (-7..=22).map(Algorithm::Zstd);
    let brotli = (0..=11).map(Algorithm::Brotli);
    for algorithm in zstd.chain(brotli).chain((0..=9).map(Algorithm::Gzip)) {
        check_round_trip(algorithm, plain.as_bytes());
    }
    for algorithm in [
        Algorithm::Zstd(23),
        Algorithm::Brotli(12),
        Algorithm::Gzip(10),
    ] {
        let error = compress(algorithm, b"plain", None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{algorithm}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for algorithm in ALL {
        for plain in [SAMPLE, "a", "", &text(1 << 10)] {
            let stored = compress(algorithm, plain.as_bytes(), None).unwrap();
            for length in 0..stored.len() {
                let found = read(algorithm, &stored[..length], plain.len());
                assert_eq!(found, Err(ErrorKind::Codec), "{algorithm}, {length}");
            }
        }
    }
}

#[test]
fn no_flipped_bit_panics_or_grows() {
    for algorithm in ALL {
        let stored = compress(algorithm, SAMPLE.as_bytes(), None).unwrap();
        for bit in 0..stored.len() * 8 {
            let mut damaged = stored.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(plain) = read(algorithm, &damaged, SAMPLE.len()) {
                assert_eq!(plain.len(), SAMPLE.len(), "{algorithm}, {bit}");
            }
        }
    }
}

#[test]
fn noise_is_refused_or_as_long_as_declared() {
    let mut random = fastrand::Rng::with_seed(10);
    for round in 0..2000 {
        let stored = noise(random.usize(..64));
        for algorithm in ALL {
            if let Ok(plain) = read(algorithm, &stored, round % 100) {
                assert_eq!(plain.len(), round % 100, "{algorithm}, {stored:?}");
            }
        }
    }
}

/// Those in Rust are slow without optimization.
#[test]
fn a_bomb_is_refused_at_the_cap_and_read_with_its_length() {
    let zeros = vec![0; 64 << 20];
    for algorithm in ALL {
        let slow = cfg!(debug_assertions) && algorithm.id() > 2;
        let zeros = &zeros[..if slow { 8 << 20 } else { 64 << 20 }];
        let stored = compress(algorithm, zeros, None).unwrap();
        let found = read(algorithm, &stored, 1 << 20);
        assert_eq!(found, Err(ErrorKind::Codec), "{algorithm}");
        let found = read(algorithm, &stored, zeros.len());
        assert!(found.as_deref() == Ok(zeros), "{algorithm}");
    }
}

#[test]
fn knows_the_algorithms_that_it_has() {
    assert!(ALL.iter().all(|algorithm| is_known(algorithm.id())));
    for unknown in [0, 7, 255] {
        assert!(!is_known(unknown));
        let error = decompress(unknown, b"", 0, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec);
    }
}

fn samples() -> Vec<String> {
    let sample = |n: usize| format!("{{\"id\":{n},\"name\":\"user-{}\",\"active\":true}}", n * 7);
    (0..2000).map(sample).collect()
}

fn dictionary() -> Bytes {
    zstd::dict::from_samples(&samples(), 4096).unwrap().into()
}

#[test]
fn a_dictionary_makes_small_values_smaller() {
    let prepared = Prepared::new(&dictionary()).unwrap();
    let plain = "{\"id\":12345,\"name\":\"user-86415\",\"active\":true}".as_bytes();
    for level in -7..=22 {
        let algorithm = Algorithm::Zstd(level);
        let with = compress(algorithm, plain, Some(&prepared)).unwrap();
        let without = compress(algorithm, plain, None).unwrap();
        assert!(with.len() < without.len(), "{level}: {}", with.len());
        let found = decompress(algorithm.id(), &with, plain.len(), Some(&prepared));
        assert_eq!(found.unwrap(), plain);
        let alone = read(algorithm, &with, plain.len());
        assert_ne!(alone.as_deref(), Ok(plain), "{level}");
    }
}

#[test]
fn damage_under_a_dictionary_never_grows() {
    let prepared = Prepared::new(&dictionary()).unwrap();
    let plain = samples().concat().into_bytes();
    let stored = compress(Algorithm::Zstd(3), &plain[..2000], Some(&prepared)).unwrap();
    for bit in 0..stored.len() * 8 {
        let mut damaged = stored.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(plain) = decompress(2, &damaged, 2000, Some(&prepared)) {
            assert_eq!(plain.len(), 2000);
        }
    }
}

#[test]
fn only_zstd_takes_a_dictionary() {
    let prepared = Prepared::new(&dictionary()).unwrap();
    for algorithm in ALL.into_iter().filter(|a| a.id() != 2) {
        let error = compress(algorithm, b"plain", Some(&prepared)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec, "{algorithm}");
        let error = decompress(algorithm.id(), b"", 0, Some(&prepared)).unwrap_err();
        assert!(error.to_string().contains("dictionary"), "{error}");
    }
}

#[test]
fn what_is_no_dictionary_is_refused() {
    let sound = dictionary();
    let cut = sound.slice(..20);
    for bytes in [
        Bytes::new(),
        Bytes::from_static(b"some text that is no dictionary"),
        cut,
    ] {
        let error = Prepared::new(&bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
    }
    let shown = format!("{:?}", Prepared::new(&sound).unwrap());
    assert_eq!(shown, format!("Prepared {{ bytes: {}, .. }}", sound.len()));
}
