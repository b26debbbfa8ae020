//! Plain bytes in, chunks out.

use std::io::{self, Write};

use larder_cache_core::{Algorithm, Error, ErrorKind, Result};

use super::{ChunkOptions, Head, error_of, first_link, io_error, next_link};
use crate::algorithms;

/// Compresses what is written to it, chunk by chunk, into `W`.
///
/// Without [`finish`](ChunkedWriter::finish) the end is missing, and no reader takes what was
/// written for whole.
///
/// ```
/// use std::io::{Read, Write};
///
/// use larder_compression::{ChunkOptions, ChunkedReader, ChunkedWriter};
///
/// let mut writer = ChunkedWriter::new(Vec::new(), ChunkOptions::default())?;
/// writer.write_all(b"as much as there is")?;
/// let stored = writer.finish()?;
///
/// let mut plain = String::new();
/// ChunkedReader::new(&stored[..], 1 << 30).read_to_string(&mut plain)?;
/// assert_eq!(plain, "as much as there is");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// Memory: two chunks and what the algorithm needs for one. Each chunk takes 17 bytes beside
/// its body.
#[derive(Debug)]
pub struct ChunkedWriter<W> {
    inner: W,
    algorithm: Algorithm,
    chunk_bytes: usize,
    chunk: Vec<u8>,
    total: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The header was not written yet.
    New { header: [u8; super::HEADER] },
    /// The checksum that the next one is seeded with.
    Open { link: u64 },
    /// What stands in `W` can't be continued.
    Failed,
}

impl<W: Write> ChunkedWriter<W> {
    /// A writer in front of `inner`, to which nothing is written yet.
    ///
    /// # Errors
    /// Kind `Config` for options that can't be.
    pub fn new(inner: W, options: ChunkOptions) -> Result<Self> {
        let header = options.header()?.encode();
        Ok(Self {
            inner,
            algorithm: options.algorithm,
            chunk_bytes: options.chunk_bytes,
            chunk: Vec::new(),
            total: 0,
            state: State::New { header },
        })
    }

    /// Writes what is left and the end, and gives back what was written to.
    ///
    /// # Errors
    /// Kind `Codec` where the writing failed, now or before.
    pub fn finish(mut self) -> Result<W> {
        self.cut().map_err(error_of)?;
        let end = Head::End { total: self.total };
        self.put(end, &[]).map_err(error_of)?;
        self.inner.flush().map_err(error_of)?;
        Ok(self.inner)
    }

    /// Ends the chunk at hand, unless it is empty.
    fn cut(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        self.put_chunk(&chunk)?;
        chunk.clear();
        self.chunk = chunk;
        Ok(())
    }

    fn put_chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        let packed = algorithms::compress(self.algorithm, chunk, None).map_err(|error| {
            self.state = State::Failed;
            io_error(error)
        })?;
        let (plain, body) = (chunk.len(), packed.len());
        self.total += u64::try_from(plain).unwrap_or(u64::MAX);
        if body < plain {
            self.put(Head::Compressed { plain, body }, &packed)
        } else {
            self.put(Head::Plain { bytes: plain }, chunk)
        }
    }

    fn put(&mut self, head: Head, body: &[u8]) -> io::Result<()> {
        // Half of it may get written.
        let state = std::mem::replace(&mut self.state, State::Failed);
        let link = match state {
            State::New { header } => {
                self.inner.write_all(&header)?;
                first_link(&header)
            }
            State::Open { link } => link,
            State::Failed => return Err(io_error(failed())),
        };
        let head = head.encode();
        let link = next_link(link, &head, body);
        self.inner.write_all(&head)?;
        self.inner.write_all(&link.to_le_bytes())?;
        self.inner.write_all(body)?;
        self.state = State::Open { link };
        Ok(())
    }
}

impl<W: Write> Write for ChunkedWriter<W> {
    fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        if let State::Failed = self.state {
            return Err(io_error(failed()));
        }
        if self.chunk.capacity() == 0 {
            self.chunk.reserve_exact(self.chunk_bytes);
        }
        if self.chunk.len() == self.chunk_bytes {
            self.cut()?;
        }
        let taken = plain.len().min(self.chunk_bytes - self.chunk.len());
        self.chunk.extend_from_slice(&plain[..taken]);
        Ok(taken)
    }

    /// Ends the chunk at hand: frequent calls make chunks small.
    fn flush(&mut self) -> io::Result<()> {
        self.cut()?;
        self.inner.flush()
    }
}

fn failed() -> Error {
    let message = "an earlier chunk could not be written; begin a new stream";
    Error::new(ErrorKind::Codec, message)
}
