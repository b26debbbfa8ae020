//! Compression without a cache: bytes that describe themselves.

use std::time::{Duration, Instant};

use larder_cache_core::{Algorithm, Bytes, Coding, Compression, Result};

use crate::chunked::{ChunkOptions, compress_chunked, decompress_chunked};
use crate::frame;
use crate::optimizer::Optimizer;
use crate::options::{Chunking, OptimizerOptions};

/// How one value is compressed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompressOptions {
    /// The algorithm, or who chooses it.
    pub compression: Compression,
    /// The namespace whose values this one is like.
    pub namespace: String,
}

/// A value that was compressed.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// The bytes, which say themselves how to read them.
    pub bytes: Bytes,
    /// What was done.
    pub metadata: Metadata,
}

/// What was done to a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metadata {
    /// The algorithm; `None`: it is stored plain.
    pub algorithm: Option<Algorithm>,
    /// The dictionary's id, if there is one.
    pub dictionary: Option<u32>,
    /// Before.
    pub plain_bytes: usize,
    /// After, with the frame.
    pub stored_bytes: usize,
    /// The time that it took.
    pub elapsed: Duration,
    /// How the bytes are laid out.
    pub layout: Layout,
}

/// How compressed bytes are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// In one piece.
    Whole,
    /// In chunks, which [`ChunkedReader`](crate::ChunkedReader) reads too.
    Chunked,
}

/// What bytes in chunks begin with; see the format of [`compress_chunked`].
const CHUNKED: &[u8] = b"LRDC";

impl Default for CompressOptions {
    fn default() -> Self {
        Self {
            compression: Compression::Auto,
            namespace: "default".to_owned(),
        }
    }
}

impl CompressOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The algorithm, or who chooses it. Default: [`Compression::Auto`].
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The namespace whose values this one is like: what is learned of one helps the others.
    /// Default: `default`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }
}

impl Metadata {
    /// How many times smaller it has become; below 1 where the frame is all that was added.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.plain_bytes as f64 / self.stored_bytes.max(1) as f64
    }
}

impl Optimizer {
    /// Compresses bytes, which may stand anywhere then: a frame around them holds the lengths,
    /// the algorithm and a checksum. They are never larger than plain but for that frame.
    ///
    /// # Errors
    /// Kind `Config` for a level that the algorithm does not have, `Codec` where it fails.
    pub fn compress(&self, data: &[u8], options: &CompressOptions) -> Result<Compressed> {
        let settings = self.options();
        if is_large(data, &settings)
            && let Some(chunked) = self.compress_in_chunks(data, options, &settings)?
        {
            return Ok(chunked);
        }
        let packed = self.pack(data, options.compression, &options.namespace, &settings)?;
        let body = packed.compressed.as_deref().unwrap_or(data);
        let bytes = Bytes::from(frame::encode(packed.coding, data.len(), body));
        let metadata = Metadata {
            algorithm: packed.candidate.algorithm,
            dictionary: (packed.coding.dictionary != 0).then_some(packed.coding.dictionary),
            plain_bytes: data.len(),
            stored_bytes: bytes.len(),
            elapsed: packed.elapsed,
            layout: Layout::Whole,
        };
        Ok(Compressed { bytes, metadata })
    }

    /// Reads back what [`compress`](Optimizer::compress) made.
    ///
    /// # Errors
    /// Kind `TooLarge` for more than `max_plain_bytes`; `Codec` for bytes that are damaged, or
    /// whose dictionary is not installed. Never a panic, and no allocation beyond
    /// `max_plain_bytes`.
    pub fn decompress(&self, framed: &[u8], max_plain_bytes: usize) -> Result<Bytes> {
        if framed.starts_with(CHUNKED) {
            return decompress_chunked(framed, max_plain_bytes).map(Bytes::from);
        }
        let (coding, plain_bytes, body) = frame::decode(framed, max_plain_bytes)?;
        if coding == Coding::PLAIN {
            return Ok(Bytes::copy_from_slice(body));
        }
        self.unpack(body, coding, plain_bytes).map(Bytes::from)
    }

    /// `None`: it is better stored plain, or the algorithm can't be used in chunks.
    fn compress_in_chunks(
        &self,
        data: &[u8],
        options: &CompressOptions,
        settings: &OptimizerOptions,
    ) -> Result<Option<Compressed>> {
        let began = Instant::now();
        let chosen = self.choose_for_large(data, options, settings)?;
        let algorithm = match chosen {
            None | Some(Algorithm::LzString(_)) => return Ok(None),
            Some(algorithm) => algorithm,
        };
        let chunks = ChunkOptions::default().algorithm(algorithm);
        let bytes = Bytes::from(compress_chunked(data, chunks)?);
        if bytes.len() >= data.len() {
            return Ok(None);
        }
        let elapsed = began.elapsed();
        self.count(
            &options.namespace,
            algorithm,
            data.len(),
            bytes.len(),
            elapsed,
        );
        let metadata = Metadata {
            algorithm: Some(algorithm),
            dictionary: None,
            plain_bytes: data.len(),
            stored_bytes: bytes.len(),
            elapsed,
            layout: Layout::Chunked,
        };
        Ok(Some(Compressed { bytes, metadata }))
    }
}

fn is_large(data: &[u8], settings: &OptimizerOptions) -> bool {
    matches!(settings.chunking, Chunking::Above(bytes) if data.len() > bytes)
}
