//! Decoders that nothing public reaches, for fuzz targets alone.

use crate::change::Change;
use crate::codec::{Input, Output};

/// Reads the changes of a frame of the log, and writes them again; `None` where they can't be
/// read.
#[must_use]
pub fn changes(payload: &[u8]) -> Option<Vec<u8>> {
    let (mut input, mut output) = (Input(payload), Output::default());
    while !input.is_empty() {
        Change::decode(&mut input)?.encode(&mut output);
    }
    Some(output.0)
}
