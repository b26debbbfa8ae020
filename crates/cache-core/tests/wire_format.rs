//! The stored bytes: golden files of released versions, and every way to damage them.
//!
//! `LARDER_WRITE_GOLDEN=1 cargo test -p larder-cache-core --test wire_format` writes the
//! files of the current version where they are missing; existing ones are never touched.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::time::Duration;

use larder_cache_core::entry::{
    HEADER_BYTES, MUTABLE_PART, SOFT_AND_HARD_EXPIRY, encode_expiry, is_entry,
};
use larder_cache_core::{
    Bytes, Entry, Epoch, Freshness, Header, Kind, Lease, Tag, TagEpoch, Timestamp, Unreadable,
};
use proptest::prelude::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn full_entry() -> Entry {
    let mut header = Header::new(Kind::Value, at(1_700_000_000_000));
    header.freshness = Freshness {
        soft: Some(at(1_700_000_060_000)),
        hard: Some(at(1_700_000_120_000)),
        lease: Some(Lease {
            token: 0x0123_4567_89AB_CDEF,
            until: at(1_700_000_010_000),
        }),
    };
    header.format = 1;
    header.compression = 2;
    header.dictionary = 7;
    header.encryption_key = 9;
    header.schema = 0xFEED_F00D_DEAD_BEEF;
    header.load_cost = Duration::from_micros(12_345);
    header.namespace_epoch = Epoch { hard: 42, soft: 43 };
    header.tags = [("active", 1), ("vip", 2)]
        .map(|(tag, epoch)| TagEpoch {
            tag: Tag::new(tag).unwrap(),
            epoch: Epoch {
                hard: epoch,
                soft: epoch + 10,
            },
        })
        .to_vec();
    header.plain_bytes = 20;
    Entry {
        header,
        body: Bytes::from_static(b"the body"),
    }
}

fn bare_entry(kind: Kind) -> Entry {
    Entry {
        header: Header::new(kind, at(1_700_000_000_000)),
        body: Bytes::new(),
    }
}

fn golden_entries() -> Vec<(&'static str, Entry)> {
    vec![
        ("v1-value", full_entry()),
        ("v1-absent", bare_entry(Kind::Absent)),
        ("v1-placeholder", bare_entry(Kind::Placeholder)),
        ("v1-stub", bare_entry(Kind::Stub)),
    ]
}

#[test]
fn golden_files_stay_readable_and_are_what_is_written() {
    for (name, entry) in golden_entries() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(format!("{name}.bin"));
        if !path.exists() && std::env::var_os("LARDER_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, entry.encode()).unwrap();
        }
        let stored = Bytes::from(std::fs::read(&path).unwrap());
        assert_eq!(Entry::decode(&stored).as_ref(), Ok(&entry), "{name}");
        assert_eq!(entry.encode(), stored, "{name}");
    }
}

#[test]
fn every_truncation_is_noticed() {
    let stored = full_entry().encode();
    for length in 0..stored.len() {
        let expected = if length < 4 {
            Unreadable::Foreign
        } else {
            Unreadable::Truncated
        };
        assert_eq!(
            Entry::decode(&stored.slice(..length)),
            Err(expected),
            "{length} bytes"
        );
    }
    let mut longer = stored.to_vec();
    longer.push(0);
    assert_eq!(Entry::decode(&longer.into()), Err(Unreadable::Truncated));
}

#[test]
fn every_flipped_bit_outside_the_mutable_part_is_noticed() {
    let stored = full_entry().encode();
    for bit in 0..stored.len() * 8 {
        let mut damaged = stored.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let read = Entry::decode(&damaged.into());
        let mutable = MUTABLE_PART.contains(&(bit / 8));
        assert_eq!(read.is_ok(), mutable, "bit {bit}");
    }
}

#[test]
fn a_later_version_is_known_as_such() {
    let mut later = full_entry().encode().to_vec();
    later[3] = 2;
    assert_eq!(
        Entry::decode(&later.into()),
        Err(Unreadable::UnknownVersion)
    );
}

#[test]
fn expiry_can_be_patched_in_place() {
    let mut stored = full_entry().encode().to_vec();
    stored[SOFT_AND_HARD_EXPIRY].copy_from_slice(&encode_expiry(Some(at(5)), None));
    let freshness = Entry::decode(&stored.into()).unwrap().header.freshness;
    assert_eq!((freshness.soft, freshness.hard), (Some(at(5)), None));
    assert_eq!(freshness.lease, full_entry().header.freshness.lease);
}

#[test]
fn what_can_be_patched_is_known_by_its_beginning() {
    let stored = full_entry().encode();
    assert!(is_entry(&stored));
    assert!(is_entry(&stored[..HEADER_BYTES]));
    assert!(!is_entry(&stored[..HEADER_BYTES - 1]));
    assert!(!is_entry(b""));
    for at in 0..4 {
        let mut other = stored.to_vec();
        other[at] ^= 1;
        assert!(!is_entry(&other), "byte {at}");
    }
}

#[test]
fn the_header_reads_without_the_body() {
    let entry = full_entry();
    let stored = entry.encode();
    let head = &stored[..stored.len() - entry.body.len()];
    assert_eq!(Header::read(head, stored.len()), Ok(entry.header));
    assert_eq!(
        Header::read(head, stored.len() + 1),
        Err(Unreadable::Truncated)
    );
    assert_eq!(
        Header::read(&head[..HEADER_BYTES], stored.len()),
        Err(Unreadable::Truncated)
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _read = Entry::decode(&Bytes::from(bytes));
    }

    #[test]
    fn no_bytes_behind_a_true_beginning_panic_the_reader(
        tail in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = vec![0xC1, b'L', b'D', 1];
        bytes.extend(tail);
        prop_assert!(Entry::decode(&Bytes::from(bytes)).is_err());
    }
}
