//! Marks: the epochs that a slot stands on.

use std::sync::Arc;

use super::generations::{EpochGeneration, Generations};

/// So many epochs fit into a slot: the namespace's and those of four tags.
const FEW: usize = 5;

/// The groups of the epochs that a slot stands on, and the sum of their generations, with
/// that of everything for each. Generations only grow, so that the sum is the same as long
/// as each of them is.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    sum: u64,
    few: [u16; FEW],
    count: u8,
    /// The groups beyond the few.
    more: Option<Arc<[u16]>>,
}

impl Marks {
    pub(crate) fn of(epochs: &[EpochGeneration]) -> Self {
        let mut few = [0; FEW];
        let (first, rest) = epochs.split_at(epochs.len().min(FEW));
        for (place, epoch) in few.iter_mut().zip(first) {
            *place = epoch.group;
        }
        let sum = epochs.iter();
        let sum = sum.map(|epoch| epoch.generation.wrapping_add(epoch.of_all));
        Self {
            sum: sum.fold(0, u64::wrapping_add),
            few,
            count: first.len() as u8,
            more: (!rest.is_empty()).then(|| rest.iter().map(|epoch| epoch.group).collect()),
        }
    }

    /// Whether all these epochs were left alone.
    #[inline]
    pub(super) fn are_current(&self, generations: &Generations) -> bool {
        let few = &self.few[..usize::from(self.count)];
        let more = self.more.as_deref().unwrap_or_default();
        let groups = few.iter().chain(more);
        let of_all = generations.of_all();
        let now = groups.fold(0, |sum: u64, group| {
            sum.wrapping_add(generations.of_epoch(*group))
                .wrapping_add(of_all)
        });
        now == self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize) {
        let generations = Generations::new();
        let keys: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        generations.bump_epoch(b"0");
        let samples = keys
            .iter()
            .map(|key| generations.sample_epoch(key.as_bytes()));
        let marks = Marks::of(&samples.collect::<Vec<_>>());
        assert!(marks.are_current(&generations));
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
        assert!(Marks::of(&[after]).are_current(&generations));
        assert!(!Marks::of(&[before]).are_current(&generations));
        assert!(!Marks::of(&[before, after]).are_current(&generations));
    }

    #[test]
    fn every_epoch_counts() {
        for count in [0, 1, 2, FEW, FEW + 1, 65] {
            check(count);
        }
    }
}
