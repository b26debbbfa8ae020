//! The algorithms: bytes to fewer bytes and back, nothing of what is worth it.
//!
//! No stored form holds its own length: who reads knows it from a header that is covered by a
//! checksum, and it is the cap of everything that is allocated.

#[cfg(test)]
mod bombs;
mod brotli;
mod gzip;
mod lz4;
mod lz_string;
mod prepared;
#[cfg(test)]
mod tests;
mod zstd;

use larder_cache_core::{Algorithm, Error, ErrorKind, LzStringForm, Result};

pub(crate) use self::prepared::Prepared;

const LZ4: u8 = Algorithm::Lz4.id();
const ZSTD: u8 = Algorithm::Zstd(0).id();
const BROTLI: u8 = Algorithm::Brotli(0).id();
const GZIP: u8 = Algorithm::Gzip(0).id();
const LZ_STRING: u8 = Algorithm::LzString(LzStringForm::Utf16).id();
const LZ_STRING_BASE64: u8 = Algorithm::LzString(LzStringForm::Base64).id();

/// Compresses; the result may be longer than what came in.
pub(crate) fn compress(
    algorithm: Algorithm,
    plain: &[u8],
    dictionary: Option<&Prepared>,
) -> Result<Vec<u8>> {
    algorithm.validate()?;
    refuse_dictionary(algorithm.id(), dictionary)?;
    let mut stored = match algorithm {
        Algorithm::Lz4 => lz4::compress(plain)?,
        Algorithm::Zstd(level) => zstd::compress(plain, level, dictionary)?,
        Algorithm::Brotli(quality) => brotli::compress(plain, quality)?,
        Algorithm::Gzip(level) => gzip::compress(plain, level)?,
        Algorithm::LzString(form) => lz_string::compress(plain, form)?,
        other => return Err(unknown(other.id())),
    };
    // Room for the worst case was reserved, and the result may be kept for long.
    stored.shrink_to_fit();
    Ok(stored)
}

/// Reads back what [`compress`] made of `plain_bytes` bytes: exactly as many, or an error.
pub(crate) fn decompress(
    algorithm_id: u8,
    stored: &[u8],
    plain_bytes: usize,
    dictionary: Option<&Prepared>,
) -> Result<Vec<u8>> {
    refuse_dictionary(algorithm_id, dictionary)?;
    match algorithm_id {
        LZ4 => lz4::decompress(stored, plain_bytes),
        ZSTD => zstd::decompress(stored, plain_bytes, dictionary),
        BROTLI => brotli::decompress(stored, plain_bytes),
        GZIP => gzip::decompress(stored, plain_bytes),
        LZ_STRING => lz_string::decompress(stored, LzStringForm::Utf16, plain_bytes),
        LZ_STRING_BASE64 => lz_string::decompress(stored, LzStringForm::Base64, plain_bytes),
        other => Err(unknown(other)),
    }
}

/// Whether [`decompress`] has this algorithm.
pub(crate) fn is_known(algorithm_id: u8) -> bool {
    (LZ4..=LZ_STRING_BASE64).contains(&algorithm_id)
}

fn refuse_dictionary(algorithm_id: u8, dictionary: Option<&Prepared>) -> Result<()> {
    if dictionary.is_some() && algorithm_id != ZSTD {
        return Err(
            damaged("only zstd takes a dictionary; leave it out for other algorithms")
                .with("algorithm", algorithm_id),
        );
    }
    Ok(())
}

/// Refuses a length that no input of this size can expand to, before anything is allocated.
fn refuse_ratio(stored: &[u8], plain_bytes: usize, max_ratio: usize) -> Result<()> {
    if plain_bytes > stored.len().saturating_mul(max_ratio) {
        return Err(
            damaged("more bytes are declared than the compressed ones can hold")
                .with("declared", plain_bytes)
                .with("compressed", stored.len()),
        );
    }
    Ok(())
}

/// Room for a value; a header that lies may ask for more than there is.
fn room(plain_bytes: usize) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    plain.try_reserve_exact(plain_bytes).map_err(|source| {
        damaged("there is no memory for what compressed bytes declare; set a lower limit")
            .with("declared", plain_bytes)
            .with_source(source)
    })?;
    Ok(plain)
}

fn exactly(plain: Vec<u8>, plain_bytes: usize) -> Result<Vec<u8>> {
    if plain.len() == plain_bytes {
        return Ok(plain);
    }
    Err(
        damaged("compressed bytes hold fewer bytes than are declared")
            .with("declared", plain_bytes)
            .with("found", plain.len()),
    )
}

fn too_many(plain_bytes: usize) -> Error {
    damaged("compressed bytes hold more bytes than are declared").with("declared", plain_bytes)
}

fn unknown(algorithm_id: u8) -> Error {
    damaged("the algorithms are 1 to 6; a newer version may have written this")
        .with("found", algorithm_id)
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::Codec, message)
}
