//! Where each field stands. Numbers are little-endian.

use std::ops::Range;

use crate::tag::MAX_TAG_SECTION_BYTES;

/// The length of the header before its tags, in bytes.
pub const HEADER_BYTES: usize = 104;

/// The most bytes that a header with its tags can have: reading this many is enough to
/// know everything but the body.
pub const MAX_HEADER_BYTES: usize = HEADER_BYTES + MAX_TAG_SECTION_BYTES;

/// The mutable part: soft expiry, hard expiry, lease token, lease until.
pub const MUTABLE_PART: Range<usize> = 4..36;

/// The lease: token and until.
pub const LEASE: Range<usize> = 20..36;

/// Soft and hard expiry, which move together.
pub const SOFT_AND_HARD_EXPIRY: Range<usize> = 4..20;

/// 0xC1 begins no MessagePack value and no UTF-8 text, so no foreign value looks like ours.
pub(super) const MAGIC: [u8; 3] = [0xC1, b'L', b'D'];
pub(super) const VERSION: u8 = 1;

pub(super) const VERSION_AT: usize = 3;
pub(super) const SOFT_AT: usize = 4;
pub(super) const HARD_AT: usize = 12;
pub(super) const LEASE_TOKEN_AT: usize = 20;
pub(super) const LEASE_UNTIL_AT: usize = 28;
pub(super) const KIND_AT: usize = 36;
pub(super) const FORMAT_AT: usize = 37;
pub(super) const COMPRESSION_AT: usize = 38;
pub(super) const DICTIONARY_AT: usize = 40;
pub(super) const ENCRYPTION_KEY_AT: usize = 44;
pub(super) const SCHEMA_AT: usize = 48;
pub(super) const CREATED_AT: usize = 56;
pub(super) const LOAD_COST_AT: usize = 64;
pub(super) const NAMESPACE_EPOCH_AT: usize = 68;
pub(super) const TAG_BYTES_AT: usize = 84;
pub(super) const BODY_BYTES_AT: usize = 88;
pub(super) const PLAIN_BYTES_AT: usize = 92;
pub(super) const CHECKSUM_AT: usize = 96;

/// What the checksum covers of the header; tags and body follow.
pub(super) const CHECKED_PART: Range<usize> = KIND_AT..CHECKSUM_AT;
