//! Up to where the cache has what this process appended to a shard.

use std::collections::BTreeMap;

use larder_cache_core::Sequence;

/// The writes of this process to one shard, whose journal and cache are being changed.
///
/// A write that has begun will stand behind all that were answered before: that is its floor.
/// What is below all floors is settled.
#[derive(Debug)]
pub(super) struct Settling {
    highest: Sequence,
    floors: BTreeMap<u64, Sequence>,
    begun: u64,
}

impl Settling {
    pub(super) fn new() -> Self {
        Self {
            highest: Sequence::ZERO,
            floors: BTreeMap::new(),
            begun: 0,
        }
    }

    /// A write begins: its number here, and what is settled now.
    pub(super) fn begin(&mut self) -> (u64, Sequence) {
        let settled = self.settled();
        self.begun += 1;
        self.floors.insert(self.begun, self.highest);
        (self.begun, settled)
    }

    /// The last write of this process, as far as the journal has answered.
    pub(super) fn highest(&self) -> Sequence {
        self.highest
    }

    /// A write stands there in the journal; the cache may not have it yet.
    pub(super) fn appended(&mut self, sequence: Sequence) {
        self.highest = self.highest.max(sequence);
    }

    /// The cache has a write, or no longer holds anything of its key.
    pub(super) fn end(&mut self, number: u64) {
        self.floors.remove(&number);
    }

    fn settled(&self) -> Sequence {
        self.floors.values().copied().min().unwrap_or(self.highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Sequence {
        Sequence::of(millis, 0)
    }

    #[test]
    fn nothing_behind_an_unsettled_write_is_settled() {
        let mut settling = Settling::new();
        let (first, settled) = settling.begin();
        assert_eq!(settled, Sequence::ZERO);
        settling.appended(at(1));
        settling.end(first);
        let (second, settled) = settling.begin();
        assert_eq!(settled, at(1));
        let (third, _) = settling.begin();
        settling.appended(at(3));
        settling.end(third);
        // The second may stand anywhere behind the first.
        let (fourth, settled) = settling.begin();
        assert_eq!(settled, at(1));
        settling.appended(at(2));
        settling.end(second);
        settling.end(fourth);
        assert_eq!(settling.begin().1, at(3));
    }
}
