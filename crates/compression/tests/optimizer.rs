//! The optimizer as others use it. What is compared are bytes, never times.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fastrand::Rng;
use larder_cache_core::{
    Algorithm, Codec, Coding, Compression, Dictionaries, Dictionary, Encoded, ErrorKind, Glob,
    KeyPrefix, LzStringForm, Place,
};
use larder_compression::{
    Chunking, CompressOptions, Layout, Objective, Optimizer, OptimizerOptions,
};
use proptest::prelude::*;

fn smallest() -> OptimizerOptions {
    OptimizerOptions::new().objective(Objective::Smallest)
}

fn optimizer(options: OptimizerOptions) -> Optimizer {
    Optimizer::new(options).unwrap()
}

fn encode(
    optimizer: &Optimizer,
    plain: &[u8],
    wanted: Compression,
    prefix: &str,
) -> Option<Encoded> {
    let key = KeyPrefix::new("app").unwrap().value(prefix, "7").unwrap();
    let place = Place {
        namespace: "users",
        key: &key,
    };
    optimizer.encode(plain, wanted, &place).unwrap()
}

/// A record of few words, with a number that is its own.
fn record(rng: &mut Rng) -> Vec<u8> {
    let words = [
        "identifier",
        "subscription",
        "progress",
        "language",
        "beginner",
        "premium",
    ];
    let mut record = Vec::new();
    for _ in 0..12 {
        record.extend(words[rng.usize(..words.len())].as_bytes());
        record.extend(rng.u32(..).to_le_bytes());
    }
    record
}

fn a_dictionary(seed: u64) -> Dictionary {
    let optimizer = optimizer(smallest());
    let mut rng = Rng::with_seed(seed);
    for _ in 0..600 {
        encode(&optimizer, &record(&mut rng), Compression::Trained, "user");
    }
    optimizer.train("users").unwrap().unwrap()
}

const WORDS: &str = "the same words, ";

#[test]
fn values_up_to_the_threshold_stay_plain() {
    let text = WORDS.repeat(100);
    let check = |threshold, wanted, bytes, expected| {
        let optimizer = optimizer(smallest().threshold_bytes(threshold));
        let found = encode(&optimizer, &text.as_bytes()[..bytes], wanted, "user");
        assert_eq!(found.is_some(), expected, "{threshold} {wanted:?} {bytes}");
        optimizer
            .configure(smallest().threshold_bytes(bytes - 1))
            .unwrap();
        let found = encode(&optimizer, &text.as_bytes()[..bytes], wanted, "user");
        assert!(found.is_some(), "configured at run time");
    };
    for wanted in [
        Compression::Default,
        Compression::Auto,
        Compression::Trained,
        Compression::With(Algorithm::Lz4),
    ] {
        check(1024, wanted, 1024, false);
        check(1024, wanted, 1025, true);
        check(100, wanted, 101, true);
    }
}

#[test]
fn overrides_stand_above_what_is_asked() {
    let gzip = Compression::With(Algorithm::Gzip(6));
    let options = smallest()
        .override_keys(Glob::new("user:*"), gzip)
        .override_keys(Glob::new("avatar:*"), Compression::Off);
    let optimizer = optimizer(options);
    let text = WORDS.repeat(100);
    let coding = |prefix| {
        let encoded = encode(&optimizer, text.as_bytes(), Compression::Auto, prefix);
        encoded.map(|encoded| encoded.coding.algorithm)
    };
    assert_eq!(coding("user"), Some(Algorithm::Gzip(6).id()));
    assert_eq!(coding("avatar"), None);
    assert_ne!(coding("post"), Some(Algorithm::Gzip(6).id()));
}

#[test]
fn what_can_not_be_done_is_refused() {
    let optimizer = Optimizer::default();
    let level = Compression::With(Algorithm::Zstd(23));
    assert_eq!(
        optimizer.check(level).unwrap_err().kind(),
        ErrorKind::Config
    );
    optimizer.check(Compression::Trained).unwrap();
    let compressed = optimizer.compress(b"x", &CompressOptions::new().compression(level));
    assert_eq!(compressed.unwrap_err().kind(), ErrorKind::Config);
    let unknown = Coding {
        algorithm: 99,
        dictionary: 0,
    };
    assert!(!optimizer.can_decode(unknown));
    let error = optimizer.decode(b"x", unknown, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
}

#[test]
fn values_of_an_unknown_dictionary_are_an_error() {
    let (writer, reader) = (optimizer(smallest()), optimizer(smallest()));
    let dictionary = a_dictionary(1);
    writer.install("users", &dictionary).unwrap();
    writer.adopt("users", Some(dictionary.id()));
    let plain = record(&mut Rng::with_seed(9));
    let encoded = encode(&writer, &plain, Compression::Trained, "user").unwrap();
    assert_eq!(encoded.coding.dictionary, dictionary.id());
    assert!(!reader.can_decode(encoded.coding));
    let read = reader.decode(&encoded.bytes, encoded.coding, plain.len());
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Codec);
    reader.install("users", &dictionary).unwrap();
    assert!(reader.can_decode(encoded.coding));
    let read = reader.decode(&encoded.bytes, encoded.coding, plain.len());
    assert_eq!(read.unwrap(), plain);
    assert_eq!(reader.current("users"), None, "installed, not adopted");
}

#[test]
fn what_is_no_dictionary_is_refused() {
    let optimizer = Optimizer::default();
    let sound = a_dictionary(1);
    let mut damaged = sound.bytes().to_vec();
    damaged[0] ^= 1;
    for bytes in [&b""[..], b"text", &damaged, &sound.bytes()[..9]] {
        let dictionary = Dictionary::new(bytes.to_vec().into());
        let error = optimizer.install("users", &dictionary).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec);
        optimizer.adopt("users", Some(dictionary.id()));
        assert_eq!(optimizer.current("users"), None);
    }
}

