//! Codecs: fewer bytes for the same value.

use std::fmt::Debug;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::compression::Compression;
use crate::error::Result;
use crate::key::Key;

/// Compresses values and reads them back.
///
/// The cache fixes the order (serialize, compress, encrypt); a codec knows nothing of the
/// others. What it wrote says by its [`Coding`] how to read it.
pub trait Codec: Debug + Send + Sync + 'static {
    /// Compresses a value; `None` where it is better stored plain. `wanted` is never
    /// [`Off`](Compression::Off); [`Default`](Compression::Default) means
    /// [`Auto`](Compression::Auto).
    ///
    /// # Errors
    /// Kind `Codec`, or `Config` for an algorithm that this codec does not have.
    fn encode(
        &self,
        plain: &[u8],
        wanted: Compression,
        place: &Place<'_>,
    ) -> Result<Option<Encoded>>;

    /// Whether [`decode`](Codec::decode) knows this coding, its dictionary included.
    fn can_decode(&self, coding: Coding) -> bool;

    /// Reads back what [`encode`](Codec::encode) made of `plain_bytes` bytes. Every input is
    /// possible: nothing is allocated beyond `plain_bytes` and what the input's own length
    /// accounts for.
    ///
    /// # Errors
    /// Kind `Codec` for bytes that are damaged, of another length, or of a coding that it does
    /// not know; never a panic.
    fn decode(&self, stored: &[u8], coding: Coding, plain_bytes: usize) -> Result<Bytes>;

    /// Refuses a setting that this codec can't fulfil.
    ///
    /// # Errors
    /// Kind `Config`.
    fn check(&self, wanted: Compression) -> Result<()>;

    /// Its dictionaries, which the cache keeps in the backend for all processes. Default: it
    /// has none.
    fn dictionaries(&self) -> Option<&dyn Dictionaries> {
        None
    }
}

/// How bytes were compressed, as it stands in the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Coding {
    /// The algorithm; 0: none.
    pub algorithm: u8,
    /// The dictionary's [id](Dictionary::id); 0: none.
    pub dictionary: u32,
}

impl Coding {
    /// Bytes as they are.
    pub const PLAIN: Self = Self {
        algorithm: 0,
        dictionary: 0,
    };
}

/// A value that was compressed.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Bytes,
    /// How to read them.
    pub coding: Coding,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The name of the namespace.
    pub namespace: &'a str,
    /// The full physical key.
    pub key: &'a Key,
}

/// What a codec knows beforehand of a namespace's values. Immutable: its id is its content's.
#[derive(Clone, PartialEq, Eq)]
pub struct Dictionary {
    id: u32,
    bytes: Bytes,
}

impl Dictionary {
    /// A dictionary of these bytes.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        let digest = xxh3_64(&bytes).to_le_bytes();
        let low = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
        Self {
            id: low.max(1),
            bytes,
        }
    }

    /// The low half of its content's XXH3-64, and 1 where that is 0: what stands in headers.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its content.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Debug for Dictionary {
    /// Without the content, which is made of values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dictionary")
            .field("id", &self.id)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// The dictionaries of a codec, by namespace.
///
/// The codec collects samples while it encodes, under [`Compression::Trained`]. The cache asks
/// it from time to time to train, publishes what comes of that, and hands it what other
/// processes have published.
pub trait Dictionaries: Send + Sync {
    /// Trains a dictionary, or decides that one is not worth it: `None` also where too few
    /// values were seen since the last time.
    ///
    /// # Cost
    /// CPU time, up to some hundred milliseconds: for a thread that may block.
    ///
    /// # Errors
    /// Kind `Codec` where the training failed.
    fn train(&self, namespace: &str) -> Result<Option<Dictionary>>;

    /// Makes a dictionary known, so that values can be read.
    ///
    /// # Errors
    /// Kind `Codec` for bytes that are no dictionary.
    fn install(&self, namespace: &str, dictionary: &Dictionary) -> Result<()>;

    /// From now on writes use this dictionary, which was installed before; `None`: they use
    /// none.
    fn adopt(&self, namespace: &str, id: Option<u32>);

    /// The dictionary that writes use.
    fn current(&self, namespace: &str) -> Option<Dictionary>;
}
