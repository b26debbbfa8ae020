//! Whether values change, by how long they were kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Doublings from a millisecond to 50 days.
const BINS: usize = 32;

/// Reloads of values by the time between them: how many there were, and how many brought another
/// value. At most 512 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeHistogram {
    bins: Vec<Bin>,
}

/// Reloads after about the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bin {
    reloads: u32,
    changed: u32,
    /// Of all reloads together.
    millis: u64,
}

impl ChangeHistogram {
    /// The most bytes it takes on the heap.
    pub(crate) const MOST_BYTES: usize = BINS * size_of::<Bin>();

    /// A value was loaded or written again this long after it was last.
    pub fn record(&mut self, interval: Duration, changed: bool) {
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let bin = (u64::BITS - millis.leading_zeros()) as usize;
        self.bin(bin.min(BINS - 1)).add(Bin {
            reloads: 1,
            changed: u32::from(changed),
            millis,
        });
    }

    /// Adds what another process or another time recorded.
    pub fn merge(&mut self, other: &Self) {
        for (at, theirs) in other.bins.iter().take(BINS).enumerate() {
            self.bin(at).add(*theirs);
        }
    }

    /// How many reloads, and how many of them brought another value.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        self.bins().fold((0, 0), |(reloads, changed), bin| {
            (
                reloads + u64::from(bin.reloads),
                changed + u64::from(bin.changed()),
            )
        })
    }

    /// Those that say something: where no time passed, nothing can have changed.
    pub(super) fn bins(&self) -> impl Iterator<Item = Bin> + Clone {
        let bins = self.bins.iter().take(BINS).copied();
        bins.filter(|bin| bin.reloads > 0 && bin.millis > 0)
    }

    fn bin(&mut self, at: usize) -> &mut Bin {
        if self.bins.len() <= at {
            // No more than is needed: there may be thousands of these.
            self.bins.reserve_exact(at + 1 - self.bins.len());
            self.bins.resize(at + 1, Bin::default());
        }
        &mut self.bins[at]
    }
}

impl Bin {
    pub(super) fn changed(self) -> u32 {
        // What another process sent may be anything.
        self.changed.min(self.reloads)
    }

    pub(super) fn unchanged(self) -> u32 {
        self.reloads - self.changed()
    }

    /// The mean time between two loads.
    pub(super) fn seconds(self) -> f64 {
        self.millis as f64 / 1000.0 / f64::from(self.reloads.max(1))
    }

    fn add(&mut self, other: Self) {
        self.reloads = self.reloads.saturating_add(other.reloads);
        self.changed = self.changed.saturating_add(other.changed);
        self.millis = self.millis.saturating_add(other.millis);
    }
}
