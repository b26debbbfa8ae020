//! Zstandard: one frame with its content's length, without a checksum and dictionary id, which
//! stand in Larder's header.
//!
//! Contexts are kept per thread: at 1 KiB a new one costs 2.5 to 8 times what the work does.

use std::cell::Cell;

use larder_cache_core::{Error, Result};
use zstd::zstd_safe::{
    CCtx, DCtx, compress_bound, find_frame_compressed_size, get_error_name, get_frame_content_size,
};

use super::{Prepared, damaged, exactly, refuse_ratio, room};

/// A block of at most 128 KiB takes at least 4 bytes.
const MAX_RATIO: usize = 32 << 10;

/// A window may always be this long, and longer only where the value is.
const WINDOW: usize = 8 << 20;

/// A thread keeps no context that grew beyond this: high levels take hundreds of MiB.
const KEPT_CONTEXT: usize = 4 << 20;

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

thread_local! {
    static COMPRESSOR: Cell<Option<CCtx<'static>>> = const { Cell::new(None) };
    static DECOMPRESSOR: Cell<Option<DCtx<'static>>> = const { Cell::new(None) };
}

pub(super) fn compress(plain: &[u8], level: i8, dictionary: Option<&Prepared>) -> Result<Vec<u8>> {
    let encoder = dictionary.map(|d| d.encoder(level)).transpose()?;
    let kept = COMPRESSOR.try_with(Cell::take).ok().flatten();
    let mut context = kept.or_else(CCtx::try_create).ok_or_else(no_context)?;
    let mut stored = Vec::with_capacity(compress_bound(plain.len()));
    let written = match encoder {
        Some(encoder) => context.compress_using_cdict(&mut stored, plain, encoder),
        None => context.compress(&mut stored, plain, level.into()),
    };
    if context.sizeof() <= KEPT_CONTEXT {
        let _ = COMPRESSOR.try_with(|kept| kept.set(Some(context)));
    }
    written.map_err(|code| refused("zstd could not compress a value", code))?;
    Ok(stored)
}

pub(super) fn decompress(
    stored: &[u8],
    plain_bytes: usize,
    dictionary: Option<&Prepared>,
) -> Result<Vec<u8>> {
    check_frame(stored, plain_bytes)?;
    let kept = DECOMPRESSOR.try_with(Cell::take).ok().flatten();
    let mut context = kept.or_else(DCtx::try_create).ok_or_else(no_context)?;
    // Written straight into this, a frame needs no window of its own.
    let mut plain = room(plain_bytes)?;
    let read = match dictionary {
        Some(prepared) => context.decompress_using_ddict(&mut plain, stored, prepared.decoder()),
        None => context.decompress(&mut plain, stored),
    };
    let _ = DECOMPRESSOR.try_with(|kept| kept.set(Some(context)));
    read.map_err(|code| refused("a zstd frame is damaged", code))?;
    exactly(plain, plain_bytes)
}

/// One frame and nothing else, of this length, with a window in bounds.
fn check_frame(stored: &[u8], plain_bytes: usize) -> Result<()> {
    if !stored.starts_with(&MAGIC) {
        return Err(damaged(
            "a zstd value begins with the magic number of a frame",
        ));
    }
    let end = find_frame_compressed_size(stored)
        .map_err(|code| refused("a zstd frame is damaged", code))?;
    if end != stored.len() {
        return Err(damaged("there are bytes behind a zstd frame")
            .with("frame", end)
            .with("found", stored.len()));
    }
    let declared = get_frame_content_size(stored).ok().flatten();
    if declared != u64::try_from(plain_bytes).ok() {
        return Err(
            damaged("a zstd frame must declare the length that its header declares")
                .with("header", plain_bytes)
                .with(
                    "frame",
                    declared.map_or("none".to_owned(), |d| d.to_string()),
                ),
        );
    }
    check_window(stored, plain_bytes)?;
    refuse_ratio(stored, plain_bytes, MAX_RATIO)
}

/// The window's size stands behind the frame header's flags, unless the frame is one segment.
fn check_window(stored: &[u8], plain_bytes: usize) -> Result<()> {
    let (Some(flags), Some(window)) = (stored.get(4), stored.get(5)) else {
        return Err(damaged("a zstd frame ends within its header"));
    };
    let is_one_segment = flags & 0b10_0000 != 0;
    let base = 1_u64 << (10 + (window >> 3));
    let window = base + base / 8 * u64::from(window & 7);
    let allowed = WINDOW.max(
        plain_bytes
            .checked_next_power_of_two()
            .unwrap_or(plain_bytes),
    );
    if is_one_segment || u64::try_from(allowed).is_ok_and(|allowed| window <= allowed) {
        return Ok(());
    }
    Err(
        damaged("the window of a zstd frame is larger than its value needs")
            .with("bytes", window)
            .with("allowed", allowed),
    )
}

fn no_context() -> Error {
    damaged("there is no memory for a zstd context; free some")
}

fn refused(message: &'static str, code: usize) -> Error {
    damaged(message).with("zstd", get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stored: &[u8], plain_bytes: usize, expected: &str) {
        let error = decompress(stored, plain_bytes, None).unwrap_err();
        assert!(error.to_string().contains(expected), "{stored:?}: {error}");
    }

    #[test]
    fn a_frame_is_checked_before_it_is_read() {
        let frame = compress(b"plain", 3, None).unwrap();
        assert_eq!(decompress(&frame, 5, None).unwrap(), b"plain");
        check(&[&frame[..], &frame[..]].concat(), 5, "behind");
        check(&[&frame[..], &frame[..]].concat(), 10, "behind");
        // A skippable frame, which holds nothing.
        check(&[0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0], 0, "magic");
        // No length, and an empty last block.
        check(&[&MAGIC[..], &[0, 0x58, 1, 0, 0]].concat(), 0, "none");
    }

    #[test]
    fn a_window_is_no_larger_than_the_value_needs() {
        // A length of 8 bytes, a window, and one block that repeats a byte 5 times.
        let frame = |window: u8| {
            let length = 5_u64.to_le_bytes();
            [&MAGIC[..], &[0xC0, window], &length, &[0x2B, 0, 0, b'!']].concat()
        };
        let eight_mib = 13 << 3;
        assert_eq!(decompress(&frame(eight_mib), 5, None).unwrap(), b"!!!!!");
        check(&frame(eight_mib + 1), 5, "window");
        check(&frame(21 << 3 | 7), 5, "window");
    }

    #[test]
    fn a_long_value_keeps_the_window_that_its_level_takes() {
        let plain: Vec<u8> = (0..12 << 20)
            .map(|n: u32| (n >> 6).to_le_bytes()[0])
            .collect();
        let frame = compress(&plain, 19, None).unwrap();
        assert!(decompress(&frame, plain.len(), None).unwrap() == plain);
    }
}
