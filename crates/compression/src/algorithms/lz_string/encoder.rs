//! Text to symbols.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{END, NARROW, WIDE};

/// What precedes a phrase of one character: no phrase has this code.
const NOTHING: u32 = 0;

/// Numbers every phrase that it meets, and writes numbers instead of phrases.
pub(super) struct Encoder<P> {
    bits: BitWriter<P>,
    /// Phrases, each by the number of all but its last code unit, and that unit.
    phrases: HashMap<(u32, u16), u32, RandomState>,
    next_code: u32,
    width: CodeWidth,
}

/// A phrase that was matched and not written yet.
#[derive(Clone, Copy)]
enum Phrase {
    Known {
        code: u32,
    },
    /// A code unit that the reader has not seen yet.
    Fresh {
        code: u32,
        unit: u16,
    },
}

impl Phrase {
    const fn code(self) -> u32 {
        match self {
            Self::Known { code } | Self::Fresh { code, .. } => code,
        }
    }
}

impl<P: FnMut(u16)> Encoder<P> {
    pub(super) fn new(symbol_bits: u32, push: P) -> Self {
        Self {
            bits: BitWriter::new(symbol_bits, push),
            phrases: HashMap::default(),
            next_code: END + 1,
            width: CodeWidth { bits: 2, left: 2 },
        }
    }

    pub(super) fn encode(mut self, text: &str) {
        let mut matched = None;
        for unit in text.encode_utf16() {
            matched = Some(self.step(matched, unit));
        }
        if let Some(matched) = matched {
            self.write(matched);
        }
        self.bits.write(END, self.width.bits);
        self.bits.finish();
    }

    /// Makes the match longer, or writes it and begins a new one.
    fn step(&mut self, matched: Option<Phrase>, unit: u16) -> Phrase {
        let Some(matched) = matched else {
            return self.begin(unit);
        };
        let longer = (matched.code(), unit);
        if let Some(code) = self.phrases.get(&longer) {
            return Phrase::Known { code: *code };
        }
        let begun = self.begin(unit);
        self.write(matched);
        let code = self.take_code();
        self.phrases.insert(longer, code);
        begun
    }

    fn begin(&mut self, unit: u16) -> Phrase {
        if let Some(code) = self.phrases.get(&(NOTHING, unit)) {
            return Phrase::Known { code: *code };
        }
        let code = self.take_code();
        self.phrases.insert((NOTHING, unit), code);
        Phrase::Fresh { code, unit }
    }

    fn take_code(&mut self) -> u32 {
        let code = self.next_code;
        self.next_code += 1;
        code
    }

    fn write(&mut self, phrase: Phrase) {
        match phrase {
            Phrase::Known { code } => self.bits.write(code, self.width.bits),
            Phrase::Fresh { unit, .. } => {
                let (kind, unit_bits) = if unit < 256 { (NARROW, 8) } else { (WIDE, 16) };
                self.bits.write(kind, self.width.bits);
                self.bits.write(unit.into(), unit_bits);
                self.width.count();
            }
        }
        self.width.count();
    }
}

/// How many bits a code takes: it grows with the count of phrases.
pub(super) struct CodeWidth {
    pub(super) bits: u32,
    pub(super) left: u32,
}

impl CodeWidth {
    /// Counts a phrase.
    pub(super) fn count(&mut self) {
        self.left -= 1;
        if self.left == 0 {
            self.left = 1 << self.bits;
            self.bits += 1;
        }
    }
}

/// Fills symbols from their high end with values from their low end.
pub(super) struct BitWriter<P> {
    symbol_bits: u32,
    push: P,
    pending: u64,
    filled: u32,
}

impl<P: FnMut(u16)> BitWriter<P> {
    pub(super) const fn new(symbol_bits: u32, push: P) -> Self {
        Self {
            symbol_bits,
            push,
            pending: 0,
            filled: 0,
        }
    }

    pub(super) fn write(&mut self, value: u32, bits: u32) {
        let reversed = value.reverse_bits() >> (u32::BITS - bits);
        self.pending = self.pending << bits | u64::from(reversed);
        self.filled += bits;
        while self.filled >= self.symbol_bits {
            self.filled -= self.symbol_bits;
            let symbol = self.pending >> self.filled & ((1 << self.symbol_bits) - 1);
            (self.push)(u16::try_from(symbol).unwrap_or_default());
        }
    }

    /// Fills the last symbol with zeros, and a whole one where none was begun: as the original.
    pub(super) fn finish(mut self) {
        let missing = self.symbol_bits - self.filled;
        self.write(0, missing);
    }
}
