//! How many values pass between two that are measured.

/// The first values of a class are measured each.
const FIRST: u64 = 8;

/// Later on one in so many is, which costs less than 2 % of what the values cost.
const LONGEST: u64 = 256;

/// How many values pass before the next is measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    measured: u64,
}

impl Pace {
    /// After a measurement: the number of values until the next.
    pub(crate) fn next(&mut self) -> u64 {
        self.measured += 1;
        let doublings = self.measured.saturating_sub(FIRST).min(63);
        (1_u64 << doublings.min(8)).min(LONGEST)
    }

    /// Begins anew, because the values have changed.
    pub(crate) fn restart(&mut self) {
        self.measured = 0;
    }

    /// Whether many values pass between two that are measured. Only then a surprise counts:
    /// values of several kinds would else be measured without end.
    pub(crate) fn is_slow(self) -> bool {
        self.measured >= FIRST + 4
    }

    /// Whether values were measured only a few times yet.
    pub(crate) fn is_new(self) -> bool {
        self.measured < FIRST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gets_slower_and_begins_anew() {
        let mut pace = Pace::default();
        let intervals: Vec<u64> = (0..20).map(|_| pace.next()).collect();
        let expected = [
            1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256, 256,
        ];
        assert_eq!(intervals, expected);
        pace.restart();
        assert_eq!(pace.next(), 1);
    }
}
