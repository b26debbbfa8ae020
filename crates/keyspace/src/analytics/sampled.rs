//! Which hits are looked at, where not all are.

use std::cell::Cell;

use super::striped::mix;

thread_local! {
    /// How many hits are passed over yet, and how often that was drawn.
    static PASSED_OVER: Cell<(u32, u64)> = const { Cell::new((0, 0)) };
}

/// Whether this hit is the one of so many that is looked at. How many lie between two of them is
/// drawn at random, up to twice as many less one, so that nothing regular in the reads is always
/// looked at, or never.
#[inline]
pub(crate) fn is_looked_at(interval: u16) -> bool {
    let looked_at = PASSED_OVER.try_with(|passed_over| {
        let (left, drawn) = passed_over.get();
        if left > 0 {
            passed_over.set((left - 1, drawn));
            return false;
        }
        let most = (2 * u64::from(interval)).saturating_sub(1).max(1);
        let next = mix(drawn.wrapping_add(own_seed(passed_over))) % most;
        passed_over.set((next as u32, drawn.wrapping_add(1)));
        true
    });
    looked_at.unwrap_or(false)
}

/// Differs from thread to thread.
fn own_seed(of: &Cell<(u32, u64)>) -> u64 {
    std::ptr::from_ref(of).addr() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_so_many_is_looked_at() {
        // Nothing is passed over for ever, whatever is asked for.
        assert!((0..1_000_000).any(|_| is_looked_at(u16::MAX)));
        while !is_looked_at(u16::MAX) {}
        assert!((0..200_000).any(|_| is_looked_at(0)));
        for interval in [1, 2, 8, 100] {
            let hits = 200_000;
            let looked_at = (0..hits).filter(|_| is_looked_at(interval)).count();
            let expected = f64::from(hits) / f64::from(interval);
            let off = looked_at as f64 / expected - 1.0;
            assert!(off.abs() < 0.1, "{interval}: {looked_at} of {hits}");
        }
    }
}
