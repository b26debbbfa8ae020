//! Large payloads, compressed in independent chunks with bounded memory.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `LRDC` |
//! | 1 | version: 1 |
//! | 1 | algorithm |
//! | 4 | the longest chunk, plain |
//! | per chunk | |
//! | 1 | kind; 1: compressed, 2: plain |
//! | 4 | plain length |
//! | 4 | body length |
//! | 8 | checksum |
//! | as said | body |
//! | at the end | |
//! | 1 | kind: 0 |
//! | 8 | plain length of all chunks |
//! | 8 | checksum |
//!
//! Numbers are little-endian. A checksum is the XXH3-64 of kind, lengths and body, seeded with
//! the checksum before it, and the first with that of the first 10 bytes: no chunk can be
//! missing, moved, or of another stream.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io::{self, Read, Write};
use std::ops::RangeInclusive;

use larder_cache_core::{Algorithm, Error, ErrorKind, Result};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

pub use self::reader::ChunkedReader;
pub use self::writer::ChunkedWriter;

const MAGIC: [u8; 4] = *b"LRDC";
const VERSION: u8 = 1;
const HEADER: usize = 10;
const HEAD: usize = 9;
const CHUNK_BYTES: RangeInclusive<usize> = 4 << 10..=8 << 20;

/// How a [`ChunkedWriter`] writes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChunkOptions {
    /// See [`algorithm`](ChunkOptions::algorithm).
    pub algorithm: Algorithm,
    /// See [`chunk_bytes`](ChunkOptions::chunk_bytes).
    pub chunk_bytes: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Zstd(3),
            chunk_bytes: 256 << 10,
        }
    }
}

impl ChunkOptions {
    /// How chunks are compressed; LZ-String can't be, which compresses whole texts.
    /// Default: zstd at level 3.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// How long a chunk is before it is compressed, from 4 KiB to 8 MiB. Longer ones become
    /// smaller, and take more memory on both sides. Default: 256 KiB.
    #[must_use]
    pub fn chunk_bytes(mut self, chunk_bytes: usize) -> Self {
        self.chunk_bytes = chunk_bytes;
        self
    }

    fn header(self) -> Result<Header> {
        self.algorithm.validate()?;
        if let Algorithm::LzString(_) = self.algorithm {
            let message = "LZ-String compresses whole texts; choose another algorithm for chunks";
            return Err(Error::new(ErrorKind::Config, message));
        }
        check_chunk_bytes(self.chunk_bytes, ErrorKind::Config)?;
        Ok(Header {
            algorithm: self.algorithm.id(),
            chunk_bytes: self.chunk_bytes,
        })
    }
}

/// Compresses a whole value in chunks.
///
/// ```
/// use larder_compression::{ChunkOptions, compress_chunked, decompress_chunked};
///
/// let plain = vec![7; 1 << 20];
/// let stored = compress_chunked(&plain, ChunkOptions::default())?;
/// assert!(stored.len() < 1000);
/// assert_eq!(decompress_chunked(&stored, 1 << 20)?, plain);
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
///
/// # Errors
/// Kind `Config` for options that can't be.
pub fn compress_chunked(plain: &[u8], options: ChunkOptions) -> Result<Vec<u8>> {
    let mut writer = ChunkedWriter::new(Vec::new(), options)?;
    writer.write_all(plain).map_err(error_of)?;
    writer.finish()
}

/// Reads back what [`compress_chunked`] or a [`ChunkedWriter`] made, and nothing behind it.
///
/// # Errors
/// Kind `Codec` for bytes that are damaged, cut off or too many; `TooLarge` for more than
/// `max_plain_bytes`.
pub fn decompress_chunked(stored: &[u8], max_plain_bytes: usize) -> Result<Vec<u8>> {
    let most = u64::try_from(max_plain_bytes).unwrap_or(u64::MAX);
    let mut reader = ChunkedReader::new(stored, most);
    let mut plain = Vec::new();
    reader.read_to_end(&mut plain).map_err(error_of)?;
    let behind = reader.into_inner().len();
    if behind > 0 {
        return Err(
            damaged("there are bytes behind the end of a chunked value").with("bytes", behind)
        );
    }
    Ok(plain)
}

