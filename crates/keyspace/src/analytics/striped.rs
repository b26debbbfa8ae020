//! One number that many threads add to without waiting for each other.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const STRIPES: usize = 8;

/// A counter in several cache lines.
#[derive(Debug, Default)]
pub(crate) struct Striped([Stripe; STRIPES]);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe(AtomicU64);

impl Striped {
    /// Counts so many more, and returns a number that differs from call to call.
    #[inline]
    pub(crate) fn count(&self, more: u64) -> u64 {
        let stripe = own_stripe();
        let before = self.0[stripe].0.fetch_add(more, Ordering::Relaxed);
        before * STRIPES as u64 + stripe as u64
    }

    pub(crate) fn sum(&self) -> u64 {
        let each = self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed));
        each.sum()
    }
}

#[inline]
fn own_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    }
    // A thread that ends has no place of its own any more.
    OWN.try_with(|own| *own).unwrap_or(0)
}

/// Spreads numbers evenly over all 64 bits (the last steps of `SplitMix64`).
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
