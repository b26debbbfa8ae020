//! The optimizer as a whole, by times of a model.

use fastrand::Rng;
use larder_cache_core::{Codec, Dictionaries, Dictionary, KeyPrefix, Place};

use super::*;
use crate::model;
use crate::objective::Objective;
use crate::stopwatch::Work;

fn optimizer(options: OptimizerOptions) -> Optimizer {
    Optimizer::with_stopwatch(options, Stopwatch::Model(model::server))
}

/// A record as a binary format writes it: names of fields, words of a few, and numbers.
fn record(rng: &mut Rng) -> Vec<u8> {
    let mut record = Vec::new();
    for field in [
        "identifier",
        "display_name",
        "subscription",
        "progress",
        "language",
    ] {
        record.push(0xA0 | field.len() as u8);
        record.extend(field.as_bytes());
        let word = ["beginner", "intermediate", "advanced", "premium", "trial"][rng.usize(..5)];
        record.push(0xA0 | word.len() as u8);
        record.extend(word.as_bytes());
        record.extend((0..6).map(|_| rng.u8(..)));
    }
    record.resize_with(record.len() + rng.usize(..40), || rng.u8(..));
    record
}

fn noise(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| rng.u8(..)).collect()
}

fn encode(optimizer: &Optimizer, plain: &[u8], wanted: Compression) -> Option<Coding> {
    let key = KeyPrefix::new("app").unwrap().value("u", "7").unwrap();
    let place = Place {
        namespace: "users",
        key: &key,
    };
    let encoded = optimizer.encode(plain, wanted, &place).unwrap()?;
    assert!(encoded.bytes.len() < plain.len());
    let read = optimizer.decode(&encoded.bytes, encoded.coding, plain.len());
    assert_eq!(read.unwrap(), plain);
    Some(encoded.coding)
}

/// Trains on so many records and takes what comes of it.
fn train(optimizer: &Optimizer, rng: &mut Rng, records: usize) -> Option<Dictionary> {
    for _ in 0..records {
        encode(optimizer, &record(rng), Compression::Trained);
    }
    optimizer.train("users").unwrap()
}

fn adopt(optimizer: &Optimizer, dictionary: &Dictionary) {
    optimizer.install("users", dictionary).unwrap();
    optimizer.adopt("users", Some(dictionary.id()));
    assert_eq!(optimizer.current("users").as_ref(), Some(dictionary));
}

#[test]
fn a_dictionary_is_trained_adopted_used_and_retired() {
    let (optimizer, mut rng) = (optimizer(OptimizerOptions::new()), Rng::with_seed(3));
    let dictionary = train(&optimizer, &mut rng, 600).unwrap();
    assert_eq!(optimizer.current("users"), None, "nobody adopted it yet");
    adopt(&optimizer, &dictionary);
    let coding = encode(&optimizer, &record(&mut rng), Compression::Trained).unwrap();
    assert_eq!(coding.dictionary, dictionary.id());
    let under_auto = encode(&optimizer, &record(&mut rng), Compression::Auto);
    assert_eq!(under_auto, None, "it is for `Trained` alone");
    // The values become others, which the dictionary does nothing for.
    for written in 0.. {
        let mut other = noise(&mut rng, 100);
        other.extend([0; 200]);
        encode(&optimizer, &other, Compression::Trained);
        if optimizer.current("users").is_none() {
            break;
        }
        assert!(written < 20_000, "it no longer pays");
    }
    assert!(optimizer.can_decode(coding), "old values stay readable");
    let again = train(&optimizer, &mut rng, 600);
    assert!(again.is_some(), "training begins anew");
}

#[test]
fn a_failed_training_is_not_repeated_soon() {
    let (optimizer, mut rng) = (optimizer(OptimizerOptions::new()), Rng::with_seed(4));
    let offer = |rng: &mut Rng, values: usize| {
        for _ in 0..values {
            encode(&optimizer, &noise(rng, 1000), Compression::Trained);
        }
        let before = optimizer.stats().namespaces[0].last_training.clone();
        assert_eq!(optimizer.train("users").unwrap(), None);
        let after = optimizer.stats().namespaces[0].last_training.clone();
        (before, after)
    };
    let (before, after) = offer(&mut rng, 60);
    assert_eq!((before, after), (None, None), "too few values");
    let (_, first) = offer(&mut rng, 90);
    assert!(first.is_some());
    // 200 new ones are needed now; each training holds out other values.
    assert_eq!(offer(&mut rng, 190).1, first);
    assert_ne!(offer(&mut rng, 20).1, first);
}

#[test]
fn samples_stay_within_their_bytes() {
    let (optimizer, mut rng) = (optimizer(OptimizerOptions::new()), Rng::with_seed(5));
    for _ in 0..600 {
        let bytes = rng.usize(..20_000);
        encode(&optimizer, &vec![7; bytes], Compression::Trained);
        encode(&optimizer, &vec![7; bytes], Compression::Auto);
    }
    let stats = &optimizer.stats().namespaces[0];
    assert!(stats.sample_bytes > 900_000, "{}", stats.sample_bytes);
    assert!(stats.sample_bytes <= 1 << 20, "{}", stats.sample_bytes);
}

#[test]
fn what_takes_longer_than_the_target_is_not_chosen() {
    fn brotli_takes_long(work: Work) -> Duration {
        match work.candidate.algorithm {
            Some(Algorithm::Brotli(_)) => Duration::from_millis(60),
            _ => model::server(work),
        }
    }
    let options = OptimizerOptions::new().objective(Objective::Smallest);
    let check = |target: u64, may_be_brotli: bool| {
        let target = Duration::from_millis(target);
        let options = options.clone().performance_target(target);
        let stopwatch = Stopwatch::Model(brotli_takes_long);
        let optimizer = Optimizer::with_stopwatch(options, stopwatch);
        for _ in 0..50 {
            encode(&optimizer, &[b'x'; 4000], Compression::Auto);
        }
        let found = &optimizer.recommendations()[0];
        let brotli = |a: Option<Algorithm>| matches!(a, Some(Algorithm::Brotli(_)));
        assert!(may_be_brotli || !brotli(found.algorithm), "{found}");
        let slow = found.measured.iter().find(|one| brotli(one.algorithm));
        assert_eq!(slow.unwrap().is_fast_enough, may_be_brotli);
    };
    check(10, false);
    check(100, true);
}

#[test]
fn recommendations_say_why() {
    let optimizer = optimizer(OptimizerOptions::new());
    for _ in 0..10 {
        encode(&optimizer, &[b'x'; 4000], Compression::Auto);
    }
    let found = optimizer.recommendations();
    assert_eq!(found.len(), 1, "{found:?}");
    let found = &found[0];
    assert_eq!(
        (found.namespace.as_str(), found.from_bytes),
        ("users", 2048)
    );
    assert_eq!(found.algorithm, Some(Algorithm::Lz4));
    assert_eq!(found.measured[0].algorithm, found.algorithm);
    assert!(found.measured.len() >= 4);
    let plain = found.measured.iter().find(|one| one.algorithm.is_none());
    assert_eq!(plain.unwrap().ratio, 1.0);
    assert!(found.reason.starts_with("lz4, because"), "{found}");
}
