//! What is in writes comes out as it went in.

use larder_cache_core::{Bytes, JournalWrite, MAX_KEY_BYTES, check_key};

use super::subject::{Subject, sequences, set, some};

/// A value of no bytes is a value.
pub async fn an_empty_value_is_no_deletion(subject: &Subject) {
    let keys = subject.keys_of(0, 2);
    subject.set(&keys[0], "").await;
    subject.delete(&keys[1]).await;
    assert_eq!(subject.latest_value(&keys[0]).await, Some(some("")));
    assert_eq!(subject.latest_value(&keys[1]).await, Some(None));
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    let values: Vec<_> = read.iter().map(|record| record.value.clone()).collect();
    assert_eq!(values, [some(""), None]);
    subject.bury(&claim, &read, "").await;
    let letters = subject.dead_letters().await;
    let values: Vec<_> = letters.iter().map(|letter| letter.value.clone()).collect();
    assert_eq!(values, [some(""), None]);
}

/// Values are bytes, all of them.
pub async fn every_byte_value(subject: &Subject) {
    let value: Vec<u8> = (0..=u8::MAX).rev().cycle().take(1024).collect();
    check_round_trip(subject, "key", &value).await;
}

/// Keys are any text that a key may be, of every length.
pub async fn unusual_keys(subject: &Subject) {
    let longest = [
        "k".repeat(MAX_KEY_BYTES),
        "\u{1f980}".repeat(MAX_KEY_BYTES / 4),
    ];
    let nearly = "k".repeat(MAX_KEY_BYTES - 1);
    let names = [
        "a b",
        " ",
        "a\"b'c`d",
        "\\n",
        "{brace}",
        "100%",
        "*?[a-z]",
        "a:b::c",
        "~internal",
        "\u{e4}",
        "\u{65e5}\u{672c}\u{8a9e}",
        "\u{1f980}",
        "$1",
        "0",
        "-1",
        "+",
        "*",
        "$",
        "nil",
        "null",
        "0-0",
        "(1-0",
        "[",
        "\u{10ffff}",
        "\u{ffff}",
        "\u{feff}",
        "a\u{301}",
        "\u{e1}",
    ];
    let printable = (' '..='~').map(String::from);
    let names = names.iter().map(ToString::to_string).chain(printable);
    for key in names.chain(longest).chain([nearly]) {
        check_key(&key).expect("a legal key");
        check_round_trip(subject, &key, key.as_bytes()).await;
    }
}

/// Values of a mebibyte, several at once.
pub async fn large_values(subject: &Subject) {
    let value: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
    check_round_trip(subject, "large", &value).await;
    let writes: Vec<_> = (0..4).map(|_| set("large", &value)).collect();
    subject.append(&writes).await;
    let claim = subject.claim_of("large").await;
    let read = subject.read_all(&claim).await;
    assert_eq!(read.len(), 4);
    let is_whole = |found: &Option<Bytes>| found.as_deref() == Some(&value[..]);
    assert!(read.iter().all(|record| is_whole(&record.value)));
    subject.acknowledge(&claim, &read).await;
}

/// Ten thousand writes in one call, read and taken in one.
pub async fn large_batches(subject: &Subject) {
    let keys = subject.keys_of(0, 100);
    let write = |number: usize| set(&keys[number % 100], number.to_string());
    let writes: Vec<JournalWrite> = (0..10_000).map(write).collect();
    let all = subject.append(&writes).await;
    assert!(all.is_sorted_by(|one, next| one < next));
    let claim = subject.claim(0).await;
    let read = subject.read_all(&claim).await;
    assert_eq!(sequences(&read), all);
    for (record, write) in read.iter().zip(&writes) {
        assert_eq!((&record.key, &record.value), (&write.key, &write.value));
    }
    subject.acknowledge(&claim, &read[..9000]).await;
    assert_eq!(subject.read_all(&claim).await.len(), 1000);
    subject.bury(&claim, &read[9000..], "no").await;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(subject.revive(&keys).await, 100);
    assert_eq!(subject.read_all(&claim).await.len(), 100);
}

/// A reason is any text.
pub async fn unusual_reasons(subject: &Subject) {
    for reason in ["", "a\nb\0c", "\u{1f980}", &"long ".repeat(1000)] {
        subject.set("key", "x").await;
        let claim = subject.claim_of("key").await;
        let read = subject.read_all(&claim).await;
        subject.bury(&claim, &read, reason).await;
        subject.release(&claim).await;
        assert_eq!(subject.dead_letters().await[0].reason, reason);
    }
}

async fn check_round_trip(subject: &Subject, key: &str, value: &[u8]) {
    let value = Some(Bytes::copy_from_slice(value));
    subject
        .append(&[set(key, value.as_ref().expect("a value"))])
        .await;
    let latest = subject.latest(key).await.expect("a write");
    // Not assert_eq, which would print megabytes.
    assert!(
        latest.key == key && latest.value == value,
        "{key:?}: latest"
    );
    let claim = subject.claim_of(key).await;
    let read = subject.read_all(&claim).await;
    assert_eq!(read.len(), 1, "{key:?}");
    assert!(
        read[0].key == key && read[0].value == value,
        "{key:?}: read"
    );
    subject.bury(&claim, &read, "no").await;
    let letters = subject.dead_letters().await;
    assert_eq!(letters.len(), 1, "{key:?}");
    assert!(
        letters[0].key == key && letters[0].value == value,
        "{key:?}: letter"
    );
    assert_eq!(subject.revive(&[key]).await, 1, "{key:?}");
    let read = subject.read_all(&claim).await;
    assert!(
        read[0].key == key && read[0].value == value,
        "{key:?}: revived"
    );
    subject.acknowledge(&claim, &read).await;
    assert_eq!(subject.latest(key).await, None, "{key:?}");
    subject.release(&claim).await;
}
