//! The beginnings of values.

use std::time::Duration;

use larder_cache_core::{Bytes, Expiry, Head};

use super::subject::{Subject, assert_ends_in};

const HOUR: Duration = Duration::from_secs(3600);

/// A head has the first bytes, the whole length and the end.
pub async fn head_reads_the_beginning(subject: &Subject) {
    let keys = subject.keys(&["timed", "endless"]);
    let began = subject.now();
    subject.put_for(&keys[0], "0123456789", HOUR).await;
    subject.put(&keys[1], vec![0xFF_u8; 300_000]).await;
    let heads = subject.head(&keys, 4).await;
    let timed = heads[0].clone().expect("a head");
    assert_eq!((&timed.bytes[..], timed.total_bytes), (&b"0123"[..], 10));
    assert_ends_in(Some(timed.expiry), HOUR, subject.now().since(began));
    assert_eq!(heads[1], Some(endless(b"\xFF\xFF\xFF\xFF", 300_000)));
}

/// Asking for more bytes than there are gives all.
pub async fn head_of_shorter_values(subject: &Subject) {
    let keys = subject.keys(&["short"]);
    subject.put(&keys[0], "abc").await;
    for bytes in [3, 4, 4096, 1 << 30] {
        let expected = Some(endless(b"abc", 3));
        assert_eq!(subject.head(&keys, bytes).await, [expected], "{bytes}");
    }
}

/// Asking for no bytes gives the length and the end alone.
pub async fn head_of_no_bytes(subject: &Subject) {
    let keys = subject.keys(&["value", "missing"]);
    subject.put(&keys[0], "abc").await;
    let expected = [Some(endless(b"", 3)), None];
    assert_eq!(subject.head(&keys, 0).await, expected);
}

/// A value of no bytes has a head; a key that is missing has none.
pub async fn head_of_empty_values(subject: &Subject) {
    let keys = subject.keys(&["missing", "empty"]);
    subject.put(&keys[1], "").await;
    let expected = [None, Some(endless(b"", 0))];
    assert_eq!(subject.head(&keys, 10).await, expected);
}

/// Heads stand in the order of the keys.
pub async fn head_in_order(subject: &Subject) {
    let keys = subject.keys(&["b", "missing", "a", "b"]);
    subject.put(&keys[0], "BB").await;
    subject.put(&keys[2], "A").await;
    let (a, b) = (Some(endless(b"A", 1)), Some(endless(b"B", 2)));
    assert_eq!(subject.head(&keys, 1).await, [b.clone(), None, a, b]);
}

fn endless(bytes: &'static [u8], total_bytes: usize) -> Head {
    Head {
        bytes: Bytes::from_static(bytes),
        total_bytes,
        expiry: Expiry::Never,
    }
}
