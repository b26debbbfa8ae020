//! Stored entries.

use std::time::Duration;

use larder_cache_core::entry::{associated_data, is_entry, is_stub};
use larder_cache_core::{
    Bytes, Entry, EntryId, Epoch, Freshness, Header, KeyPrefix, Kind, Lease, Place, Tag, TagEpoch,
    Timestamp,
};

use super::pieces::Pieces;
use crate::target::{Bounds, Target, always};

pub(super) const DECODE: Target = Target {
    name: "entry",
    parses: "stored entries, whole",
    run: decode,
    seeds: stored,
    missing: always,
    bounds: Bounds::new().input_bytes(8192),
};

pub(super) const HEADER: Target = Target {
    name: "entry-header",
    parses: "the first bytes of stored entries",
    run: header,
    seeds: heads,
    missing: always,
    bounds: Bounds::new().input_bytes(8192),
};

pub(super) const DAMAGE: Target = Target {
    name: "entry-damage",
    parses: "sound entries, damaged: refused, or the same but for the mutable part",
    run: damage,
    seeds: damages,
    missing: always,
    bounds: Bounds::new(),
};

/// What is read back from what was read is the same.
fn decode(input: &[u8]) {
    let stored = Bytes::copy_from_slice(input);
    let _id = EntryId::of(input);
    let read = Entry::decode(&stored);
    let head = Header::read(input, input.len());
    let Ok(entry) = read else {
        return;
    };
    assert!(is_entry(input));
    assert_eq!(is_stub(input), entry.header.kind == Kind::Stub);
    assert_eq!(head.as_ref(), Ok(&entry.header));
    assert!(entry.body.len() <= input.len());
    let again = Entry::decode(&entry.encode()).map(without_lease);
    assert_eq!(again, Ok(without_lease(entry.clone())));
    bind(&entry.header);
}

/// A lease that ended at 0, which stands for "never" elsewhere, is written as one that ended
/// at 1.
fn without_lease(mut entry: Entry) -> Entry {
    entry.header.freshness.lease = None;
    entry
}

/// What encryption binds a header to can be made of every header that can be read.
fn bind(header: &Header) {
    let Ok(key) = KeyPrefix::new("app").and_then(|app| app.value("user", "7")) else {
        return;
    };
    let place = Place {
        namespace: "user",
        key: &key,
    };
    assert!(associated_data(header, &place).len() > key.as_bytes().len());
}

/// The total length, then the first bytes.
fn header(input: &[u8]) {
    let mut pieces = Pieces(input);
    let total = usize::try_from(pieces.number()).unwrap_or(usize::MAX);
    let head = pieces.0;
    let given = Header::read(head, total);
    let whole = Header::read(head, head.len());
    if let (Ok(given), Ok(whole)) = (&given, &whole) {
        assert_eq!(given, whole);
    }
    if let Ok(header) = &given {
        assert!(is_entry(head));
        assert!(header.tags.len() <= head.len());
    }
}

/// How to damage it, then the entry.
fn damage(input: &[u8]) {
    let mut pieces = Pieces(input);
    let edits: Vec<(u64, u8)> = (0..pieces.byte() % 5)
        .map(|_| (pieces.number(), pieces.byte()))
        .collect();
    let cut = usize::from(pieces.byte());
    let behind = usize::from(pieces.byte());
    let entry = sound(&mut pieces);
    let mut bytes = entry.encode().to_vec();
    assert_eq!(
        Entry::decode(&Bytes::from(bytes.clone())).as_ref(),
        Ok(&entry)
    );
    for (at, with) in edits {
        let at = usize::try_from(at % bytes.len() as u64).unwrap_or(0);
        bytes[at] ^= with;
    }
    bytes.truncate(bytes.len().saturating_sub(cut));
    bytes.resize(bytes.len() + behind, 0);
    if let Ok(mut read) = Entry::decode(&Bytes::from(bytes)) {
        read.header.freshness = entry.header.freshness;
        assert_eq!(read, entry, "damage went unnoticed");
    }
}

