//! A process's snapshot as bytes.

use serde::{Deserialize, Serialize};

use crate::analytics::snapshot::Snapshot;

/// Of what is below; another one is not read.
const VERSION: u32 = 1;

/// The most bytes a process publishes.
pub(crate) const MOST_BYTES: usize = 256 << 10;

/// How many times less of everything is tried before namespaces are left out.
const ATTEMPTS: u32 = 6;

/// What a process publishes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    version: u32,
    /// Which process this is from, so that it knows its own place.
    pub(crate) sender: u64,
    pub(crate) is_shortened: bool,
    pub(crate) namespaces: Vec<Snapshot>,
}

impl Letter {
    /// The bytes of a letter with all that has room in it.
    pub(crate) fn encode(sender: u64, namespaces: Vec<Snapshot>) -> Vec<u8> {
        let mut letter = Self {
            version: VERSION,
            sender,
            is_shortened: false,
            namespaces,
        };
        let mut bytes = letter.to_bytes();
        for _ in 0..ATTEMPTS {
            if bytes.len() <= MOST_BYTES {
                return bytes;
            }
            letter.is_shortened = true;
            letter.namespaces.iter_mut().for_each(Snapshot::shorten);
            bytes = letter.to_bytes();
        }
        letter
            .namespaces
            .sort_by_key(|space| std::cmp::Reverse(space.totals.reads()));
        while bytes.len() > MOST_BYTES {
            let half = letter.namespaces.len() / 2;
            letter.namespaces.truncate(half);
            bytes = letter.to_bytes();
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        let letter: Self = rmp_serde::from_slice(bytes).ok()?;
        (letter.version == VERSION).then_some(letter)
    }

    /// Who a letter is from, if it is one.
    pub(crate) fn sender_of(bytes: &[u8]) -> Option<u64> {
        Self::decode(bytes).map(|letter| letter.sender)
    }

    fn to_bytes(&self) -> Vec<u8> {
        // Nothing in it is refused by the format.
        rmp_serde::to_vec(self).unwrap_or_default()
    }
}
