//! Keys as texts: those of the traces, and some that are all different.

/// The text of a key, as an application would write it.
pub(crate) fn text(key: u32) -> String {
    format!("item:{key}")
}

/// Keys with numbers that go up, without an allocation.
pub(crate) struct Numbered([u8; 14]);

impl Numbered {
    pub(crate) fn new() -> Self {
        Self(*b"key:0000000000")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn advance(&mut self) {
        for digit in self.0[4..].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }
}
