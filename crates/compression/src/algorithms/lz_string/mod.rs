//! LZ-String, byte for byte as the JavaScript library of this name (pieroxy, 1.4 and 1.5).
//!
//! It is LZ78 over UTF-16 code units, so what it compresses is text. It is here because
//! existing crates have no cap: an LZ78 bomb grows with the square of its length.

mod decoder;
mod encoder;

use std::str;

use larder_cache_core::{LzStringForm, Result};

use self::decoder::Decoder;
use self::encoder::Encoder;
use super::{damaged, exactly, room, too_many};

/// More than any JavaScript engine takes for one string, and few enough for offsets of 32 bits.
const MAX_PLAIN: usize = 1 << 30;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Symbols of the UTF-16 form begin behind the control characters.
const FIRST_UTF16: u16 = 32;

/// Ends the UTF-16 form.
const LAST_UTF16: char = ' ';

/// The code of a new character of 8 bits, of one of 16 bits, and of the end.
const NARROW: u32 = 0;
const WIDE: u32 = 1;
const END: u32 = 2;

pub(super) fn compress(plain: &[u8], form: LzStringForm) -> Result<Vec<u8>> {
    let text = str::from_utf8(plain).map_err(|source| {
        damaged("LZ-String compresses text alone, as UTF-8; choose another algorithm")
            .with_source(source)
    })?;
    if plain.len() > MAX_PLAIN {
        return Err(
            damaged("a text is too long for LZ-String; choose another algorithm")
                .with("bytes", plain.len())
                .with("allowed", MAX_PLAIN),
        );
    }
    let mut stored = Vec::with_capacity(plain.len() / 2);
    Encoder::new(symbol_bits(form), |symbol| {
        push_symbol(&mut stored, form, symbol);
    })
    .encode(text);
    match form {
        LzStringForm::Utf16 => push_char(&mut stored, LAST_UTF16),
        LzStringForm::Base64 => stored.resize(stored.len().next_multiple_of(4), b'='),
    }
    Ok(stored)
}

pub(super) fn decompress(stored: &[u8], form: LzStringForm, plain_bytes: usize) -> Result<Vec<u8>> {
    if plain_bytes > MAX_PLAIN {
        return Err(too_many(MAX_PLAIN));
    }
    let room = room(plain_bytes)?;
    let plain = match form {
        LzStringForm::Utf16 => {
            let symbols = utf16_body(stored)?.chars().map(utf16_symbol);
            Decoder::new(symbol_bits(form), symbols, room, plain_bytes).decode()
        }
        LzStringForm::Base64 => {
            let symbols = base64_body(stored)?.iter().copied().map(base64_symbol);
            Decoder::new(symbol_bits(form), symbols, room, plain_bytes).decode()
        }
    }?;
    exactly(plain, plain_bytes)
}

/// Bits in a symbol: 15, so that no symbol is a surrogate, or 6.
const fn symbol_bits(form: LzStringForm) -> u32 {
    match form {
        LzStringForm::Utf16 => 15,
        LzStringForm::Base64 => 6,
    }
}

fn push_symbol(stored: &mut Vec<u8>, form: LzStringForm, symbol: u16) {
    match form {
        LzStringForm::Utf16 => {
            // 15 bits and 32 stay below the surrogates.
            let symbol = char::from_u32(u32::from(symbol + FIRST_UTF16));
            push_char(stored, symbol.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        LzStringForm::Base64 => stored.push(BASE64[usize::from(symbol & 63)]),
    }
}

fn push_char(stored: &mut Vec<u8>, symbol: char) {
    stored.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
}

fn utf16_body(stored: &[u8]) -> Result<&str> {
    let text = str::from_utf8(stored)
        .map_err(|source| damaged("LZ-String's UTF-16 form is no UTF-8").with_source(source))?;
    text.strip_suffix(LAST_UTF16)
        .ok_or_else(|| damaged("LZ-String's UTF-16 form must end in a space"))
}

fn utf16_symbol(found: char) -> Option<u16> {
    let unit = u16::try_from(u32::from(found)).ok()?;
    unit.checked_sub(FIRST_UTF16)
        .filter(|symbol| symbol >> 15 == 0)
}

fn base64_body(stored: &[u8]) -> Result<&[u8]> {
    let body = stored
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    if stored.len().is_multiple_of(4) && stored.len() - body < 4 {
        return Ok(&stored[..body]);
    }
    Err(
        damaged("LZ-String's base64 form must be filled up with `=` to a multiple of 4")
            .with("bytes", stored.len()),
    )
}

fn base64_symbol(found: u8) -> Option<u16> {
    Some(u16::from(match found {
        b'A'..=b'Z' => found - b'A',
        b'a'..=b'z' => found - b'a' + 26,
        b'0'..=b'9' => found - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use self::tests::bomb;
