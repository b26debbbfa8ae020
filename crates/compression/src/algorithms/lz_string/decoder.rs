//! Symbols to text, with a cap.

use larder_cache_core::{Error, Result};

use super::encoder::CodeWidth;
use super::{END, NARROW, WIDE, damaged, too_many};

/// Reads codes and writes their phrases.
///
/// Each code unit is written as if it were a character, in 1 to 3 bytes, so that phrases may
/// begin and end within a surrogate pair; pairs are joined at the end.
pub(super) struct Decoder<S> {
    bits: BitReader<S>,
    width: CodeWidth,
    plain: Vec<u8>,
    plain_bytes: usize,
    /// A surrogate pair is 4 bytes and takes 6 until it is joined.
    allowed: usize,
    /// Phrases stand in what was written, so a place is all that is known of them.
    phrases: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    start: u32,
    bytes: u32,
}

impl Place {
    const fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.bytes as usize
    }
}

impl<S: Iterator<Item = Option<u16>>> Decoder<S> {
    pub(super) fn new(symbol_bits: u32, symbols: S, plain: Vec<u8>, plain_bytes: usize) -> Self {
        Self {
            bits: BitReader::new(symbol_bits, symbols),
            width: CodeWidth { bits: 3, left: 4 },
            plain,
            plain_bytes,
            allowed: plain_bytes,
            phrases: Vec::new(),
        }
    }

    pub(super) fn decode(mut self) -> Result<Vec<u8>> {
        let mut last = match self.bits.read(2)? {
            END => return self.finish(),
            kind @ (NARROW | WIDE) => self.character(kind)?,
            _ => return Err(unknown_phrase()),
        };
        self.phrases.push(last);
        loop {
            let written = match self.bits.read(self.width.bits)? {
                END => return self.finish(),
                kind @ (NARROW | WIDE) => {
                    let written = self.character(kind)?;
                    self.phrases.push(written);
                    self.width.count();
                    written
                }
                code => self.phrase(code, last)?,
            };
            // The last phrase and the first unit behind it, which were written side by side.
            self.phrases.push(Place {
                start: last.start,
                bytes: last.bytes + self.first_unit(written),
            });
            self.width.count();
            last = written;
        }
    }

    /// Writes a code unit that was not seen before.
    fn character(&mut self, kind: u32) -> Result<Place> {
        let unit = self.bits.read(if kind == NARROW { 8 } else { 16 })?;
        let unit = u16::try_from(unit).unwrap_or_default();
        if is_surrogate(unit) && self.allowed == self.plain_bytes {
            self.allowed += self.plain_bytes / 2;
            self.plain.reserve_exact(self.allowed - self.plain.len());
        }
        let (bytes, length) = spread(unit);
        self.append(length, |plain| plain.extend_from_slice(&bytes[..length]))
    }

    /// Writes a phrase again.
    fn phrase(&mut self, code: u32, last: Place) -> Result<Place> {
        let place = usize::try_from(code - END - 1).unwrap_or(usize::MAX);
        if let Some(phrase) = self.phrases.get(place).map(|p| p.range()) {
            return self.append(phrase.len(), |plain| plain.extend_from_within(phrase));
        }
        if place != self.phrases.len() {
            return Err(unknown_phrase());
        }
        // The phrase that is being made: the last one and its own first unit.
        let (last_range, mut first) = (last.range(), last);
        first.bytes = self.first_unit(last);
        self.append(last_range.len() + first.range().len(), |plain| {
            plain.extend_from_within(last_range);
            plain.extend_from_within(first.range());
        })
    }

    fn append(&mut self, bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Result<Place> {
        let start = self.plain.len();
        if bytes > self.allowed - start {
            return Err(too_many(self.plain_bytes));
        }
        write(&mut self.plain);
        Ok(Place {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        })
    }

    fn first_unit(&self, phrase: Place) -> u32 {
        match self.plain[phrase.range().start] {
            0..0x80 => 1,
            0x80..0xE0 => 2,
            _ => 3,
        }
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        self.bits.finish()?;
        if self.allowed == self.plain_bytes {
            return Ok(self.plain);
        }
        join_surrogates(self.plain)
    }
}

const fn is_surrogate(unit: u16) -> bool {
    matches!(unit, 0xD800..=0xDFFF)
}

/// A code unit in the bits of UTF-8, surrogates too.
fn spread(unit: u16) -> ([u8; 3], usize) {
    let low = |shift: u16, mask: u16| (unit >> shift & mask).to_le_bytes()[0];
    match unit {
        0..0x80 => ([low(0, 0x7F), 0, 0], 1),
        0x80..0x800 => ([0xC0 | low(6, 0x1F), 0x80 | low(0, 0x3F), 0], 2),
        _ => (
            [
                0xE0 | low(12, 0xF),
                0x80 | low(6, 0x3F),
                0x80 | low(0, 0x3F),
            ],
            3,
        ),
    }
}

/// Makes UTF-8 of spread code units, in place.
fn join_surrogates(mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    let (mut read, mut written) = (0, 0);
    while read < bytes.len() {
        if let Some(first) = surrogate(&bytes[read..]) {
            let second = bytes.get(read + 3..).and_then(surrogate);
            let joined = second.and_then(|second| char::decode_utf16([first, second]).next());
            let Some(Ok(joined)) = joined else {
                return Err(damaged("LZ-String text holds half a surrogate pair"));
            };
            joined.encode_utf8(&mut bytes[written..written + 4]);
            (read, written) = (read + 6, written + 4);
        } else {
            bytes[written] = bytes[read];
            (read, written) = (read + 1, written + 1);
        }
    }
    bytes.truncate(written);
    Ok(bytes)
}

/// The surrogate that stands first, if one does.
fn surrogate(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [0xED, second @ 0xA0..=0xBF, third, ..] => {
            Some(0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F))
        }
        _ => None,
    }
}

/// Takes values, low end first, from the high end of symbols.
struct BitReader<S> {
    symbol_bits: u32,
    symbols: S,
    pending: u64,
    left: u32,
}

impl<S: Iterator<Item = Option<u16>>> BitReader<S> {
    const fn new(symbol_bits: u32, symbols: S) -> Self {
        Self {
            symbol_bits,
            symbols,
            pending: 0,
            left: 0,
        }
    }

    fn read(&mut self, bits: u32) -> Result<u32> {
        while self.left < bits {
            self.fill()?;
        }
        self.left -= bits;
        let value = self.pending >> self.left & ((1 << bits) - 1);
        let value = u32::try_from(value).unwrap_or_default();
        Ok(value.reverse_bits() >> (u32::BITS - bits))
    }

    fn fill(&mut self) -> Result<()> {
        let symbol = self.symbols.next();
        let symbol = symbol.ok_or_else(|| damaged("an LZ-String text is cut off"))?;
        let symbol = symbol.ok_or_else(|| damaged("a character is none of LZ-String's"))?;
        self.pending = self.pending << self.symbol_bits | u64::from(symbol);
        self.left += self.symbol_bits;
        Ok(())
    }

    /// Behind the end there are only the zeros that fill the last symbol.
    fn finish(&mut self) -> Result<()> {
        if self.left == 0 {
            self.fill()?;
        }
        let zeros = self.read(self.left)? == 0;
        if zeros && self.symbols.next().is_none() {
            return Ok(());
        }
        Err(damaged(
            "there is something behind the end of an LZ-String text",
        ))
    }
}

fn unknown_phrase() -> Error {
    damaged("an LZ-String text names a phrase that it did not define")
}
