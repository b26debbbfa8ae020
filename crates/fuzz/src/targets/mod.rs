//! The targets: a file for each family of parsers.

mod algorithms;
mod codecs;
mod cursors;
mod encryption;
mod entries;
mod epochs;
mod frames;
mod globs;
mod journals;
mod keys;
mod pieces;
mod planted;
mod ready;
mod settings;
mod tags;
mod urls;
mod values;

pub use self::planted::PLANTED;
use crate::target::Target;

/// All targets.
pub const TARGETS: &[Target] = &[
    entries::DECODE,
    entries::HEADER,
    entries::DAMAGE,
    epochs::RECORDS,
    keys::KEYS,
    keys::PHYSICAL,
    keys::PATTERNS,
    keys::VERDICTS,
    tags::TAGS,
    globs::GLOBS,
    cursors::MEMORY,
    journals::STREAM,
    journals::LETTER,
    journals::CHANGES,
    journals::CLUSTER_CURSOR,
    algorithms::ALGORITHMS,
    codecs::LZ4,
    codecs::ZSTD,
    codecs::BROTLI,
    codecs::GZIP,
    codecs::LZ_STRING_UTF16,
    codecs::LZ_STRING_BASE64,
    codecs::ANY,
    codecs::DICTIONARIES,
    frames::FRAME,
    frames::CHUNKED,
    encryption::KEYS,
    encryption::SEALED,
    values::STORED,
    values::MESSAGE_PACK,
    values::JSON,
    settings::TOML,
    settings::VARIABLES,
    urls::URLS,
    urls::PASSWORDS,
];

/// The target of a name, the [planted](PLANTED) ones too.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS
        .iter()
        .chain(PLANTED)
        .find(|target| target.name == name)
}
