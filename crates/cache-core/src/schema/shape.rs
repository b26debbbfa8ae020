//! The hash of a shape, built at compile time from the hashes of its parts.
//!
//! Every step is XXH3 with 64 bits over bytes in a fixed order, so that a fingerprint is the same
//! on every platform and from every compiler.

use serde::{Deserialize, Serialize};
use xxhash_rust::const_xxh3::xxh3_64;

use super::Cacheable;

/// The hash of a shape of this kind with these parts, in this order. Never 0.
#[must_use]
pub const fn shape(kind: &str, parts: &[u64]) -> u64 {
    let mut hash = xxh3_64(kind.as_bytes());
    let mut at = 0;
    while at < parts.len() {
        hash = joined(hash, parts[at]);
        at += 1;
    }
    hash = joined(hash, parts.len() as u64);
    // 0 stands in headers for "not checked".
    if hash == 0 { 1 } else { hash }
}

/// A name as a part of a shape.
#[must_use]
pub const fn text(text: &str) -> u64 {
    shape("text", &[xxh3_64(text.as_bytes())])
}

/// What is written in one shape and read in another; where they are the same, that one.
#[must_use]
pub const fn both(written: u64, read: u64) -> u64 {
    if written == read {
        return written;
    }
    shape("both", &[written, read])
}

/// A field of a struct, by its name.
#[must_use]
pub const fn field(name: &str, of: u64) -> u64 {
    shape("field", &[text(name), of])
}

/// A variant of an enum, by its name.
#[must_use]
pub const fn variant(name: &str, content: u64) -> u64 {
    shape("variant", &[text(name), content])
}

/// Refuses earlier shapes that values would never be converted from.
///
/// # Panics
/// Where one of them is the type's own shape, or stands there twice: as a compile error, since
/// this runs at compile time.
pub const fn check_earlier(own: u64, earlier: &[u64]) {
    let mut at = 0;
    while at < earlier.len() {
        assert!(
            earlier[at] != own,
            "`#[cacheable(from(...))]` names a type of the same shape as this one: its values \
             would be read as they are and never converted. Remove it from the list, or tell the \
             two apart by #[cacheable(shape = \"...\")] on a field whose meaning changed"
        );
        let mut before = 0;
        while before < at {
            assert!(
                earlier[at] != earlier[before],
                "`#[cacheable(from(...))]` names two types of the same shape: values would be \
                 converted from the first alone. Remove one of them"
            );
            before += 1;
        }
        at += 1;
    }
}

/// Stands for a type within itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[non_exhaustive]
pub struct Itself;

impl Cacheable for Itself {
    const FINGERPRINT: u64 = shape("itself", &[]);
}

const fn joined(hash: u64, part: u64) -> u64 {
    let (hash, part) = (hash.to_le_bytes(), part.to_le_bytes());
    let mut bytes = [0; 16];
    let mut at = 0;
    while at < 8 {
        bytes[at] = hash[at];
        bytes[at + 8] = part[at];
        at += 1;
    }
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_its_kind_and_its_parts_in_order() {
        let shapes = [
            shape("a", &[]),
            shape("b", &[]),
            shape("a", &[1]),
            shape("a", &[0]),
            shape("a", &[1, 2]),
            shape("a", &[2, 1]),
            shape("a", &[shape("a", &[1]), 2]),
            text("a"),
            both(1, 2),
            both(2, 1),
            field("a", 1),
            variant("a", 1),
        ];
        for (at, one) in shapes.iter().enumerate() {
            assert_ne!(*one, 0);
            assert!(!shapes[..at].contains(one), "{at}: {one:x}");
        }
        assert_eq!(both(3, 3), 3);
    }

    /// The hash at compile time is the one that XXH3 is at run time.
    #[test]
    fn the_hash_is_xxh3() {
        for length in [0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1000] {
            let bytes = vec![7; length];
            assert_eq!(xxh3_64(&bytes), xxhash_rust::xxh3::xxh3_64(&bytes));
        }
    }

    #[test]
    fn sound_lists_pass() {
        check_earlier(1, &[]);
        check_earlier(1, &[2, 3, 4]);
    }

    #[test]
    #[should_panic = "never converted"]
    fn the_own_shape_is_no_earlier_one() {
        check_earlier(1, &[2, 1]);
    }

    #[test]
    #[should_panic = "two types of the same shape"]
    fn one_shape_can_not_be_two_earlier_ones() {
        check_earlier(1, &[2, 3, 2]);
    }
}
