//! Inputs that broke something, as files and as text.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// How much of an input is shown.
const SHOWN: usize = 64;

/// Keeps an input in a folder, under a name that is the same for the same input.
///
/// # Errors
/// As the file system has them.
pub fn save(folder: &Path, target: &str, input: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut digest = DefaultHasher::new();
    digest.write(input);
    let file = folder.join(format!("{target}-{:016x}", digest.finish()));
    fs::write(&file, input)?;
    Ok(file)
}

/// The beginning of an input as text.
#[must_use]
pub fn excerpt(input: &[u8]) -> String {
    let shown = &input[..input.len().min(SHOWN)];
    let more = if input.len() > SHOWN { ".." } else { "" };
    format!("{} bytes: b\"{}\"{more}", input.len(), shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_inputs_are_cut() {
        assert_eq!(excerpt(b"a\0\""), r#"3 bytes: b"a\x00\"""#);
        assert!(excerpt(&[b'x'; 100]).ends_with("x\".."));
    }
}