#[test]
fn the_dictionary_in_use_is_never_the_one_that_makes_room() {
    let optimizer = Optimizer::default();
    let first = a_dictionary(100);
    optimizer.install("users", &first).unwrap();
    optimizer.adopt("users", Some(first.id()));
    let of = |dictionary: &Dictionary| Coding {
        algorithm: Algorithm::Zstd(3).id(),
        dictionary: dictionary.id(),
    };
    // Each differs from the first in its last byte, which is content.
    let others: Vec<Dictionary> = (0..20_u8)
        .map(|number| {
            let mut bytes = first.bytes().to_vec();
            *bytes.last_mut().unwrap() ^= number + 1;
            Dictionary::new(bytes.into())
        })
        .collect();
    for other in &others {
        optimizer.install("users", other).unwrap();
    }
    assert!(optimizer.can_decode(of(&first)));
    let readable = others
        .iter()
        .filter(|other| optimizer.can_decode(of(other)));
    assert_eq!(readable.count(), 15);
    assert!(
        !optimizer.can_decode(of(&others[0])),
        "the oldest made room"
    );
    assert_eq!(optimizer.stats().readable_dictionaries, 16);
}

#[test]
fn large_values_go_in_chunks() {
    let optimizer = optimizer(smallest().chunking(Chunking::Above(1 << 20)));
    let text = WORDS.repeat((3 << 20) / WORDS.len());
    let check = |compression, expected: Layout| {
        let options = CompressOptions::new().compression(compression);
        let packed = optimizer.compress(text.as_bytes(), &options).unwrap();
        assert_eq!(packed.metadata.layout, expected, "{compression:?}");
        let read = optimizer.decompress(&packed.bytes, text.len()).unwrap();
        assert!(read == text.as_bytes());
        let error = optimizer
            .decompress(&packed.bytes, text.len() - 1)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    };
    check(Compression::Auto, Layout::Chunked);
    check(Compression::With(Algorithm::Lz4), Layout::Chunked);
    check(Compression::Off, Layout::Whole);
    let counted = &optimizer.stats().namespaces[0];
    assert_eq!(counted.algorithms.iter().map(|a| a.values).sum::<u64>(), 3);
}

/// Threads write and read while others train, install, adopt and configure.
#[test]
fn everything_may_happen_at_once() {
    let optimizer = &optimizer(smallest().threshold_bytes(64));
    let dictionaries = &[a_dictionary(1), a_dictionary(2)];
    let is_done = &AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn(move || {
                    let mut rng = Rng::with_seed(seed);
                    for _ in 0..400 {
                        let plain = record(&mut rng);
                        let found = encode(optimizer, &plain, Compression::Trained, "user");
                        if let Some(Encoded { bytes, coding }) = found {
                            let read = optimizer.decode(&bytes, coding, plain.len());
                            assert_eq!(read.unwrap(), plain);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(move || {
            while !is_done.load(Ordering::Relaxed) {
                for dictionary in dictionaries {
                    optimizer.install("users", dictionary).unwrap();
                    optimizer.adopt("users", Some(dictionary.id()));
                    optimizer.train("users").unwrap();
                }
                optimizer.adopt("users", None);
            }
        });
        scope.spawn(move || {
            while !is_done.load(Ordering::Relaxed) {
                optimizer
                    .configure(smallest().threshold_bytes(128))
                    .unwrap();
                let _ = (optimizer.recommendations(), optimizer.stats());
            }
        });
        let results: Vec<_> = writers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        is_done.store(true, Ordering::Relaxed);
        assert!(results.into_iter().all(|result| result.is_ok()));
    });
    let counted = &optimizer.stats().namespaces[0];
    assert_eq!(
        counted.algorithms.iter().map(|a| a.values).sum::<u64>(),
        1600
    );
}

const FRAME: usize = 26;

fn compressions() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::Off),
        Just(Compression::Auto),
        Just(Compression::Trained),
        Just(Compression::With(Algorithm::Lz4)),
        Just(Compression::With(Algorithm::Zstd(1))),
        Just(Compression::With(Algorithm::Brotli(5))),
        Just(Compression::With(Algorithm::Gzip(0))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_becomes_larger_than_plain_and_its_frame(
        values in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..60), 1_usize..40), 1..8),
        compression in compressions(),
    ) {
        let optimizer = optimizer(smallest().threshold_bytes(0));
        for (part, times) in values {
            let plain = part.repeat(times);
            if let Some(encoded) = encode(&optimizer, &plain, compression, "user") {
                prop_assert!(encoded.bytes.len() < plain.len());
            }
            let options = CompressOptions::new().compression(compression);
            let packed = optimizer.compress(&plain, &options).unwrap();
            prop_assert!(packed.bytes.len() <= plain.len() + FRAME);
            prop_assert_eq!(packed.metadata.stored_bytes, packed.bytes.len());
            prop_assert_eq!(optimizer.decompress(&packed.bytes, plain.len()).unwrap(), plain);
        }
    }
}

#[test]
fn text_that_javascript_reads_can_be_asked_for() {
    let optimizer = optimizer(smallest().threshold_bytes(0));
    let form = Compression::With(Algorithm::LzString(LzStringForm::Base64));
    let packed = encode(&optimizer, WORDS.repeat(9).as_bytes(), form, "user").unwrap();
    assert!(packed.bytes.iter().all(u8::is_ascii_graphic));
}
