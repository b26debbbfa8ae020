//! Which entries are the oldest, in memory that does not grow with their number.

use std::time::Duration;

/// Each doubling of the age is divided into so many parts: ages are told apart to 3 %.
const PARTS: u32 = 1 << PART_BITS;
const PART_BITS: u32 = 5;
const PLACES: usize = ((u64::BITS + 1 - PART_BITS) * PARTS) as usize;

/// Bytes by age: 15 KiB.
#[derive(Debug)]
pub(super) struct Ages {
    bytes: Box<[u64]>,
}

/// Up to which age entries are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Older ones go; of this place, so many bytes.
    place: usize,
    bytes_left: u64,
}

impl Ages {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; PLACES].into(),
        }
    }

    pub(super) fn add(&mut self, age: Duration, bytes: u64) {
        self.bytes[place(age)] += bytes;
    }

    /// The cut that takes so many bytes of the oldest.
    pub(super) fn cut(&self, mut bytes: u64) -> Cut {
        for (place, here) in self.bytes.iter().enumerate().rev() {
            if *here >= bytes {
                return Cut {
                    place,
                    bytes_left: bytes,
                };
            }
            bytes -= here;
        }
        Cut {
            place: 0,
            bytes_left: u64::MAX,
        }
    }
}

impl Cut {
    /// Whether an entry is to go.
    pub(super) fn takes(&mut self, age: Duration, bytes: u64) -> bool {
        let here = place(age);
        if here == self.place && self.bytes_left > 0 {
            self.bytes_left = self.bytes_left.saturating_sub(bytes);
            return true;
        }
        here > self.place
    }
}

/// Small ages one by one, in milliseconds; then by doublings, each in parts.
fn place(age: Duration) -> usize {
    let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let doublings = u64::BITS.saturating_sub(millis.leading_zeros() + PART_BITS + 1);
    let within = millis >> doublings;
    (u64::from(doublings * PARTS) + within) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn places_are_in_the_order_of_ages() {
        let mut last = 0;
        for age in 0..5000 {
            let here = place(millis(age));
            assert!(here == last || here == last + 1, "{age}");
            last = here;
        }
        for bit in 13..64 {
            let here = place(millis(1 << bit));
            assert!((last + 1..PLACES).contains(&here), "{bit}");
            last = here;
        }
        assert_eq!(place(Duration::MAX), PLACES - 1);
        assert!(place(millis(1000)) < place(millis(1040)));
    }

    #[test]
    fn a_cut_takes_the_oldest_and_no_more_than_it_must() {
        for (wanted, expected) in [
            (0, &[][..]),
            (1, &[9000]),
            (10, &[9000]),
            (11, &[9000, 300]),
            (20, &[9000, 300]),
            (21, &[9000, 300, 300]),
            (40, &[9000, 300, 300, 5]),
            (99, &[9000, 300, 300, 5, 0]),
        ] {
            let stored = [5, 300, 9000, 300, 0].map(millis);
            let mut ages = Ages::new();
            stored.iter().for_each(|age| ages.add(*age, 10));
            let mut cut = ages.cut(wanted);
            let mut taken: Vec<_> = stored
                .into_iter()
                .filter(|age| cut.takes(*age, 10))
                .collect();
            taken.sort_unstable_by(|one, other| other.cmp(one));
            let expected: Vec<_> = expected.iter().map(|age| millis(*age)).collect();
            assert_eq!(taken, expected, "{wanted}");
        }
    }
}
