//! Entries to bytes and back. Reading trusts nothing: every length is checked against the
//! bytes that are there before it is used.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::Xxh3Default;

use super::layout::{
    BODY_BYTES_AT, CHECKED_PART, CHECKSUM_AT, COMPRESSION_AT, CREATED_AT, DICTIONARY_AT,
    ENCRYPTION_KEY_AT, FORMAT_AT, HARD_AT, HEADER_BYTES, KIND_AT, LEASE_TOKEN_AT, LEASE_UNTIL_AT,
    LOAD_COST_AT, MAGIC, NAMESPACE_EPOCH_AT, PLAIN_BYTES_AT, SCHEMA_AT, SOFT_AT, TAG_BYTES_AT,
    VERSION, VERSION_AT,
};
use super::{Entry, Freshness, Header, Kind, Lease, TagEpoch, Unreadable};
use crate::clock::Timestamp;
use crate::codec::Place;
use crate::epoch::Epoch;
use crate::tag::Tag;

/// The bytes of [`SOFT_AND_HARD_EXPIRY`](super::SOFT_AND_HARD_EXPIRY), to patch them in place.
#[must_use]
pub fn encode_expiry(soft: Option<Timestamp>, hard: Option<Timestamp>) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&time(soft).to_le_bytes());
    bytes[8..].copy_from_slice(&time(hard).to_le_bytes());
    bytes
}

/// The bytes of [`LEASE`](super::LEASE), to patch them in place.
#[must_use]
pub fn encode_lease(lease: Option<Lease>) -> [u8; 16] {
    let mut bytes = [0; 16];
    if let Some(lease) = lease {
        bytes[..8].copy_from_slice(&lease.token.to_le_bytes());
        bytes[8..].copy_from_slice(&time(Some(lease.until)).to_le_bytes());
    }
    bytes
}

/// Whether stored bytes begin as an entry of this version does, with room for a whole
/// header: enough to patch the mutable part in place. It does not say that the entry is
/// sound.
#[must_use]
pub fn is_entry(stored: &[u8]) -> bool {
    stored.len() >= HEADER_BYTES && stored.starts_with(&MAGIC) && stored[VERSION_AT] == VERSION
}

/// Whether stored bytes begin as an entry of this version that stands for a large value
/// kept elsewhere.
#[must_use]
pub fn is_stub(stored: &[u8]) -> bool {
    is_entry(stored) && stored[KIND_AT] == kind_id(Kind::Stub)
}

