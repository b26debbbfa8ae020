//! One value under one key.

use larder_cache_core::{Bytes, Lifetime};

use super::subject::{Subject, some, write};

/// What was stored is read.
pub async fn round_trip(subject: &Subject) {
    let key = subject.key("profile:123");
    assert!(subject.set(write(&key, "Ada")).await);
    assert_eq!(subject.get(&key).await, some("Ada"));
    assert_eq!(subject.delete(std::slice::from_ref(&key)).await, 1);
    assert_eq!(subject.get(&key).await, None);
}

/// A key that was never stored is no error anywhere.
pub async fn missing_is_none(subject: &Subject) {
    let keys = subject.keys(&["nobody"]);
    assert_eq!(subject.get(&keys[0]).await, None);
    assert_eq!(subject.head(&keys, 10).await, [None]);
    assert_eq!(subject.exists(&keys).await, [false]);
    assert_eq!(subject.ttl(&keys[0]).await, None);
    assert_eq!(subject.expire(&keys, Lifetime::default()).await, [false]);
    assert_eq!(subject.delete(&keys).await, 0);
}

/// A value of no bytes is a value.
pub async fn empty_value(subject: &Subject) {
    let key = subject.key("empty");
    subject.put(&key, "").await;
    assert_eq!(subject.get(&key).await, some(""));
    assert_eq!(subject.exists(&[key]).await, [true]);
}

/// Values are bytes: all of them come back as they were.
pub async fn every_byte_value(subject: &Subject) {
    let key = subject.key("bytes");
    let value: Bytes = (0..=u8::MAX).rev().cycle().take(1024).collect();
    subject.put(&key, value.clone()).await;
    assert_eq!(subject.get(&key).await, Some(value));
}

/// Values of all sizes come back whole.
pub async fn from_one_byte_to_eight_mebibytes(subject: &Subject) {
    let sizes = [1, 2, 4095, 4096, (64 << 10) + 1, (256 << 10) + 1, 8 << 20];
    for bytes in sizes {
        let key = subject.key(&format!("of {bytes} bytes"));
        let value: Bytes = (0..bytes).map(|at| (at % 251) as u8).collect();
        subject.put(&key, value.clone()).await;
        let found = subject.get(&key).await.expect("a value");
        // Not assert_eq, which would print megabytes.
        assert!(found == value, "{bytes} bytes came back different");
        subject.delete(&[key]).await;
    }
}

/// Keys are any text without control characters.
pub async fn unusual_keys(subject: &Subject) {
    let longest = "k".repeat(1024);
    let names = [
        "a b",
        "a\"b'c`d",
        "\\n",
        "{brace}",
        "100%",
        "*?[a-z]",
        "a:b::c",
        "~internal",
        "ä",
        "日本語",
        "🦀",
        "$1",
        longest.as_str(),
    ];
    for name in names {
        subject.put(&subject.key(name), name.to_owned()).await;
    }
    for name in names {
        let found = subject.get(&subject.key(name)).await;
        assert_eq!(found, Some(name.to_owned().into()), "{name}");
    }
}

/// A later value takes the place of an earlier one, longer or shorter.
pub async fn overwriting_replaces(subject: &Subject) {
    let key = subject.key("changing");
    for value in ["first", "the second, longer", "3rd", ""] {
        subject.put(&key, value).await;
        assert_eq!(subject.get(&key).await, some(value));
    }
}

/// Bytes in a reader's hands don't change when the key does.
pub async fn a_value_read_stays_as_it_was(subject: &Subject) {
    let key = subject.key("held");
    subject.put(&key, "before").await;
    let held = subject.get(&key).await;
    subject.put(&key, "after!").await;
    assert_eq!(held, some("before"));
    subject.delete(&[key]).await;
    assert_eq!(held, some("before"));
}
