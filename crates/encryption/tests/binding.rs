//! Values bound to their place and header, as the cache binds them, open nowhere else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use larder_cache_core::entry::associated_data;
use larder_cache_core::{
    Bytes, Cipher, Epoch, Freshness, Header, Key, KeyPrefix, Kind, Lease, Place, Tag, TagEpoch,
    Timestamp,
};
use larder_encryption::{EncryptionKey, KeyRing};

/// A change of a header, and its name.
type Change = (&'static str, fn(&mut Header));

/// One for each field of the fixed part, and for each part of the tags.
const CHANGES: [Change; 15] = [
    ("kind", |header| header.kind = Kind::Absent),
    ("format", |header| header.format = 2),
    ("compression", |header| header.compression = 1),
    ("dictionary", |header| header.dictionary ^= 1),
    ("key", |header| header.encryption_key = 2),
    ("schema", |header| header.schema ^= 1 << 63),
    ("created", |header| {
        header.created = Timestamp::from_millis(2);
    }),
    ("load cost", |header| {
        header.load_cost = Duration::from_micros(2);
    }),
    ("namespace epoch", |header| {
        header.namespace_epoch = epoch(9);
    }),
    ("plain length", |header| header.plain_bytes += 1),
    ("no tags", |header| header.tags.clear()),
    ("another tag", |header| {
        header.tags[1].tag = Tag::new("team:4").unwrap();
    }),
    ("another epoch of a tag", |header| {
        header.tags[0].epoch = epoch(9);
    }),
    ("one tag less", |header| header.tags.truncate(1)),
    ("other order of tags", |header| header.tags.reverse()),
];

fn header() -> Header {
    let mut header = Header::new(Kind::Value, Timestamp::from_millis(1));
    header.format = 1;
    header.dictionary = 6;
    header.encryption_key = 1;
    header.schema = 7;
    header.load_cost = Duration::from_micros(1);
    header.namespace_epoch = epoch(1);
    header.plain_bytes = 5;
    header.tags = [("team:3", 2), ("plan:pro", 3)]
        .map(|(tag, number)| TagEpoch {
            tag: Tag::new(tag).unwrap(),
            epoch: epoch(number),
        })
        .to_vec();
    header
}

fn epoch(number: u8) -> Epoch {
    Epoch::from_bytes([number; 16])
}

fn key(prefix: &str, user_key: &str) -> Key {
    KeyPrefix::new("app")
        .unwrap()
        .value(prefix, user_key)
        .unwrap()
}

fn bound(header: &Header, namespace: &str, key: &Key) -> Bytes {
    associated_data(header, &Place { namespace, key })
}

/// A ring whose two keys are the same, so that a changed id alone makes a difference.
fn ring() -> KeyRing {
    let ring = KeyRing::new(EncryptionKey::new(1, [7; 32]).unwrap());
    ring.add(EncryptionKey::new(2, [7; 32]).unwrap()).unwrap();
    ring
}

#[test]
fn a_value_does_not_open_in_another_place() {
    let (ring, header, home) = (ring(), header(), key("user", "profile:7"));
    let sealed = ring
        .encrypt(1, b"value", &bound(&header, "users", &home))
        .unwrap();
    let opens = |namespace, key: &Key| {
        ring.decrypt(1, &sealed, &bound(&header, namespace, key))
            .is_ok()
    };
    assert!(opens("users", &home));
    assert!(!opens("admins", &home));
    assert!(!opens("users", &key("user", "profile:8")));
    assert!(!opens("users", &key("admin", "profile:7")));
    // As long, and the same bytes when written one after the other.
    assert!(!opens("usersapp:", &key("user", "profile:7")));
}

#[test]
fn a_value_does_not_open_under_another_header() {
    let (ring, place) = (ring(), key("user", "profile:7"));
    let sealed = ring
        .encrypt(1, b"value", &bound(&header(), "users", &place))
        .unwrap();
    let opens = |header: &Header| {
        let bound = bound(header, "users", &place);
        ring.decrypt(header.encryption_key, &sealed, &bound).is_ok()
    };
    assert!(opens(&header()));
    for (name, change) in CHANGES {
        let mut changed = header();
        change(&mut changed);
        assert_ne!(changed, header(), "{name}");
        assert!(!opens(&changed), "{name}");
    }
}

#[test]
fn what_the_backend_patches_is_not_bound() {
    let (ring, place) = (ring(), key("user", "profile:7"));
    let sealed = ring
        .encrypt(1, b"value", &bound(&header(), "users", &place))
        .unwrap();
    let mut patched = header();
    let later = Timestamp::from_millis(99);
    patched.freshness = Freshness {
        soft: Some(later),
        hard: Some(later),
        lease: Some(Lease {
            token: 5,
            until: later,
        }),
    };
    assert!(
        ring.decrypt(1, &sealed, &bound(&patched, "users", &place))
            .is_ok()
    );
}
