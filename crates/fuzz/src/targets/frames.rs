//! Compressed values that describe themselves: in one piece, and in chunks.

use std::io::{self, Read};
use std::sync::OnceLock;

use larder_cache_core::{Compression, Error, ErrorKind, Result};
use larder_compression::{
    ChunkOptions, ChunkedReader, Chunking, CompressOptions, Optimizer, OptimizerOptions,
    compress_chunked, decompress_chunked,
};

use super::codecs::{ALGORITHMS, WINDOW, plains};
use super::pieces::Pieces;
use super::ready::uncounted;
use crate::target::{Bounds, Target, always};

pub(super) const FRAME: Target = Target {
    name: "frame",
    parses: "compressed values that describe themselves; no flipped bit goes unnoticed",
    run: frame,
    seeds: frame_seeds,
    missing: always,
    bounds: Bounds::new().input_bytes(8192).peak_bytes(WINDOW),
};

pub(super) const CHUNKED: Target = Target {
    name: "chunked",
    parses: "compressed values in chunks, whole and as a stream",
    run: chunked,
    seeds: chunked_seeds,
    missing: always,
    bounds: Bounds::new().input_bytes(16 << 10).peak_bytes(WINDOW),
};

/// The most that bytes of unknown origin may hold.
const CAP: usize = 64 << 10;

/// All bits are flipped up to this length, in bytes, and as many of a longer one.
const SMALL: usize = 64;

/// The shortest chunk there is, so that a short input has several.
const CHUNK: usize = 4 << 10;

fn optimizer() -> Result<&'static Optimizer> {
    static OPTIMIZER: OnceLock<Result<Optimizer>> = OnceLock::new();
    let options = || OptimizerOptions::new().threshold_bytes(0);
    let made = OPTIMIZER
        .get_or_init(|| uncounted(|| Optimizer::new(options().chunking(Chunking::Above(CHUNK)))));
    made.as_ref().map_err(Clone::clone)
}

/// An odd byte, the algorithm and a value to compress; or an even one and what to read.
fn frame(input: &[u8]) {
    let mut pieces = Pieces(input);
    if pieces.byte() % 2 == 0 {
        checked(unframed(pieces.0, CAP), CAP);
        return;
    }
    match framed(pieces.byte(), pieces.0) {
        Ok(framed) => withstands(&framed, pieces.0, unframed),
        // LZ-String compresses text alone; the others take any bytes.
        Err(error) => assert!(is_text_wanted(&error, pieces.0), "not compressed: {error}"),
    }
}

fn framed(algorithm: u8, plain: &[u8]) -> Result<Vec<u8>> {
    let algorithm = ALGORITHMS.get(usize::from(algorithm) % (ALGORITHMS.len() + 1));
    let compression = algorithm.map_or(Compression::Off, |one| Compression::With(*one));
    let options = CompressOptions::new().compression(compression);
    Ok(optimizer()?.compress(plain, &options)?.bytes.to_vec())
}

fn is_text_wanted(error: &Error, plain: &[u8]) -> bool {
    error.to_string().contains("text alone") && str::from_utf8(plain).is_err()
}

fn unframed(framed: &[u8], cap: usize) -> Result<Vec<u8>> {
    Ok(optimizer()?.decompress(framed, cap)?.to_vec())
}

/// As for `frame`. Both readers say the same of it.
fn chunked(input: &[u8]) {
    let mut pieces = Pieces(input);
    if pieces.byte() % 2 == 0 {
        checked(unchunked(pieces.0, CAP), CAP);
        return;
    }
    match in_chunks(pieces.byte(), pieces.0) {
        Ok(stored) => withstands(&stored, pieces.0, unchunked),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Config, "{error}"),
    }
}

fn in_chunks(algorithm: u8, plain: &[u8]) -> Result<Vec<u8>> {
    let algorithm = ALGORITHMS[usize::from(algorithm) % ALGORITHMS.len()];
    let options = ChunkOptions::default().algorithm(algorithm);
    compress_chunked(plain, options.chunk_bytes(CHUNK))
}

fn unchunked(stored: &[u8], cap: usize) -> Result<Vec<u8>> {
    let whole = decompress_chunked(stored, cap);
    match (&whole, streamed(stored, cap)) {
        (Ok(whole), streamed) => assert_eq!(streamed.ok().as_ref(), Some(whole)),
        // The stream ends where its end is; a value may have nothing behind it.
        (Err(error), Ok(_)) => assert!(error.to_string().contains("behind the end"), "{error}"),
        (Err(_), Err(_)) => {}
    }
    whole
}

/// Reads in pieces that fit no chunk.
fn streamed(stored: &[u8], cap: usize) -> io::Result<Vec<u8>> {
    let mut reader = ChunkedReader::new(stored, cap as u64);
    let (mut plain, mut piece) = (Vec::new(), [0; 1021]);
    loop {
        let read = reader.read(&mut piece)?;
        if read == 0 {
            return Ok(plain);
        }
        plain.extend_from_slice(&piece[..read]);
        assert!(plain.len() <= cap, "{} bytes", plain.len());
    }
}

/// Whatever comes out is no longer than allowed, and whatever goes wrong is an error.
fn checked(read: Result<Vec<u8>>, cap: usize) {
    match read {
        Ok(plain) => assert!(plain.len() <= cap, "{} bytes", plain.len()),
        Err(error) => assert!(is_refusal(&error), "{error}"),
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Codec | ErrorKind::TooLarge)
}

/// It reads back, under no lower cap, and not with a bit flipped, its end cut off, or more
/// behind it.
fn withstands(stored: &[u8], plain: &[u8], read: fn(&[u8], usize) -> Result<Vec<u8>>) {
    assert_eq!(read(stored, plain.len()).ok().as_deref(), Some(plain));
    if let Some(shorter) = plain.len().checked_sub(1) {
        let error = read(stored, shorter).err().map(|error| error.kind());
        assert_eq!(error, Some(ErrorKind::TooLarge), "over the cap");
    }
    let mut damaged = stored.to_vec();
    for bit in (0..stored.len() * 8).step_by(stored.len().div_ceil(SMALL).max(1)) {
        damaged[bit / 8] ^= 1 << (bit % 8);
        refuses(read(&damaged, plain.len()));
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    damaged.push(0);
    refuses(read(&damaged, plain.len()));
    damaged.truncate(stored.len() - 1);
    refuses(read(&damaged, plain.len()));
}

fn refuses(read: Result<Vec<u8>>) {
    assert!(read.is_err_and(|error| is_refusal(&error)), "damage");
}

fn frame_seeds() -> Vec<Vec<u8>> {
    seeds(ALGORITHMS.len() + 1, framed)
}

fn chunked_seeds() -> Vec<Vec<u8>> {
    let mut seeds = seeds(ALGORITHMS.len(), in_chunks);
    let several = [&b"\x01\x01"[..], &b"larder ".repeat(2000)].concat();
    seeds.push(several);
    seeds
}

fn seeds(algorithms: usize, encode: fn(u8, &[u8]) -> Result<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut seeds = vec![b"\0".to_vec(), b"\x01\x06".to_vec()];
    for algorithm in (0_u8..).take(algorithms) {
        // A text, and what is none.
        for byte in [b'x', 0xf8] {
            seeds.push([&[1, algorithm][..], &[byte; 40]].concat());
        }
        for plain in plains() {
            seeds.push([&[1, algorithm], &plain[..]].concat());
            let stored = encode(algorithm, &plain).unwrap_or_default();
            seeds.push([&[0], &stored[..]].concat());
        }
    }
    seeds
}
