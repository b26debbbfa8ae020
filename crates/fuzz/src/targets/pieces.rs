//! Several things out of one input.

/// The rest of an input. What is asked for beyond its end is empty, or zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces<'a>(pub(super) &'a [u8]);

impl<'a> Pieces<'a> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte
    }

    pub(super) fn number(&mut self) -> u64 {
        self.bytes(8)
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    pub(super) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// Up to a byte, which is not part of it.
    pub(super) fn until(&mut self, end: u8) -> &'a [u8] {
        let length = self.0.iter().position(|&byte| byte == end);
        let piece = self.bytes(length.unwrap_or(self.0.len()));
        self.byte();
        piece
    }

    pub(super) fn text_until(&mut self, end: u8) -> String {
        String::from_utf8_lossy(self.until(end)).into_owned()
    }
}

/// Seeds that are texts.
pub(super) fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
