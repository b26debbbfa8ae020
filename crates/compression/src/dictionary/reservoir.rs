//! Samples of a namespace's values, in bounded memory.

use std::fmt;

use fastrand::Rng;
use larder_cache_core::Bytes;

/// Samples, of which old ones make room for new ones by chance: what was kept long ago gets
/// ever rarer.
pub(crate) struct Reservoir {
    samples: Vec<Bytes>,
    bytes: usize,
    most_bytes: usize,
    rng: Rng,
}

impl Reservoir {
    /// An empty one for so many bytes.
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self {
            samples: Vec::new(),
            bytes: 0,
            most_bytes,
            // What is kept need not be unpredictable.
            rng: Rng::with_seed(0x6C61_7264),
        }
    }

    /// Keeps a copy of a value.
    pub(crate) fn push(&mut self, value: &[u8]) {
        if value.len() > self.most_bytes {
            return;
        }
        while self.bytes + value.len() > self.most_bytes {
            let which = self.rng.usize(..self.samples.len());
            self.bytes -= self.samples.swap_remove(which).len();
        }
        self.bytes += value.len();
        self.samples.push(Bytes::copy_from_slice(value));
    }

    /// All samples; they are shared, not copied.
    pub(crate) fn samples(&self) -> Vec<Bytes> {
        self.samples.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.samples.clear();
        self.bytes = 0;
    }
}

impl fmt::Debug for Reservoir {
    /// Without the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservoir")
            .field("samples", &self.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_within_its_bytes() {
        let mut reservoir = Reservoir::new(10_000);
        for round in 0..5_000_usize {
            reservoir.push(&vec![1; 64 + round * 37 % 900]);
            assert!(reservoir.bytes() <= 10_000);
            let sum: usize = reservoir.samples().iter().map(Bytes::len).sum();
            assert_eq!(sum, reservoir.bytes());
        }
        assert!(reservoir.bytes() > 9_000);
        reservoir.push(&[1; 10_001]);
        assert!(reservoir.samples().iter().all(|sample| sample.len() < 1000));
    }

    #[test]
    fn new_samples_take_over() {
        let mut reservoir = Reservoir::new(10_000);
        for _ in 0..100 {
            reservoir.push(&[1; 100]);
        }
        assert_eq!(reservoir.len(), 100);
        let old = |r: &Reservoir| r.samples().iter().filter(|s| s[0] == 1).count();
        for _ in 0..100 {
            reservoir.push(&[2; 100]);
        }
        let left = old(&reservoir);
        assert!((20..60).contains(&left), "about a third: {left}");
        for _ in 0..900 {
            reservoir.push(&[2; 100]);
        }
        assert!(old(&reservoir) < 3);
    }
}
