//! Chunks in, plain bytes out.

use std::io::{self, BufRead, Read};

use larder_cache_core::{Error, ErrorKind, Result};

use super::{HEAD, HEADER, Head, Header, damaged, first_link, io_error, next_link};
use crate::algorithms;

/// Reads what a [`ChunkedWriter`](super::ChunkedWriter) wrote, up to its end; what stands
/// behind stays in `R`, which may then be [taken back](ChunkedReader::into_inner).
///
/// Errors are [`io::Error`]s around an [`Error`] of kind `Codec`, or of kind `TooLarge` for more
/// than is allowed, and errors of `R` as they are. Behind an error nothing more can be read;
/// bytes that were read before it were sound, but are not all.
///
/// # Cost
/// Memory: one chunk, packed and unpacked, and what the algorithm needs for one. No length is
/// trusted before its bytes are there.
#[derive(Debug)]
pub struct ChunkedReader<R> {
    inner: R,
    max_plain_bytes: u64,
    state: State,
    body: Vec<u8>,
    chunk: Vec<u8>,
    /// How much of the chunk was read.
    read: usize,
    total: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    New,
    /// The checksum that the next one is seeded with.
    Open {
        header: Header,
        link: u64,
    },
    Ended,
    Failed,
}

impl<R: Read> ChunkedReader<R> {
    /// A reader of what `inner` holds, which is to be `max_plain_bytes` at most.
    pub fn new(inner: R, max_plain_bytes: u64) -> Self {
        Self {
            inner,
            max_plain_bytes,
            state: State::New,
            body: Vec::new(),
            chunk: Vec::new(),
            read: 0,
            total: 0,
        }
    }

    /// What was read from; it stands behind the end once that was read.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn advance(&mut self) -> io::Result<()> {
        let state = std::mem::replace(&mut self.state, State::Failed);
        self.state = match state {
            State::New => {
                let header = self.take::<HEADER>()?;
                let link = first_link(&header);
                let header = Header::decode(header).map_err(io_error)?;
                State::Open { header, link }
            }
            State::Open { header, link } => self.next_chunk(header, link)?,
            State::Ended => State::Ended,
            State::Failed => {
                let message = "an earlier chunk could not be read; read the stream anew";
                return Err(io_error(damaged(message)));
            }
        };
        Ok(())
    }

    fn next_chunk(&mut self, header: Header, link: u64) -> io::Result<State> {
        let bytes = self.take::<HEAD>()?;
        let head = Head::decode(bytes, header.chunk_bytes).map_err(io_error)?;
        let sum = u64::from_le_bytes(self.take()?);
        let (plain, body) = match head {
            Head::End { .. } => (0, 0),
            Head::Compressed { plain, body } => (plain, body),
            Head::Plain { bytes } => (bytes, bytes),
        };
        self.count(plain).map_err(io_error)?;
        self.take_body(body)?;
        let link = next_link(link, &bytes, &self.body);
        if link != sum {
            let message = "a chunk's checksum is wrong: it was damaged, moved or replaced";
            return Err(io_error(damaged(message)));
        }
        self.unpack(head, header).map_err(io_error)?;
        Ok(match head {
            Head::End { .. } => State::Ended,
            _ => State::Open { header, link },
        })
    }

    fn unpack(&mut self, head: Head, header: Header) -> Result<()> {
        self.read = 0;
        match head {
            Head::Compressed { plain, .. } => {
                // The last chunk goes before there is a new one.
                self.chunk = Vec::new();
                self.chunk = algorithms::decompress(header.algorithm, &self.body, plain, None)?;
            }
            Head::Plain { .. } => std::mem::swap(&mut self.chunk, &mut self.body),
            Head::End { total } if total == self.total => self.chunk = Vec::new(),
            Head::End { total } => {
                return Err(
                    damaged("the end of a chunked value declares another length")
                        .with("declared", total)
                        .with("found", self.total),
                );
            }
        }
        Ok(())
    }

    fn count(&mut self, plain: usize) -> Result<()> {
        self.total += u64::try_from(plain).unwrap_or(u64::MAX);
        if self.total <= self.max_plain_bytes {
            return Ok(());
        }
        let message = "a chunked value holds more bytes than are allowed here";
        Err(Error::new(ErrorKind::TooLarge, message).with("allowed", self.max_plain_bytes))
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                cut_off()
            } else {
                error
            }
        })?;
        Ok(bytes)
    }

    fn take_body(&mut self, bytes: usize) -> io::Result<()> {
        self.body.clear();
        let most = u64::try_from(bytes).unwrap_or(u64::MAX);
        let found = self.inner.by_ref().take(most).read_to_end(&mut self.body)?;
        if found < bytes {
            return Err(cut_off());
        }
        Ok(())
    }
}

impl<R: Read> Read for ChunkedReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let bytes = self.fill_buf()?.read(into)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

impl<R: Read> BufRead for ChunkedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read == self.chunk.len() && !matches!(self.state, State::Ended) {
            self.advance()?;
        }
        Ok(&self.chunk[self.read..])
    }

    fn consume(&mut self, bytes: usize) {
        self.read = self.chunk.len().min(self.read.saturating_add(bytes));
    }
}

fn cut_off() -> io::Error {
    let message = "a chunked value is cut off; its writer may not have finished it";
    io::Error::new(io::ErrorKind::UnexpectedEof, damaged(message))
}
