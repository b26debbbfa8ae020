//! A process's snapshot as bytes.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::analytics::snapshot::Snapshot;

/// Of what is below; another one is not read.
const VERSION: u32 = 1;

/// The most bytes a process publishes.
pub(crate) const MOST_BYTES: usize = 256 << 10;

/// What namespaces may take of that: the rest is for what a letter has besides.
const ROOM: usize = MOST_BYTES - 64;

/// How many times less of all keys is tried before more is left out.
const ATTEMPTS: u32 = 6;

/// So many of them leave shapes alone.
const ATTEMPTS_WITH_ALL_SHAPES: u32 = 2;

/// What a process publishes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    version: u32,
    /// Which process this is from, so that it knows its own place.
    pub(crate) sender: u64,
    pub(crate) is_shortened: bool,
    pub(crate) namespaces: Vec<Snapshot>,
    /// How many namespaces had no room, not even for their totals.
    pub(crate) left_out: u32,
}

impl Letter {
    /// The bytes of a letter with all that has room in it. What is least missed goes first:
    /// the totals of a namespace go last.
    pub(crate) fn encode(sender: u64, namespaces: Vec<Snapshot>) -> Vec<u8> {
        let mut letter = Self {
            version: VERSION,
            sender,
            is_shortened: false,
            namespaces,
            left_out: 0,
        };
        for attempt in 0..ATTEMPTS {
            let bytes = letter.to_bytes();
            if bytes.len() <= MOST_BYTES {
                return bytes;
            }
            letter.is_shortened = true;
            for snapshot in &mut letter.namespaces {
                snapshot.shorten();
                if attempt >= ATTEMPTS_WITH_ALL_SHAPES {
                    snapshot.shorten_shapes();
                }
            }
        }
        let leave_out: [fn(&mut Self); 3] = [
            Self::drop_histograms,
            Self::drop_keys,
            Self::drop_namespaces,
        ];
        for leave_out in leave_out {
            if letter.takes() <= ROOM {
                break;
            }
            leave_out(&mut letter);
        }
        letter.to_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        let letter: Self = rmp_serde::from_slice(bytes).ok()?;
        let is_sound =
            letter.version == VERSION && letter.namespaces.iter().all(Snapshot::is_sound);
        is_sound.then_some(letter)
    }

    /// Who a letter is from, if it is one.
    pub(crate) fn sender_of(bytes: &[u8]) -> Option<u64> {
        Self::decode(bytes).map(|letter| letter.sender)
    }

    /// Until when it tells what happened, by the clock of its sender.
    pub(crate) fn until(&self) -> u64 {
        let namespaces = self.namespaces.iter();
        namespaces.map(|space| space.until).max().unwrap_or(0)
    }

    fn drop_histograms(&mut self) {
        self.namespaces
            .iter_mut()
            .for_each(Snapshot::drop_histograms);
    }

    /// Leaves out the keys of the namespaces that take most, as many as it needs.
    fn drop_keys(&mut self) {
        self.namespaces.sort_by_key(|space| Reverse(size(space)));
        let mut takes = self.takes();
        for space in &mut self.namespaces {
            if takes <= ROOM {
                break;
            }
            takes -= size(space);
            space.keys = None;
            takes += size(space);
        }
    }

    /// Leaves out the namespaces that are read least.
    fn drop_namespaces(&mut self) {
        self.namespaces
            .sort_by_key(|space| Reverse(space.totals.reads()));
        let mut takes = 0;
        let before = self.namespaces.len();
        self.namespaces.retain(|space| {
            takes += size(space);
            takes <= ROOM
        });
        let left_out = before - self.namespaces.len();
        self.left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
    }

    fn takes(&self) -> usize {
        self.namespaces.iter().map(size).sum()
    }

    fn to_bytes(&self) -> Vec<u8> {
        // Nothing in it is refused by the format.
        rmp_serde::to_vec(self).unwrap_or_default()
    }
}

fn size(space: &Snapshot) -> usize {
    rmp_serde::to_vec(space).map_or(0, |bytes| bytes.len())
}
