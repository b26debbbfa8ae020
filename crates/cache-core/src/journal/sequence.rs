//! Where a write stands in its journal.

use std::fmt;

use crate::clock::Timestamp;

/// Where a write stands in its journal, and so among all writes of its key: a later write has a
/// larger number, also after the journal, its process or its server began anew.
///
/// Milliseconds since the Unix epoch in the upper 42 bits, a counter in the lower 21; so it fits
/// a database's signed 64 bits, and a journal that lost its end goes on with larger numbers.
/// A writer that keeps it beside the row and refuses smaller ones can be asked twice, or late,
/// without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(u64);

impl Sequence {
    /// Bits of the counter.
    pub const COUNTER_BITS: u32 = 21;

    /// Before all writes.
    pub const ZERO: Self = Self(0);

    /// The number of a write at a time, which comes after `last` whatever the clock says.
    #[must_use]
    pub fn next(last: Self, now: Timestamp) -> Self {
        Self::of(now.as_millis(), 0).max(Self(last.0.saturating_add(1)))
    }

    /// The number of the `counter`th write of a millisecond, the first being 0.
    #[must_use]
    pub const fn of(millis: u64, counter: u64) -> Self {
        Self((millis << Self::COUNTER_BITS).saturating_add(counter))
    }

    /// A number as it was kept beside a row.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number, 63 bits.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// When the write was made, by the journal's clock, or later where writes came faster than
    /// its counter allows.
    #[must_use]
    pub const fn time(self) -> Timestamp {
        Timestamp::from_millis(self.0 >> Self::COUNTER_BITS)
    }

    /// Which of its millisecond it is, the first being 0.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.0 & ((1 << Self::COUNTER_BITS) - 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time().as_millis(), self.counter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(last: (u64, u64), now: u64, expected: (u64, u64)) {
        let last = Sequence::of(last.0, last.1);
        let next = Sequence::next(last, Timestamp::from_millis(now));
        assert_eq!(next, Sequence::of(expected.0, expected.1));
        assert!(next > last);
    }

    #[test]
    fn numbers_grow_whatever_the_clock_does() {
        check((1000, 0), 1001, (1001, 0));
        check((1000, 0), 1000, (1000, 1));
        check((1000, 7), 3, (1000, 8));
        check((1000, (1 << 21) - 1), 1000, (1001, 0));
        assert_eq!(
            Sequence::next(Sequence::ZERO, Timestamp::from_millis(5)).to_string(),
            "5-0"
        );
    }

    #[test]
    fn numbers_fit_a_signed_column_for_a_hundred_years() {
        let in_2126 = Sequence::of(4_922_000_000_000 - 600_000_000_000, (1 << 21) - 1);
        assert!(i64::try_from(in_2126.as_u64()).is_ok());
    }
}
