//! Lists of keys as text. Nothing that was read is shown in an error: any part of it may be a
//! key in the wrong place.

use std::collections::HashSet;

use larder_cache_core::{Error, ErrorKind, Result};

use crate::algorithm::CipherAlgorithm;
use crate::key::EncryptionKey;

/// The first key of a list, and the others.
pub(crate) fn parse(text: &str) -> Result<(EncryptionKey, Vec<EncryptionKey>)> {
    let mut keys = Vec::new();
    let mut ids = HashSet::new();
    for (entry, (line, text)) in (1..).zip(entries(text)) {
        let key = parse_key(text)
            .and_then(|key| match ids.insert(key.id()) {
                true => Ok(key),
                false => Err(repeated(key.id())),
            })
            .map_err(|error| error.with("line", line).with("entry", entry))?;
        keys.push(key);
    }
    let mut keys = keys.into_iter();
    let first = keys.next().ok_or_else(empty)?;
    Ok((first, keys.collect()))
}

/// What stands between commas and line ends and is not blank or a comment, with its line.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).flat_map(|(line, text)| {
        let listed = text.split('#').next().unwrap_or_default();
        let entries = listed.split(',').map(str::trim);
        entries
            .filter(|entry| !entry.is_empty())
            .map(move |entry| (line, entry))
    })
}

fn parse_key(entry: &str) -> Result<EncryptionKey> {
    let parts: Vec<&str> = entry.split(':').map(str::trim).collect();
    let (id, algorithm, base64) = match parts[..] {
        [id, base64] => (id, CipherAlgorithm::default(), base64),
        [id, algorithm, base64] => (id, algorithm.parse()?, base64),
        _ => return Err(wrong_parts(parts.len())),
    };
    let id = id.parse().map_err(|_| wrong_id())?;
    Ok(EncryptionKey::from_base64(id, base64)?.algorithm(algorithm))
}

fn wrong_parts(found: usize) -> Error {
    let message = "an encryption key must be written as id:base64 or id:algorithm:base64";
    Error::new(ErrorKind::Config, message).with("parts found", found)
}

fn wrong_id() -> Error {
    Error::new(
        ErrorKind::Config,
        "an encryption key must begin with its id, a whole number from 1 to 4294967295; found \
         something else, which is not shown",
    )
}

fn repeated(id: u32) -> Error {
    let message = "two encryption keys have the same id; give every new key an id that no key had \
                   before";
    Error::new(ErrorKind::Config, message).with("id", id)
}

fn empty() -> Error {
    Error::new(
        ErrorKind::Config,
        "at least one encryption key was expected, as id:base64; found none; make one with \
         `openssl rand -base64 32`",
    )
}

#[cfg(test)]
mod tests;
