//! LZ4: the fastest codec; about 1.5 to 2.7 times smaller on typical values.

use larder_cache_core::{
    Algorithm, Bytes, Codec, Coding, Compression, Encoded, Error, ErrorKind, Place, Result,
};
use lz4_flex::block::{compress_prepend_size, decompress};

/// LZ4 blocks behind their plain length (32 bits, little-endian).
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4;

/// No LZ4 block expands further than this.
const MAX_RATIO: usize = 255;

const CODING: Coding = Coding {
    algorithm: Algorithm::Lz4.id(),
    dictionary: 0,
};

impl Codec for Lz4 {
    fn encode(&self, plain: &[u8], wanted: Compression, _: &Place<'_>) -> Result<Option<Encoded>> {
        self.check(wanted)?;
        let bytes = compress_prepend_size(plain);
        let pays = bytes.len() < plain.len();
        Ok(pays.then(|| Encoded {
            bytes: bytes.into(),
            coding: CODING,
        }))
    }

    fn can_decode(&self, coding: Coding) -> bool {
        coding == CODING
    }

    fn check(&self, wanted: Compression) -> Result<()> {
        match wanted {
            Compression::With(algorithm) if algorithm != Algorithm::Lz4 => Err(Error::new(
                ErrorKind::Config,
                "this codec has LZ4 alone; give the cache one that has more",
            )
            .with("found", algorithm)),
            _ => Ok(()),
        }
    }

    fn decode(&self, stored: &[u8], coding: Coding, max_bytes: usize) -> Result<Bytes> {
        if coding != CODING {
            return Err(damaged("only LZ4 without a dictionary can be read here"));
        }
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
    use super::*;

    fn check(stored: &[u8], expected: Result<&[u8], ErrorKind>) {
        let decoded = Lz4.decode(stored, CODING, 1000);
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
        for bit in 0..packed.len() * 8 {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(plain) = Lz4.decode(&damaged, CODING, 1000) {
                assert!(plain.len() <= 1000);
            }
        }
    }
}