pub(super) fn encode(entry: &Entry) -> Bytes {
    let tag_bytes = stored_bytes(&entry.header.tags);
    let mut out = BytesMut::with_capacity(HEADER_BYTES + tag_bytes + entry.body.len());
    put_header(&mut out, &entry.header, tag_bytes, entry.body.len());
    put_tags(&mut out, &entry.header.tags);
    out.put_slice(&entry.body);
    let checksum = checksum(&out);
    out[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    out.freeze()
}

/// What encryption binds a value to besides its key: its namespace, its physical key, and the
/// fixed part of its header, so that it authenticates nowhere else and under no other header.
///
/// The version; namespace and key, each behind its length (32 bits, little-endian); bytes 36
/// to 95 of the header, with 0 for the length of the body; the tags.
#[must_use]
pub fn associated_data(header: &Header, place: &Place<'_>) -> Bytes {
    let tag_bytes = stored_bytes(&header.tags);
    let mut head = BytesMut::with_capacity(HEADER_BYTES);
    put_header(&mut head, header, tag_bytes, 0);
    let place = [place.namespace.as_bytes(), place.key.as_bytes()];
    let place_bytes: usize = place.iter().map(|part| 4 + part.len()).sum();
    let mut out = BytesMut::with_capacity(1 + place_bytes + CHECKED_PART.len() + tag_bytes);
    out.put_u8(VERSION);
    for part in place {
        out.put_u32_le(u32::try_from(part.len()).unwrap_or(u32::MAX));
        out.put_slice(part);
    }
    out.put_slice(&head[CHECKED_PART]);
    put_tags(&mut out, &header.tags);
    out.freeze()
}

fn stored_bytes(tags: &[TagEpoch]) -> usize {
    tags.iter().map(|t| t.tag.stored_bytes()).sum()
}

fn put_tags(out: &mut BytesMut, tags: &[TagEpoch]) {
    for TagEpoch { tag, epoch } in tags {
        out.put_u8(u8::try_from(tag.as_str().len()).unwrap_or(u8::MAX));
        out.put_slice(tag.as_str().as_bytes());
        out.put_slice(&epoch.to_bytes());
    }
}

fn put_header(out: &mut BytesMut, header: &Header, tag_bytes: usize, body_bytes: usize) {
    out.put_slice(&MAGIC);
    out.put_u8(VERSION);
    out.put_slice(&encode_expiry(header.freshness.soft, header.freshness.hard));
    out.put_slice(&encode_lease(header.freshness.lease));
    out.put_u8(kind_id(header.kind));
    out.put_u8(header.format);
    out.put_u8(header.compression);
    out.put_u8(0);
    out.put_u32_le(header.dictionary);
    out.put_u32_le(header.encryption_key);
    out.put_u64_le(header.schema);
    out.put_u64_le(header.created.as_millis());
    out.put_u32_le(u32::try_from(header.load_cost.as_micros()).unwrap_or(u32::MAX));
    out.put_slice(&header.namespace_epoch.to_bytes());
    out.put_u16_le(u16::try_from(tag_bytes).unwrap_or(u16::MAX));
    out.put_u16_le(0);
    out.put_u32_le(u32::try_from(body_bytes).unwrap_or(u32::MAX));
    out.put_u32_le(header.plain_bytes);
    out.put_u64_le(0);
}

pub(super) fn decode(stored: &Bytes) -> Result<Entry, Unreadable> {
    let (header, body_at) = read_header(stored, stored.len())?;
    if checksum(stored) != u64_at(stored, CHECKSUM_AT) {
        return Err(Unreadable::Corrupt);
    }
    Ok(Entry {
        header,
        body: stored.slice(body_at..),
    })
}

/// Reads a header and says where the body begins.
pub(super) fn read_header(head: &[u8], total_bytes: usize) -> Result<(Header, usize), Unreadable> {
    if head.len() <= VERSION_AT || head[..VERSION_AT] != MAGIC {
        return Err(Unreadable::Foreign);
    }
    if head[VERSION_AT] != VERSION {
        return Err(Unreadable::UnknownVersion);
    }
    if head.len() < HEADER_BYTES {
        return Err(Unreadable::Truncated);
    }
    let body_at = HEADER_BYTES + usize::from(u16_at(head, TAG_BYTES_AT));
    let body_bytes = usize::try_from(u32_at(head, BODY_BYTES_AT)).unwrap_or(usize::MAX);
    if head.len() < body_at || body_at.checked_add(body_bytes) != Some(total_bytes) {
        return Err(Unreadable::Truncated);
    }
    let header = Header {
        freshness: read_freshness(head),
        kind: read_kind(head[KIND_AT])?,
        format: head[FORMAT_AT],
        compression: head[COMPRESSION_AT],
        dictionary: u32_at(head, DICTIONARY_AT),
        encryption_key: u32_at(head, ENCRYPTION_KEY_AT),
        schema: u64_at(head, SCHEMA_AT),
        created: Timestamp::from_millis(u64_at(head, CREATED_AT)),
        load_cost: Duration::from_micros(u32_at(head, LOAD_COST_AT).into()),
        namespace_epoch: Epoch::from_bytes(array_at(head, NAMESPACE_EPOCH_AT)),
        tags: read_tags(&head[HEADER_BYTES..body_at])?,
        plain_bytes: u32_at(head, PLAIN_BYTES_AT),
    };
    Ok((header, body_at))
}

fn read_freshness(head: &[u8]) -> Freshness {
    let time = |millis| (millis != 0).then(|| Timestamp::from_millis(millis));
    let token = u64_at(head, LEASE_TOKEN_AT);
    let until = Timestamp::from_millis(u64_at(head, LEASE_UNTIL_AT));
    Freshness {
        soft: time(u64_at(head, SOFT_AT)),
        hard: time(u64_at(head, HARD_AT)),
        lease: (token != 0).then_some(Lease { token, until }),
    }
}

fn read_tags(mut bytes: &[u8]) -> Result<Vec<TagEpoch>, Unreadable> {
    let mut tags = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let (name, rest) = rest
            .split_at_checked(length.into())
            .ok_or(Unreadable::Corrupt)?;
        let (epoch, rest) = rest.split_first_chunk().ok_or(Unreadable::Corrupt)?;
        let name = std::str::from_utf8(name).map_err(|_| Unreadable::Corrupt)?;
        tags.push(TagEpoch {
            tag: Tag::new(name).map_err(|_| Unreadable::Corrupt)?,
            epoch: Epoch::from_bytes(*epoch),
        });
        bytes = rest;
    }
    Ok(tags)
}

fn checksum(entry: &[u8]) -> u64 {
    let mut hasher = Xxh3Default::new();
    hasher.update(&entry[CHECKED_PART]);
    hasher.update(&entry[HEADER_BYTES..]);
    hasher.digest()
}

pub(super) fn checksum_in(stored: &[u8]) -> u64 {
    if stored.len() < HEADER_BYTES {
        return 0;
    }
    u64_at(stored, CHECKSUM_AT)
}

fn kind_id(kind: Kind) -> u8 {
    match kind {
        Kind::Value => 1,
        Kind::Absent => 2,
        Kind::Placeholder => 3,
        Kind::Stub => 4,
    }
}

fn read_kind(id: u8) -> Result<Kind, Unreadable> {
    match id {
        1 => Ok(Kind::Value),
        2 => Ok(Kind::Absent),
        3 => Ok(Kind::Placeholder),
        4 => Ok(Kind::Stub),
        _ => Err(Unreadable::UnknownKind),
    }
}

/// 0 stands for "never", so that no real time may be 0.
fn time(at: Option<Timestamp>) -> u64 {
    at.map_or(0, |at| at.as_millis().max(1))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}