/// Any entry that a cache may write.
fn sound(pieces: &mut Pieces<'_>) -> Entry {
    let kinds = [Kind::Value, Kind::Absent, Kind::Placeholder, Kind::Stub];
    let kind = kinds[usize::from(pieces.byte() % 4)];
    let mut header = Header::new(kind, Timestamp::from_millis(pieces.number()));
    header.freshness = freshness(pieces);
    header.format = pieces.byte();
    header.compression = pieces.byte();
    header.schema = pieces.number();
    header.load_cost = Duration::from_micros(pieces.number() >> 32);
    header.namespace_epoch = epoch(pieces);
    header.plain_bytes = u32::from(pieces.byte());
    let names: Vec<String> = (0..pieces.byte() % 4)
        .map(|_| pieces.text_until(0))
        .collect();
    let tags = Tag::list(&names).unwrap_or_default().into_iter();
    header.tags = tags
        .map(|tag| TagEpoch {
            tag,
            epoch: epoch(pieces),
        })
        .collect();
    Entry {
        header,
        body: Bytes::copy_from_slice(pieces.0),
    }
}

fn freshness(pieces: &mut Pieces<'_>) -> Freshness {
    let mut time = || Some(pieces.number()).filter(|millis| *millis > 0);
    let (soft, hard, until) = (time(), time(), time());
    let mut freshness = Freshness {
        soft: soft.map(Timestamp::from_millis),
        hard: hard.map(Timestamp::from_millis),
        lease: None,
    };
    freshness.lease = until.map(|until| Lease {
        token: until | 1,
        until: Timestamp::from_millis(until),
    });
    freshness
}

fn epoch(pieces: &mut Pieces<'_>) -> Epoch {
    Epoch {
        hard: pieces.number(),
        soft: pieces.number(),
    }
}

fn stored() -> Vec<Vec<u8>> {
    let plain = Header::new(Kind::Value, Timestamp::from_millis(1_700_000_000_000));
    let mut full = plain.clone();
    full.tags = Tag::list(["vip", "berlin"])
        .unwrap_or_default()
        .into_iter()
        .map(|tag| TagEpoch {
            tag,
            epoch: Epoch { hard: 1, soft: 2 },
        })
        .collect();
    full.format = 1;
    full.compression = 1;
    full.plain_bytes = 5;
    let absent = Header::new(Kind::Absent, Timestamp::from_millis(1));
    let stub = Header::new(Kind::Stub, Timestamp::from_millis(1));
    [
        (plain, &b"hello"[..]),
        (full, b"hello"),
        (absent, b""),
        (stub, &[7; 40]),
    ]
    .into_iter()
    .map(|(header, body)| {
        let body = Bytes::from_static(body);
        Entry { header, body }.encode().to_vec()
    })
    .collect()
}

fn heads() -> Vec<Vec<u8>> {
    let with_length = |total: usize, head: &[u8]| {
        let mut input = (total as u64).to_be_bytes().to_vec();
        input.extend_from_slice(head);
        input
    };
    let stored = stored().into_iter();
    stored
        .flat_map(|entry| {
            let head = &entry[..entry.len().min(150)];
            [
                with_length(entry.len(), &entry),
                with_length(entry.len(), head),
                with_length(usize::MAX, &entry),
            ]
        })
        .collect()
}

/// One edit at each byte of a small entry, and none.
fn damages() -> Vec<Vec<u8>> {
    let body = [[0; 60].as_slice(), b"\x02vip\0berlin\0hello"].concat();
    (0..100_u64)
        .map(|at| {
            let mut input = vec![u8::from(at > 0)];
            if at > 0 {
                input.extend_from_slice(&at.to_be_bytes());
                input.push(1 << (at % 8));
            }
            input.extend_from_slice(&[0, 0]);
            input.extend_from_slice(&body);
            input
        })
        .collect()
}
