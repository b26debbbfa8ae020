//! Randomness, injected so that a seed replays a schedule.

use std::fmt::Debug;

/// A source of random numbers for jitter, tokens and epochs.
///
/// Not for cryptography: keys and nonces have their own source.
pub trait Random: Debug + Send + Sync + 'static {
    /// 64 random bits.
    fn next_u64(&self) -> u64;

    /// A number in `0.0..1.0`.
    fn next_unit(&self) -> f64 {
        const STEPS: f64 = (1_u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 / STEPS
    }
}

/// A fast generator per thread, seeded by the operating system (wyrand).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn next_u64(&self) -> u64 {
        fastrand::u64(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(u64);

    impl Random for Fixed {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn unit_stays_below_one() {
        assert!(Fixed(0).next_unit().abs() < f64::EPSILON);
        assert!(Fixed(u64::MAX).next_unit() < 1.0);
    }
}
