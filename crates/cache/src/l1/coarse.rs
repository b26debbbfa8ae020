//! A duration in 16 bits.

use std::time::Duration;

/// A duration to one part in 2048, rounded down, and to a microsecond below two milliseconds;
/// 50 days at most. Five bits of exponent, eleven of mantissa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coarse(u16);

const MANTISSA_BITS: u32 = 11;
const ONE: u64 = 1 << MANTISSA_BITS;
const LARGEST: u64 = (2 * ONE - 1) << 30;

impl Coarse {
    pub(crate) fn of(duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let micros = micros.min(LARGEST);
        let exponent = micros.checked_ilog2().unwrap_or(0);
        let exponent = exponent.saturating_sub(MANTISSA_BITS - 1);
        let mantissa = match exponent {
            0 => micros,
            _ => (micros >> (exponent - 1)) - ONE,
        };
        Self((exponent << MANTISSA_BITS) as u16 | mantissa as u16)
    }

    #[inline]
    pub(crate) fn micros(self) -> u64 {
        let (exponent, mantissa) = (self.0 >> MANTISSA_BITS, u64::from(self.0) & (ONE - 1));
        match exponent {
            0 => mantissa,
            _ => (ONE + mantissa) << (exponent - 1),
        }
    }

    #[inline]
    pub(crate) fn duration(self) -> Duration {
        Duration::from_micros(self.micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_right_to_one_part_in_2048() {
        for micros in (0..5000).chain((0..42).flat_map(|bits| {
            let power = 1_u64 << bits;
            [power - 1, power, power + power / 3]
        })) {
            let coarse = Coarse::of(Duration::from_micros(micros)).micros();
            assert!(coarse <= micros, "{coarse} of {micros}");
            assert!(micros - coarse <= micros / 2048, "{coarse} of {micros}");
        }
        let most = Coarse::of(Duration::MAX);
        assert_eq!(most.0, u16::MAX);
        assert!(most.duration() > Duration::from_secs(50 * 86_400));
    }
}
