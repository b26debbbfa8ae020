//! Commands as bytes.

use std::io::Write;

/// Begins a command of so many words.
pub(crate) fn words(out: &mut Vec<u8>, count: usize) {
    header(out, b'*', count);
}

/// Adds a word.
pub(crate) fn word(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    match u8::try_from(number) {
        Ok(digit @ 0..=9) => out.push(b'0' + digit),
        // Writing to memory does not fail.
        _ => drop(write!(out, "{number}")),
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_as_the_library_writes_them() {
        let long = "x".repeat(12);
        let mut written = Vec::new();
        words(&mut written, 3);
        for text in ["SET", "", &long] {
            word(&mut written, text.as_bytes());
        }
        let expected = redis::cmd("SET").arg("").arg(&long).get_packed_command();
        assert_eq!(written, expected);
    }
}
