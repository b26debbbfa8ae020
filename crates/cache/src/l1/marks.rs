//! Marks: the epochs that a slot stands on.

use super::generations::{EpochGeneration, Generations};

/// So many epochs are told apart: the namespace's and those of four tags.
const FEW: usize = 5;

/// Stands for more than a few.
const MANY: u16 = u16::MAX;

/// The groups of the epochs that a slot stands on, and the sum of their generations and of
/// that of everything. Generations only grow, so that the sum is the same as long as each of
/// them is. A slot that stands on more than a few goes with any change of any epoch.
///
/// In 20 bytes, as every hit copies them: in halves, which leave no gap behind them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    sum: Halves,
    /// The groups of the second to the fifth, 16 bits each.
    next: Halves,
    /// The group of the first.
    first: u16,
    count: u16,
}

/// A number in two halves, which needs no more than their alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Halves([u32; 2]);

impl Halves {
    fn of(whole: u64) -> Self {
        Self([whole as u32, (whole >> 32) as u32])
    }

    #[inline]
    fn whole(self) -> u64 {
        u64::from(self.0[0]) | u64::from(self.0[1]) << 32
    }
}

impl Marks {
    /// The marks of a slot; `None` where everything changed between the samples, so that it
    /// must not be kept.
    pub(crate) fn of(epochs: &[EpochGeneration], generations: &Generations) -> Option<Self> {
        let of_all = epochs.first().map_or(0, |epoch| epoch.of_all);
        if epochs.iter().any(|epoch| epoch.of_all != of_all) {
            return None;
        }
        let (few, news) = (epochs.len() <= FEW, generations.epoch_news());
        if !few
            && !epochs
                .iter()
                .all(|epoch| generations.is_epoch_current(*epoch))
        {
            return None;
        }
        let sum = epochs.iter().map(|epoch| epoch.generation);
        let next = epochs.iter().skip(1).take(FEW - 1).rev();
        Some(Self {
            sum: Halves::of(match few {
                true => sum.fold(of_all, u64::wrapping_add),
                false => of_all.wrapping_add(news),
            }),
            next: Halves::of(next.fold(0, |next, epoch| next << 16 | u64::from(epoch.group))),
            first: epochs.first().map_or(0, |epoch| epoch.group),
            count: if few { epochs.len() as u16 } else { MANY },
        })
    }

    /// Whether all these epochs were left alone.
    #[inline]
    pub(super) fn are_current(&self, generations: &Generations) -> bool {
        let (mut now, mut group, mut next) = (generations.of_all(), self.first, self.next.whole());
        if self.count == MANY {
            return now.wrapping_add(generations.epoch_news()) == self.sum.whole();
        }
        for _ in 0..self.count {
            now = now.wrapping_add(generations.of_epoch(group));
            (group, next) = (next as u16, next >> 16);
        }
        now == self.sum.whole()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize) {
        let generations = Generations::new();
        let keys: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        generations.bump_epoch(b"0");
        generations.bump_all();
        let samples = keys
            .iter()
            .map(|key| generations.sample_epoch(key.as_bytes()));
        let marks = Marks::of(&samples.collect::<Vec<_>>(), &generations).unwrap();
        assert_eq!(marks.are_current(&generations), count > 0);
        for key in keys.iter().rev() {
            generations.bump_epoch(key.as_bytes());
            assert!(!marks.are_current(&generations), "{key} of {count}");
        }
    }

    /// What was sampled before everything changed stays outdated, whatever was sampled after.
    #[test]
    fn everything_counts() {
        let generations = Generations::new();
        let before = generations.sample_epoch(b"a");
        generations.bump_all();
        let after = generations.sample_epoch(b"b");
        let marks = |epochs: &[_]| Marks::of(epochs, &generations);
        assert!(marks(&[after]).unwrap().are_current(&generations));
        assert!(!marks(&[before]).unwrap().are_current(&generations));
        assert!(marks(&[before, after]).is_none());
        assert!(marks(&[before; 9]).is_none());
    }

    #[test]
    fn every_epoch_counts() {
        for count in [1, 2, FEW, FEW + 1, 65] {
            check(count);
        }
    }
}