/// What a stream begins with.
#[derive(Clone, Copy, Debug)]
struct Header {
    algorithm: u8,
    chunk_bytes: usize,
}

impl Header {
    fn encode(self) -> [u8; HEADER] {
        let [m0, m1, m2, m3] = MAGIC;
        let [c0, c1, c2, c3] = length(self.chunk_bytes);
        [m0, m1, m2, m3, VERSION, self.algorithm, c0, c1, c2, c3]
    }

    fn decode(bytes: [u8; HEADER]) -> Result<Self> {
        let [magic @ .., version, algorithm, c0, c1, c2, c3] = bytes;
        if magic != MAGIC {
            return Err(damaged(
                "a chunked value begins with `LRDC`; these bytes are none",
            ));
        }
        if version != VERSION {
            let message = "chunked values have version 1; a newer Larder may read this one";
            return Err(damaged(message).with("found", version));
        }
        let chunk_bytes = number([c0, c1, c2, c3]);
        check_chunk_bytes(chunk_bytes, ErrorKind::Codec)?;
        Ok(Self {
            algorithm,
            chunk_bytes,
        })
    }
}

/// What stands before a checksum.
#[derive(Clone, Copy, Debug)]
enum Head {
    Compressed { plain: usize, body: usize },
    Plain { bytes: usize },
    End { total: u64 },
}

impl Head {
    fn encode(self) -> [u8; HEAD] {
        let (kind, [first, second]) = match self {
            Self::End { total } => {
                let [t0, t1, t2, t3, t4, t5, t6, t7] = total.to_le_bytes();
                (0, [[t0, t1, t2, t3], [t4, t5, t6, t7]])
            }
            Self::Compressed { plain, body } => (1, [length(plain), length(body)]),
            Self::Plain { bytes } => (2, [length(bytes), length(bytes)]),
        };
        let ([a, b, c, d], [e, f, g, h]) = (first, second);
        [kind, a, b, c, d, e, f, g, h]
    }

    fn decode(bytes: [u8; HEAD], chunk_bytes: usize) -> Result<Self> {
        let [kind, lengths @ ..] = bytes;
        let [a, b, c, d, e, f, g, h] = lengths;
        let (plain, body) = (number([a, b, c, d]), number([e, f, g, h]));
        let fits = (1..=chunk_bytes).contains(&plain);
        match kind {
            0 => Ok(Self::End {
                total: u64::from_le_bytes(lengths),
            }),
            1 if fits && body < plain => Ok(Self::Compressed { plain, body }),
            2 if fits && body == plain => Ok(Self::Plain { bytes: plain }),
            _ => Err(damaged("a chunk's kind and lengths can't be")
                .with("kind", kind)
                .with("plain", plain)
                .with("body", body)),
        }
    }
}

/// The checksum that the first chunk's is seeded with.
fn first_link(header: &[u8; HEADER]) -> u64 {
    xxh3_64(header)
}

fn next_link(link: u64, head: &[u8; HEAD], body: &[u8]) -> u64 {
    let mut hasher = Xxh3::with_seed(link);
    hasher.update(head);
    hasher.update(body);
    hasher.digest()
}

fn check_chunk_bytes(chunk_bytes: usize, kind: ErrorKind) -> Result<()> {
    if CHUNK_BYTES.contains(&chunk_bytes) {
        return Ok(());
    }
    Err(Error::new(kind, "a chunk is from 4 KiB to 8 MiB long").with("found", chunk_bytes))
}

/// Lengths are checked to be at most 8 MiB.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

fn number(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}

/// What went wrong behind an interface that knows only [`io::Error`].
fn error_of(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|source| {
        Error::new(ErrorKind::Codec, "chunks could not be read or written").with_source(source)
    })
}

fn io_error(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::Codec, message)
}
