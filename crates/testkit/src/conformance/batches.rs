//! Many keys in one call.

use larder_cache_core::{Bytes, Key, Lifetime};

use super::subject::{Subject, some, write};

/// Answers stand in the order of the keys, with a hole for each that is missing.
pub async fn answers_come_in_order(subject: &Subject) {
    let keys = subject.keys(&["c", "a", "missing", "b"]);
    let writes = [(0, "C"), (1, "A"), (3, "B")].map(|(at, value)| write(&keys[at], value));
    let stored = subject.backend().set(&writes, subject.call()).await;
    assert_eq!(stored.expect("set"), [true; 3]);
    assert_eq!(
        subject.get_all(&keys).await,
        [some("C"), some("A"), None, some("B")]
    );
}

/// A batch of nothing is answered with nothing.
pub async fn empty_batches(subject: &Subject) {
    let (backend, call) = (subject.backend(), subject.call());
    let moved = backend.expire(&[], Lifetime::default(), call).await;
    assert!(backend.get(&[], call).await.expect("get").is_empty());
    assert!(backend.head(&[], 10, call).await.expect("head").is_empty());
    assert!(backend.set(&[], call).await.expect("set").is_empty());
    assert_eq!(backend.delete(&[], call).await.expect("delete"), 0);
    assert!(backend.exists(&[], call).await.expect("exists").is_empty());
    assert!(backend.ttl(&[], call).await.expect("ttl").is_empty());
    assert!(moved.expect("expire").is_empty());
    assert!(backend.pipeline(&[], call).await.expect("run").is_empty());
}

/// A key named twice is answered twice.
pub async fn duplicates_in_reads(subject: &Subject) {
    let keys = subject.keys(&["a", "b", "a", "missing", "a"]);
    subject.put(&keys[0], "A").await;
    subject.put(&keys[1], "B").await;
    assert_eq!(
        subject.get_all(&keys).await,
        [some("A"), some("B"), some("A"), None, some("A")]
    );
    assert_eq!(subject.exists(&keys).await, [true, true, true, false, true]);
    let heads = subject.head(&keys, 1).await;
    let found: Vec<_> = heads.iter().map(Option::is_some).collect();
    assert_eq!(found, [true, true, true, false, true]);
}

/// Writes of one batch are applied in their order.
pub async fn the_last_of_duplicate_writes_wins(subject: &Subject) {
    let (a, b) = (subject.key("a"), subject.key("b"));
    let writes = [
        write(&a, "1"),
        write(&b, "other"),
        write(&a, "2"),
        write(&a, "3"),
    ];
    let stored = subject.backend().set(&writes, subject.call()).await;
    assert_eq!(stored.expect("set"), [true; 4]);
    assert_eq!(subject.get(&a).await, some("3"));
    assert_eq!(subject.get(&b).await, some("other"));
}

/// Deleting says how many keys there were.
pub async fn delete_counts_each_key_once(subject: &Subject) {
    for name in ["a", "b", "c"] {
        subject.put(&subject.key(name), "x").await;
    }
    let keys = subject.keys(&["a", "missing", "b", "a", "b", "a"]);
    assert_eq!(subject.delete(&keys).await, 2);
    assert_eq!(subject.delete(&keys).await, 0);
    assert_eq!(subject.get(&subject.key("c")).await, some("x"));
}

/// Existence is answered key by key.
pub async fn exists_in_order(subject: &Subject) {
    subject.put(&subject.key("here"), "x").await;
    let keys = subject.keys(&["absent", "here", "absent", "here"]);
    assert_eq!(subject.exists(&keys).await, [false, true, false, true]);
}

/// Batches of thousands of keys work like those of few.
pub async fn large_batches(subject: &Subject) {
    let names: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    let keys: Vec<Key> = names.iter().map(|name| subject.key(name)).collect();
    let writes: Vec<_> = keys
        .iter()
        .zip(&names)
        .map(|(key, name)| write(key, name.clone()))
        .collect();
    let stored = subject.backend().set(&writes, subject.call()).await;
    assert_eq!(stored.expect("set"), vec![true; keys.len()]);
    let expected: Vec<_> = names.iter().map(|n| Some(Bytes::from(n.clone()))).collect();
    assert!(subject.get_all(&keys).await == expected);
    let found = subject.scan(&subject.pattern("*"), 500).await;
    assert!(found.len() >= keys.len(), "{} of 3000 keys", found.len());
    assert_eq!(subject.delete(&keys).await, 3000);
    assert!(subject.scan(&subject.pattern("*"), 500).await.is_empty());
}

/// A large value among small ones takes none of their places.
pub async fn small_and_large_values_in_one_batch(subject: &Subject) {
    let keys = subject.keys(&["first", "large", "second", "larger", "third"]);
    let large = |bytes: usize, fill: u8| Bytes::from(vec![fill; bytes]);
    let values = [
        Bytes::from_static(b"1"),
        large(512 << 10, b'l'),
        Bytes::from_static(b"2"),
        large(1 << 20, b'L'),
        Bytes::from_static(b"3"),
    ];
    let writes: Vec<_> = keys
        .iter()
        .zip(&values)
        .map(|(key, value)| write(key, value.clone()))
        .collect();
    let stored = subject.backend().set(&writes, subject.call()).await;
    assert_eq!(stored.expect("set"), [true; 5]);
    assert!(subject.get_all(&keys).await == values.map(Some));
}
