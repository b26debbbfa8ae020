//! Compressed bytes that describe themselves, for use without a cache.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `LRDZ` |
//! | 1 | version: 1 |
//! | 1 | algorithm; 0: none |
//! | 4 | dictionary; 0: none |
//! | 8 | plain length |
//! | 8 | XXH3-64 of all that stands before and of the body |
//! | the rest | body |
//!
//! Numbers are little-endian.

use larder_cache_core::{Coding, Error, ErrorKind, Result};
use xxhash_rust::xxh3::Xxh3;

const MAGIC: [u8; 4] = *b"LRDZ";
const VERSION: u8 = 1;
const FIELDS: usize = 18;
const HEADER: usize = FIELDS + 8;

/// A frame around what was compressed.
pub(crate) fn encode(coding: Coding, plain_bytes: usize, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER + body.len());
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&[VERSION, coding.algorithm]);
    frame.extend_from_slice(&coding.dictionary.to_le_bytes());
    let plain_bytes = u64::try_from(plain_bytes).unwrap_or(u64::MAX);
    frame.extend_from_slice(&plain_bytes.to_le_bytes());
    let checksum = checksum(&frame, body);
    frame.extend_from_slice(&checksum.to_le_bytes());
    frame.extend_from_slice(body);
    frame
}

/// How a frame's body was made, of how many bytes, and the body.
pub(crate) fn decode(frame: &[u8], max_plain_bytes: usize) -> Result<(Coding, usize, &[u8])> {
    let (fields, rest) = split::<FIELDS>(frame)?;
    let (sum, body) = split::<8>(rest)?;
    let [
        m0,
        m1,
        m2,
        m3,
        version,
        algorithm,
        d0,
        d1,
        d2,
        d3,
        plain @ ..,
    ] = *fields;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(damaged("a frame begins with `LRDZ`; these bytes are none"));
    }
    if version != VERSION {
        let message = "frames have version 1; a newer Larder may read this one";
        return Err(damaged(message).with("found", version));
    }
    if u64::from_le_bytes(*sum) != checksum(fields, body) {
        return Err(damaged(
            "a frame's checksum is wrong: it was damaged or cut off",
        ));
    }
    let plain_bytes = u64::from_le_bytes(plain);
    let plain_bytes = capped(plain_bytes, max_plain_bytes)?;
    let coding = Coding {
        algorithm,
        dictionary: u32::from_le_bytes([d0, d1, d2, d3]),
    };
    if coding == Coding::PLAIN && body.len() != plain_bytes {
        return Err(
            damaged("a frame that is not compressed must be as long as it declares")
                .with("declared", plain_bytes)
                .with("found", body.len()),
        );
    }
    Ok((coding, plain_bytes, body))
}

fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8])> {
    let cut = || damaged("a frame is cut off in its header").with("needed", HEADER);
    bytes.split_first_chunk().ok_or_else(cut)
}

fn capped(plain_bytes: u64, max: usize) -> Result<usize> {
    let fits = usize::try_from(plain_bytes)
        .ok()
        .filter(|plain| *plain <= max);
    fits.ok_or_else(|| {
        let message = "a frame declares more bytes than are allowed here";
        Error::new(ErrorKind::TooLarge, message)
            .with("declared", plain_bytes)
            .with("allowed", max)
    })
}

fn checksum(fields: &[u8], body: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(fields);
    hasher.update(body);
    hasher.digest()
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::Codec, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODING: Coding = Coding {
        algorithm: 2,
        dictionary: 0x0102_0304,
    };

    fn check(frame: &[u8], max: usize, expected: Result<(Coding, usize, &[u8]), ErrorKind>) {
        let found = decode(frame, max).map_err(|error| error.kind());
        assert_eq!(found, expected, "{frame:?}");
    }

    #[test]
    fn is_what_the_table_says() {
        let frame = encode(CODING, 258, b"body");
        let fields = b"LRDZ\x01\x02\x04\x03\x02\x01\x02\x01\0\0\0\0\0\0";
        assert_eq!(frame[..FIELDS], fields[..]);
        assert_eq!(frame[HEADER..], b"body"[..]);
    }

    #[test]
    fn reads_what_it_wrote_and_no_other_length() {
        let frame = encode(CODING, 1000, b"body");
        check(&frame, 1000, Ok((CODING, 1000, b"body")));
        check(&frame, 999, Err(ErrorKind::TooLarge));
        for length in 0..frame.len() {
            check(&frame[..length], 1000, Err(ErrorKind::Codec));
        }
        check(&[&frame[..], b"!"].concat(), 1000, Err(ErrorKind::Codec));
        check(
            &encode(Coding::PLAIN, 0, b""),
            0,
            Ok((Coding::PLAIN, 0, b"")),
        );
        check(&encode(Coding::PLAIN, 3, b"body"), 9, Err(ErrorKind::Codec));
        check(
            &encode(CODING, usize::MAX, b"body"),
            9,
            Err(ErrorKind::TooLarge),
        );
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let body: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let frame = encode(CODING, 4000, &body);
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            check(&damaged, usize::MAX, Err(ErrorKind::Codec));
        }
    }
}
