//! Brotli: smaller and slower than zstd at 1 KiB, with a dictionary of web texts built in.

use brotli::enc::{BrotliEncoderParams, StandardAlloc};
use brotli::{BrotliCompress, BrotliDecompressStream, BrotliResult, BrotliState};
use larder_cache_core::Result;

use super::{damaged, exactly, room, too_many};

/// The logarithms of window sizes: the encoder never takes a smaller one at quality 0 and 1,
/// and a larger one would make every reader hold 8 MiB or more.
const LEAST_WINDOW: u32 = 18;
const MOST_WINDOW: u32 = 22;

/// Output is made room for in steps: this one, then twice as much each time.
const FIRST_STEP: usize = 64 << 10;

pub(super) fn compress(plain: &[u8], quality: u8) -> Result<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: quality.into(),
        lgwin: i32::try_from(window(plain.len())).unwrap_or(22),
        size_hint: plain.len(),
        ..BrotliEncoderParams::default()
    };
    let mut stored = Vec::with_capacity(plain.len() / 2);
    BrotliCompress(&mut &plain[..], &mut stored, &params)
        .map_err(|source| damaged("brotli could not compress a value").with_source(source))?;
    Ok(stored)
}

pub(super) fn decompress(stored: &[u8], plain_bytes: usize) -> Result<Vec<u8>> {
    check_window(stored, plain_bytes)?;
    let alloc = StandardAlloc::default;
    // Strict: without the windows of up to 1 GiB that are no part of RFC 7932.
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut left, mut read) = (stored.len(), 0);
    let (mut written, mut total) = (0, 0);
    let mut plain = room(plain_bytes)?;
    let result = loop {
        // Reserved, but touched only as far as the stream comes.
        let step = written.max(FIRST_STEP).min(plain_bytes - written);
        plain.resize(written + step, 0);
        let mut room = step;
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            stored,
            &mut room,
            &mut written,
            &mut plain,
            &mut total,
            &mut state,
        );
        if !matches!(result, BrotliResult::NeedsMoreOutput) || written == plain_bytes {
            break result;
        }
    };
    plain.truncate(written);
    match result {
        BrotliResult::ResultSuccess if left > 0 => {
            Err(damaged("there are bytes behind a brotli stream").with("bytes", left))
        }
        BrotliResult::ResultSuccess => exactly(plain, plain_bytes),
        BrotliResult::NeedsMoreOutput => Err(too_many(plain_bytes)),
        BrotliResult::NeedsMoreInput => Err(damaged("a brotli stream is cut off")),
        BrotliResult::ResultFailure => Err(damaged("a brotli stream is damaged")),
    }
}

/// The least window that holds the whole value.
fn window(plain_bytes: usize) -> u32 {
    // A window of 2^n bytes reaches back 2^n - 16.
    let bits = usize::BITS - plain_bytes.saturating_add(15).leading_zeros();
    bits.clamp(LEAST_WINDOW, MOST_WINDOW)
}

fn check_window(stored: &[u8], plain_bytes: usize) -> Result<()> {
    let (found, allowed) = (declared_window(stored), window(plain_bytes));
    if found <= allowed {
        return Ok(());
    }
    Err(
        damaged("the window of a brotli stream is larger than its value needs")
            .with("bits", found)
            .with("allowed", allowed),
    )
}

/// The stream's first bits say how large a window its reader must hold (RFC 7932, 9.1).
fn declared_window(stored: &[u8]) -> u32 {
    let first = stored.first().copied().unwrap_or_default();
    match (
        first & 1,
        u32::from(first >> 1 & 7),
        u32::from(first >> 4 & 7),
    ) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, high) => 8 + high,
        (_, low, _) => 17 + low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bits_are_the_window() {
        for plain_bytes in [1, 1000, 1 << 18, 1 << 20, 1 << 22, 9 << 20] {
            for quality in [0, 1, 2, 5] {
                let stored = compress(&vec![7; plain_bytes], quality).unwrap();
                let found = declared_window(&stored);
                assert!(
                    found <= window(plain_bytes),
                    "{plain_bytes}, {quality}: {found}"
                );
            }
        }
    }

    #[test]
    fn a_window_is_no_larger_than_the_value_needs() {
        let check = |bits: i32, expected: bool| {
            let lgwin = bits;
            let params = BrotliEncoderParams {
                lgwin,
                ..Default::default()
            };
            let mut stored = Vec::new();
            BrotliCompress(&mut &b"plain"[..], &mut stored, &params).unwrap();
            assert_eq!(declared_window(&stored), u32::try_from(bits).unwrap());
            assert_eq!(decompress(&stored, 5).is_ok(), expected, "{bits}");
        };
        for bits in 10..=24 {
            check(bits, bits <= 18);
        }
    }
}
