//! LZ4: a bare block, the fastest; about 1.5 to 2.7 times smaller on typical values.

use larder_cache_core::Result;
use lz4_flex::block;

use super::{damaged, exactly, refuse_ratio};

/// No LZ4 block expands further than this.
const MAX_RATIO: usize = 255;

/// What the format allows in one block (`LZ4_MAX_INPUT_SIZE`).
const MAX_BLOCK: usize = 0x7E00_0000;

pub(super) fn compress(plain: &[u8]) -> Result<Vec<u8>> {
    if plain.len() > MAX_BLOCK {
        return Err(
            damaged("a value is too long for one LZ4 block; compress it in chunks")
                .with("bytes", plain.len())
                .with("allowed", MAX_BLOCK),
        );
    }
    Ok(block::compress(plain))
}

pub(super) fn decompress(stored: &[u8], plain_bytes: usize) -> Result<Vec<u8>> {
    refuse_ratio(stored, plain_bytes, MAX_RATIO)?;
    let plain = block::decompress(stored, plain_bytes)
        .map_err(|source| damaged("an LZ4 block is damaged").with_source(source))?;
    exactly(plain, plain_bytes)
}
