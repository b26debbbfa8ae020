//! What values go through on their way: encryption with keys that rotate.

use std::sync::Arc;

use larder::{Cache, Encryption, EncryptionKey, KeyRing, Namespace, ReencryptOptions, TypedCache};
use larder_cache_core::KeyPrefix;

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
