//! LZ4: the fastest codec; about 1.5 to 2.7 times smaller on typical values.

use larder_cache_core::{Bytes, Codec, Error, ErrorKind, Place, Result};
use lz4_flex::block::{compress_prepend_size, decompress};

/// LZ4 blocks behind their plain length (32 bits, little-endian).
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4;

/// No LZ4 block expands further than this.
const MAX_RATIO: usize = 255;

impl Codec for Lz4 {
    fn id(&self) -> u8 {
        1
    }

    fn name(&self) -> &'static str {
        "lz4"
    }

    fn encode(&self, value: &[u8], _: &Place<'_>) -> Result<Bytes> {
        Ok(compress_prepend_size(value).into())
    }

    fn decode(&self, stored: &[u8], max_bytes: usize, _: &Place<'_>) -> Result<Bytes> {
        let (length, block) = stored
            .split_first_chunk()
            .ok_or_else(|| damaged("an LZ4 value begins with a length of 4 bytes"))?;
        let declared = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if declared > max_bytes {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "a compressed value declares more bytes than are allowed here",
            )
            .with("declared", declared)
            .with("allowed", max_bytes));
        }
        if declared > block.len().saturating_mul(MAX_RATIO) {
            return Err(damaged(
                "an LZ4 value declares more bytes than its block can hold",
            ));
        }
        let plain = decompress(block, declared)
            .map_err(|source| damaged("an LZ4 block is damaged").with_source(source))?;
        if plain.len() != declared {
            return Err(damaged("an LZ4 block holds fewer bytes than it declares"));
        }
        Ok(plain.into())
    }
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::Codec, message)
}

#[cfg(test)]
mod tests {
    use larder_cache_core::KeyPrefix;

    use super::*;

    fn check(stored: &[u8], expected: Result<&[u8], ErrorKind>) {
        let key = KeyPrefix::new("app").unwrap().value("n", "k").unwrap();
        let place = Place {
            namespace: "n",
            key: &key,
        };
        let decoded = Lz4.decode(stored, 1000, &place);
        let decoded = decoded.as_deref().map_err(Error::kind);
        assert_eq!(decoded, expected, "{stored:?}");
    }

    #[test]
    fn reads_what_it_wrote_and_refuses_the_rest() {
        let plain = [7; 1000];
        let packed = compress_prepend_size(&plain);
        check(&packed, Ok(&plain));
        check(&compress_prepend_size(&[7; 1001]), Err(ErrorKind::TooLarge));
        check(b"", Err(ErrorKind::Codec));
        check(&[255, 255, 255, 255, 0], Err(ErrorKind::TooLarge));
        check(&[0xE8, 3, 0, 0, 0], Err(ErrorKind::Codec));
        for length in 0..packed.len() {
            check(&packed[..length], Err(ErrorKind::Codec));
        }
    }

    #[test]
    fn no_flipped_bit_panics_or_grows() {
        let packed = compress_prepend_size(b"the same words, the same words, the same words");
        let key = KeyPrefix::new("app").unwrap().value("n", "k").unwrap();
        let place = Place {
            namespace: "n",
            key: &key,
        };
        for bit in 0..packed.len() * 8 {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(plain) = Lz4.decode(&damaged, 1000, &place) {
                assert!(plain.len() <= 1000);
            }
        }
    }
}
