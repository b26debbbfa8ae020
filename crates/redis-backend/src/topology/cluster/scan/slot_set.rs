//! Sets of slots.

use std::fmt;

use super::super::slot::{SLOTS, Slot};

/// A set of slots; written down as ranges.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SlotSet(Box<[u64; WORDS]>);

const WORDS: usize = SLOTS as usize / 64;

impl SlotSet {
    pub(super) fn none() -> Self {
        Self(Box::new([0; WORDS]))
    }

    pub(super) fn all() -> Self {
        Self(Box::new([u64::MAX; WORDS]))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        self.0[word] & bit != 0
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        let (word, bit) = place(slot);
        self.0[word] |= bit;
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let (word, bit) = place(slot);
        self.0[word] &= !bit;
    }

    pub(super) fn remove_all(&mut self, others: &Self) {
        for (word, other) in self.0.iter_mut().zip(others.0.iter()) {
            *word &= !other;
        }
    }

    pub(super) fn keep_all(&mut self, others: &Self) {
        for (word, other) in self.0.iter_mut().zip(others.0.iter()) {
            *word &= other;
        }
    }

    pub(super) fn meets(&self, others: &Self) -> bool {
        let pairs = self.0.iter().zip(others.0.iter());
        pairs.into_iter().any(|(word, other)| word & other != 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let slot = self.next_that(from, Is::Within)?;
            from = slot + 1;
            Some(Slot(slot))
        })
    }

    /// The first slot from one on that is within the set, or outside.
    fn next_that(&self, from: u16, is: Is) -> Option<u16> {
        let mut word = usize::from(from / 64);
        let mut seen = u64::MAX << (from % 64);
        while let Some(bits) = self.0.get(word) {
            let found = seen
                & match is {
                    Is::Within => *bits,
                    Is::Outside => !*bits,
                };
            if found != 0 {
                let slot = word * 64 + found.trailing_zeros() as usize;
                return u16::try_from(slot).ok();
            }
            word += 1;
            seen = u64::MAX;
        }
        None
    }

    /// Reads ranges as `CLUSTER NODES` and [`Display`](fmt::Display) write them, with
    /// commas between.
    pub(super) fn read(ranges: &str) -> Option<Self> {
        let mut set = Self::none();
        for range in ranges.split(',').filter(|range| !range.is_empty()) {
            set.read_range(range)?;
        }
        Some(set)
    }

    /// Adds `first-last` or a single slot.
    pub(super) fn read_range(&mut self, range: &str) -> Option<()> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        if last >= SLOTS {
            return None;
        }
        let (first, last) = (usize::from(first), usize::from(last));
        for word in first / 64..=last / 64 {
            let low = first.saturating_sub(word * 64);
            let high = (last - word * 64).min(63);
            if low <= high {
                self.0[word] |= (u64::MAX >> (63 - (high - low))) << low;
            }
        }
        Some(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Is {
    Within,
    Outside,
}

fn place(slot: Slot) -> (usize, u64) {
    let slot = usize::from(slot.0 % SLOTS);
    (slot / 64, 1 << (slot % 64))
}

impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut from, mut comma) = (0, "");
        while let Some(first) = self.next_that(from, Is::Within) {
            from = self.next_that(first, Is::Outside).unwrap_or(SLOTS);
            let last = from - 1;
            write!(f, "{comma}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            comma = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_and_read_back() {
        for ranges in [
            "",
            "0",
            "0-16383",
            "1-3,5,63-64,16383",
            "7,9",
            "63",
            "64-127",
            "0-62,64-191",
        ] {
            let set = SlotSet::read(ranges).unwrap();
            assert_eq!(set.to_string(), ranges);
        }
        assert_eq!(SlotSet::all().to_string(), "0-16383");
        assert_eq!(SlotSet::read("5-3"), Some(SlotSet::none()));
        for wrong in ["16384", "a", "1-", "-1", "1-2-3", "1 2"] {
            assert_eq!(SlotSet::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sets_are_combined() {
        let read = |ranges| SlotSet::read(ranges).unwrap();
        let mut set = read("0-10");
        set.remove_all(&read("3-5,20"));
        assert_eq!(set, read("0-2,6-10"));
        set.keep_all(&read("2-7"));
        assert_eq!(set, read("2,6-7"));
        set.remove(Slot(6));
        assert!(set.contains(Slot(7)) && !set.contains(Slot(6)));
        assert!(set.meets(&read("0-2")) && !set.meets(&read("0-1")));
        assert!(!set.is_empty() && SlotSet::none().is_empty());
    }
}
