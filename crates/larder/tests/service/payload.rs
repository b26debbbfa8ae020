//! What values go through on their way: dictionaries, and encryption with keys that rotate.

use std::sync::Arc;
use std::time::Duration;

use larder::compression::{Objective, Optimizer, OptimizerOptions};
use larder::{
    Builder, Cache, Compression, Encryption, EncryptionKey, KeyRing, Namespace, ReencryptOptions,
    TypedCache,
};
use larder_cache_core::{Entry, KeyPrefix};

use crate::backing::Backing;

/// Below and above what goes its own way to Redis.
const SIZES: [usize; 4] = [0, 100, 200 << 10, 1 << 20];

fn key(id: u8) -> EncryptionKey {
    EncryptionKey::new(id.into(), [id; 32]).unwrap()
}

async fn process(backing: &Backing, keys: &Arc<KeyRing>) -> Cache {
    let vault = Namespace::new("vault").encryption(Encryption::On);
    let keys = keys.clone();
    backing
        .build(move |builder| builder.namespace(vault).cipher(keys).l1_bytes(0))
        .await
}

fn secret(size: usize) -> String {
    "the secret ".repeat(1 + size / 11)
}

pub(crate) async fn encrypted_values_outlive_a_rotation(backing: &Backing) {
    let keys = Arc::new(KeyRing::new(key(1)));
    let cache = process(backing, &keys).await;
    let vault: TypedCache<String> = cache.namespace("vault").unwrap().typed();
    for size in SIZES {
        vault.set(size.to_string(), secret(size)).await.unwrap();
    }
    let program = backing.program().await;
    for size in SIZES {
        let prefix = KeyPrefix::new("app").unwrap();
        let stored = prefix.value("vault", &size.to_string()).unwrap();
        let stored = program.get(&stored).await.unwrap();
        let readable = stored.windows(10).any(|part| part == b"the secret");
        assert!(!readable, "{size}");
    }
    keys.add(key(2)).unwrap();
    keys.use_key(2).unwrap();
    let report = vault.reencrypt(ReencryptOptions::new()).await.unwrap();
    assert_eq!(
        (report.reencrypted, report.up_to_date),
        (4, 0),
        "{report:?}"
    );
    keys.retire(1).unwrap();
    let other = process(backing, &Arc::new(KeyRing::new(key(2)))).await;
    let other: TypedCache<String> = other.namespace("vault").unwrap().typed();
    for size in SIZES {
        let found = other.get(size.to_string()).await.unwrap();
        assert_eq!(*found.unwrap(), secret(size), "{size}");
    }
    let again = other.reencrypt(ReencryptOptions::new()).await.unwrap();
    assert_eq!((again.reencrypted, again.up_to_date), (0, 4), "{again:?}");
}

fn record(number: u32) -> Vec<String> {
    let text = |n: u32| format!("the {n}th of the words that all records have in common");
    (number..number + 8).map(text).collect()
}

/// A process whose codec lets bytes decide, so that nothing depends on how fast the machine is.
async fn trainee(backing: &Backing) -> TypedCache<Vec<String>> {
    let options = OptimizerOptions::new().objective(Objective::Smallest);
    let codec = Arc::new(Optimizer::new(options).unwrap());
    let records = Namespace::new("records").compression(Compression::Trained);
    let build = move |b: Builder| b.namespace(records).codec(codec).l1_bytes(0);
    let cache = backing.build(build).await;
    cache.namespace("records").unwrap().typed()
}

/// One process trains a dictionary, and another, which knows nothing of it, reads with it.
pub(crate) async fn dictionaries_are_shared(backing: &Backing) {
    let (one, program) = (trainee(backing).await, backing.program().await);
    let key = KeyPrefix::new("app").unwrap().value("records", "last");
    let key = key.unwrap();
    let used = async {
        for number in 0.. {
            let records = (0..50).map(|n| ((50 * number + n).to_string(), record(n)));
            one.set_many(records).await.unwrap();
            one.set("last", record(7)).await.unwrap();
            let stored = program.get(&key).await.unwrap();
            if Entry::decode(&stored).unwrap().header.dictionary != 0 {
                return stored.len();
            }
            backing.pass(Duration::from_millis(100)).await;
            // For the training, which has a thread of its own.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        0
    };
    let bytes = tokio::time::timeout(Duration::from_secs(60), used).await;
    assert!(bytes.unwrap() < 300);
    let other = trainee(backing).await;
    assert_eq!(*other.get("last").await.unwrap().unwrap(), record(7));
    assert!(other.stats().miss_reasons.is_empty());
}
