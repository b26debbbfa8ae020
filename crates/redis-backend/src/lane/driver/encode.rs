//! Commands as bytes.

/// Begins a command of so many words.
pub(crate) fn words(out: &mut Vec<u8>, count: usize) {
    header(out, b'*', count as u64);
}

/// Adds a word.
pub(crate) fn word(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len() as u64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Adds a number as a word.
pub(crate) fn number(out: &mut Vec<u8>, number: u64) {
    word(out, Digits::of(number).as_bytes());
}

fn header(out: &mut Vec<u8>, kind: u8, number: u64) {
    out.push(kind);
    out.extend_from_slice(Digits::of(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A number in decimal, without the machinery of formatting: four of them go into every
/// command.
struct Digits {
    bytes: [u8; Self::MOST],
    begin: usize,
}

impl Digits {
    const MOST: usize = 20;

    fn of(mut number: u64) -> Self {
        let mut digits = Self {
            bytes: [b'0'; Self::MOST],
            begin: Self::MOST,
        };
        loop {
            digits.begin -= 1;
            digits.bytes[digits.begin] += (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_as_the_library_writes_them() {
        let long = "x".repeat(12);
        let mut written = Vec::new();
        words(&mut written, 6);
        for text in ["SET", "", &long] {
            word(&mut written, text.as_bytes());
        }
        for value in [0, 1_234_567_890, u64::MAX] {
            number(&mut written, value);
        }
        let mut expected = redis::cmd("SET");
        expected.arg("").arg(&long);
        expected.arg(0).arg(1_234_567_890).arg(u64::MAX);
        assert_eq!(written, expected.get_packed_command());
    }
}
