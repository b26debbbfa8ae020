//! A zstd dictionary, parsed once.

use std::fmt;
use std::sync::OnceLock;

use larder_cache_core::{Bytes, Result};
use zstd::zstd_safe::{CDict, DDict};

use super::damaged;

const MAGIC: [u8; 4] = [0x37, 0xA4, 0x30, 0xEC];
const ID: std::ops::Range<usize> = 4..8;
const LEVELS: std::ops::RangeInclusive<i8> = -7..=22;
const LEVEL_COUNT: usize = 30;

/// A dictionary, ready for decompression, and for compression at each level that was used.
///
/// Its own id is blanked: Larder's header names the dictionary already, and every frame would
/// repeat it in 4 bytes.
pub(crate) struct Prepared {
    blanked: Bytes,
    decoder: DDict<'static>,
    encoders: [OnceLock<Option<CDict<'static>>>; LEVEL_COUNT],
}

impl Prepared {
    /// Of a dictionary as zstd trains it; the tables for decompression are built here.
    pub(crate) fn new(bytes: &Bytes) -> Result<Self> {
        let not_one = || {
            damaged("a dictionary must be one that zstd trained, with its magic number and tables")
                .with("bytes", bytes.len())
        };
        if bytes.len() < ID.end || !bytes.starts_with(&MAGIC) {
            return Err(not_one());
        }
        let mut blanked = bytes.to_vec();
        blanked[ID].fill(0);
        let decoder = DDict::try_create(&blanked).ok_or_else(not_one)?;
        Ok(Self {
            blanked: blanked.into(),
            decoder,
            encoders: [const { OnceLock::new() }; LEVEL_COUNT],
        })
    }

    pub(super) fn decoder(&self) -> &DDict<'static> {
        &self.decoder
    }

    /// The tables for a level, built by the first who asks.
    pub(super) fn encoder(&self, level: i8) -> Result<&CDict<'static>> {
        let place = usize::try_from(i16::from(level) - i16::from(*LEVELS.start()));
        let encoder = place.ok().and_then(|place| self.encoders.get(place));
        encoder
            .and_then(|encoder| {
                let build = || CDict::try_create(&self.blanked, level.into());
                encoder.get_or_init(build).as_ref()
            })
            .ok_or_else(|| {
                damaged("a dictionary could not be prepared; memory or the level may be at fault")
                    .with("level", level)
            })
    }
}

impl fmt::Debug for Prepared {
    /// Without the content, which is made of values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("bytes", &self.blanked.len())
            .finish_non_exhaustive()
    }
}
