//! What was compressed, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::candidate::{Candidate, With};

/// Plain and the algorithms' ids, each without and with a dictionary.
const KINDS: usize = 2 * (HIGHEST_ID + 1);
const HIGHEST_ID: usize = 6;

/// Counts for each algorithm.
#[derive(Debug, Default)]
pub(crate) struct Tallies([Tally; KINDS]);

/// The counts of one algorithm.
#[derive(Debug, Default)]
struct Tally {
    values: AtomicU64,
    plain_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    nanos: AtomicU64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) values: u64,
    pub(crate) plain_bytes: u64,
    pub(crate) stored_bytes: u64,
    pub(crate) time: Duration,
}

impl Tallies {
    pub(crate) fn add(
        &self,
        candidate: Candidate,
        plain_bytes: usize,
        stored_bytes: usize,
        time: Duration,
    ) {
        let id = candidate.algorithm.map_or(0, |algorithm| algorithm.id());
        let Some(tally) = self.0.get(place(id, candidate.dictionary)) else {
            return;
        };
        let add = |counter: &AtomicU64, number: u64| {
            counter.fetch_add(number, Ordering::Relaxed);
        };
        add(&tally.values, 1);
        add(&tally.plain_bytes, plain_bytes as u64);
        add(&tally.stored_bytes, stored_bytes as u64);
        add(
            &tally.nanos,
            u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
        );
    }

    /// The counts that are not 0, by the algorithm's id.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (u8, With, Counted)> + '_ {
        let ids = (0..=HIGHEST_ID).filter_map(|id| u8::try_from(id).ok());
        let kinds = ids.flat_map(|id| [(id, With::NoDictionary), (id, With::Dictionary)]);
        let counted = kinds.map(|(id, with)| (id, with, self.0[place(id, with)].get()));
        counted.filter(|(.., counted)| counted.values > 0)
    }
}

impl Tally {
    fn get(&self) -> Counted {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            values: get(&self.values),
            plain_bytes: get(&self.plain_bytes),
            stored_bytes: get(&self.stored_bytes),
            time: Duration::from_nanos(get(&self.nanos)),
        }
    }
}

fn place(id: u8, with: With) -> usize {
    2 * usize::from(id) + usize::from(with == With::Dictionary)
}
