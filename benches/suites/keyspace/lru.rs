//! Exact LRU, which the usual online curves approach however many keys they follow.

use std::collections::HashMap;

use crate::traces::{Trace, weight};

/// The bytes of the keys whose last access was at some time, summed up in a Fenwick tree.
struct Recency {
    sums: Vec<u64>,
    total: u64,
}

impl Recency {
    fn add(&mut self, at: usize, bytes: i64) {
        self.total = self.total.wrapping_add_signed(bytes);
        let mut node = at + 1;
        while node < self.sums.len() {
            self.sums[node] = self.sums[node].wrapping_add_signed(bytes);
            node += node & node.wrapping_neg();
        }
    }

    /// Of the keys that were last accessed at this time or later.
    fn since(&self, at: usize) -> u64 {
        let (mut node, mut before) = (at, 0_u64);
        while node > 0 {
            before = before.wrapping_add(self.sums[node]);
            node -= node & node.wrapping_neg();
        }
        self.total - before
    }
}

/// The hits of LRU at each size, of all accesses.
pub(crate) fn hits(trace: &Trace, sizes: &[u64]) -> Vec<u64> {
    let mut recency = Recency {
        sums: vec![0; trace.keys.len() + 1],
        total: 0,
    };
    let mut last: HashMap<u32, usize> = HashMap::new();
    let mut hits = vec![0; sizes.len()];
    for (now, key) in trace.keys.iter().enumerate() {
        let bytes = weight(*key) as i64;
        if let Some(before) = last.insert(*key, now) {
            let needed = recency.since(before);
            for (hits, size) in hits.iter_mut().zip(sizes) {
                *hits += u64::from(needed <= *size);
            }
            recency.add(before, -bytes);
        }
        recency.add(now, bytes);
    }
    hits
}
