//! What dictionaries gain on values that they were not trained on.

use fastrand::Rng;
use larder_cache_core::{Algorithm, Codec, Compression, Dictionaries, KeyPrefix, Place};
use serde::Serialize;

use crate::model;
use crate::optimizer::Optimizer;
use crate::options::OptimizerOptions;
use crate::stopwatch::Stopwatch;

/// A record of 11 fields, as a service keeps it.
#[derive(Serialize)]
struct Learner {
    id: u64,
    account: String,
    name: String,
    email: String,
    plan: &'static str,
    language: &'static str,
    created_at: u64,
    last_seen_at: u64,
    progress: Vec<(u32, f32, bool)>,
    tags: Vec<&'static str>,
    school: Option<u32>,
}

fn pick(rng: &mut Rng, from: &[&'static str]) -> &'static str {
    from[rng.usize(..from.len())]
}

/// 200 to 1000 bytes of MessagePack.
fn record(rng: &mut Rng) -> Vec<u8> {
    let name = pick(
        rng,
        &[
            "Ada Lovelace",
            "Alan Turing",
            "Grace Hopper",
            "Barbara Liskov",
        ],
    );
    let created_at = 1_600_000_000_000 + rng.u64(..150_000_000_000);
    let tags = [
        "beginner",
        "advanced",
        "trial",
        "newsletter",
        "mentor",
        "beta",
    ];
    let learner = Learner {
        id: rng.u64(1..50_000_000),
        account: format!("{:016x}", rng.u64(..)),
        name: name.to_owned(),
        email: format!(
            "{}.{}@example.org",
            name.replace(' ', "."),
            rng.u32(..10_000)
        ),
        plan: pick(rng, &["free", "premium-monthly", "premium-yearly"]),
        language: pick(rng, &["en-GB", "en-US", "de-DE", "fr-FR", "ja-JP"]),
        created_at,
        last_seen_at: created_at + rng.u64(..50_000_000_000),
        progress: (0..rng.usize(4..50))
            .map(|_| (rng.u32(..2000), rng.f32(), rng.bool()))
            .collect(),
        tags: (0..rng.usize(..4)).map(|_| pick(rng, &tags)).collect(),
        school: rng.bool().then(|| rng.u32(..5000)),
    };
    rmp_serde::to_vec_named(&learner).unwrap()
}

/// A document whose content is its own but for its few names.
fn document(rng: &mut Rng) -> Vec<u8> {
    let words: Vec<String> = (0..60)
        .map(|_| format!("{:x}", rng.u64(..1 << 60)))
        .collect();
    serde_json::to_vec(&serde_json::json!({ "id": rng.u64(..), "body": words })).unwrap()
}

struct World {
    optimizer: Optimizer,
    rng: Rng,
}

impl World {
    fn new() -> Self {
        let options = OptimizerOptions::new().threshold_bytes(64);
        Self {
            optimizer: Optimizer::with_stopwatch(options, Stopwatch::Model(model::server)),
            rng: Rng::with_seed(2026),
        }
    }

    fn encoded_bytes(&self, plain: &[u8], wanted: Compression) -> usize {
        let key = KeyPrefix::new("app").unwrap().value("l", "7").unwrap();
        let place = Place {
            namespace: "learners",
            key: &key,
        };
        let Some(encoded) = self.optimizer.encode(plain, wanted, &place).unwrap() else {
            return plain.len();
        };
        let read = self
            .optimizer
            .decode(&encoded.bytes, encoded.coding, plain.len());
        assert_eq!(read.unwrap(), plain);
        encoded.bytes.len()
    }

    /// Trains on 1500 values; whether a dictionary was proposed, which is then in use.
    fn train(&mut self, value: fn(&mut Rng) -> Vec<u8>) -> bool {
        for _ in 0..1500 {
            let value = value(&mut self.rng);
            self.encoded_bytes(&value, Compression::Trained);
        }
        let trained = self.optimizer.train("learners").unwrap();
        if let Some(dictionary) = &trained {
            self.optimizer.install("learners", dictionary).unwrap();
            self.optimizer.adopt("learners", Some(dictionary.id()));
        }
        trained.is_some()
    }
}

#[test]
fn small_records_become_one_and_a_half_times_smaller_than_by_zstd() {
    let mut world = World::new();
    assert!(world.train(record));
    let (mut trained, mut zstd) = (0, 0);
    for _ in 0..500 {
        let record = record(&mut world.rng);
        assert!((200..1000).contains(&record.len()), "{}", record.len());
        trained += world.encoded_bytes(&record, Compression::Trained);
        zstd += world.encoded_bytes(&record, Compression::With(Algorithm::Zstd(3)));
    }
    let gain = f64::from(zstd as u32) / f64::from(trained as u32);
    assert!(gain >= 1.5, "{gain:.2}");
    let stats = world.optimizer.stats();
    let dictionary = stats.namespaces[0].dictionary.as_ref().unwrap();
    assert!(dictionary.saved_share.unwrap() > 0.3, "{dictionary:?}");
}

#[test]
fn documents_with_content_of_their_own_get_no_dictionary() {
    let mut world = World::new();
    assert!(!world.train(document));
    let stats = world.optimizer.stats();
    assert!(stats.namespaces[0].last_training.is_some(), "it was tried");
}
