//! Gzip: for values that other programs read; zstd is faster and smaller.
//!
//! The backend is zlib-rs: Rust alone, so that no second C library reads untrusted bytes.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::{GzDecoder, GzEncoder};
use larder_cache_core::Result;

use super::{damaged, exactly, refuse_ratio, room, too_many};

/// Deflate spends at least one bit on each length, and a length is at most 258.
const MAX_RATIO: usize = 1032;

pub(super) fn compress(plain: &[u8], level: u8) -> Result<Vec<u8>> {
    let mut stored = Vec::with_capacity(plain.len() / 2 + 32);
    GzEncoder::new(plain, Compression::new(level.into()))
        .read_to_end(&mut stored)
        .map_err(|source| damaged("gzip could not compress a value").with_source(source))?;
    Ok(stored)
}

pub(super) fn decompress(stored: &[u8], plain_bytes: usize) -> Result<Vec<u8>> {
    refuse_ratio(stored, plain_bytes, MAX_RATIO)?;
    check_trailer(stored, plain_bytes)?;
    let most = u64::try_from(plain_bytes).unwrap_or(u64::MAX);
    let mut plain = room(plain_bytes)?;
    let mut decoder = GzDecoder::new(stored);
    let damaged_stream = |source| damaged("a gzip stream is damaged").with_source(source);
    decoder
        .by_ref()
        .take(most)
        .read_to_end(&mut plain)
        .map_err(damaged_stream)?;
    // Apart from the value, which would grow to take it; it is here that the checksum is read.
    if decoder.read(&mut [0]).map_err(damaged_stream)? > 0 {
        return Err(too_many(plain_bytes));
    }
    let behind = decoder.into_inner().len();
    if behind > 0 {
        return Err(damaged("there are bytes behind a gzip stream").with("bytes", behind));
    }
    exactly(plain, plain_bytes)
}

/// The last 4 bytes are the plain length: a lie is seen before any work.
fn check_trailer(stored: &[u8], plain_bytes: usize) -> Result<()> {
    let trailer = stored.last_chunk().copied().map(u32::from_le_bytes);
    let low = u64::try_from(plain_bytes).unwrap_or(u64::MAX) & u64::from(u32::MAX);
    if trailer.map(u64::from) == Some(low) {
        return Ok(());
    }
    Err(
        damaged("a gzip stream must end in the length that its header declares")
            .with("header", plain_bytes)
            .with("stream", trailer.unwrap_or_default()),
    )
}
