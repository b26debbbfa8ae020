//! How many of the hits in L1 that nobody follows are looked at.

/// The most of them that are looked at in a second, about: they take 1 % of a core.
const MOST_PER_SECOND: u64 = 100_000;

/// Looks between two decisions.
const WINDOW: u64 = 4096;

/// However many there are, one of so many is looked at.
const LONGEST_INTERVAL: u64 = 1024;

/// Looks at each hit while there are few of them, and at one of `interval` where there are
/// more than [`MOST_PER_SECOND`].
#[derive(Debug)]
pub(crate) struct Pace {
    interval: u64,
    looks: u64,
    window_began: u64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            interval: 1,
            looks: 0,
            window_began: 0,
        }
    }

    pub(crate) fn interval(&self) -> u64 {
        self.interval
    }

    /// A hit was looked at, at this time in milliseconds.
    pub(crate) fn looked(&mut self, now: u64) {
        self.looks += 1;
        let elapsed = now.saturating_sub(self.window_began);
        let brief = WINDOW * 1000 / MOST_PER_SECOND;
        if elapsed > 4 * brief {
            self.interval = (self.interval / 2).max(1);
        } else if self.looks < WINDOW {
            return;
        } else if elapsed < brief {
            self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
        }
        self.looks = 0;
        self.window_began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_looked_at_while_they_are_few() {
        let mut pace = Pace::new();
        for millis in 0..100_000 {
            pace.looked(millis);
        }
        assert_eq!(pace.interval(), 1);
    }

    #[test]
    fn the_rate_of_looks_settles_and_recovers() {
        let mut pace = Pace::new();
        let (mut looks, seconds) = (0, 10);
        for hit in 0..seconds * 5_000_000_u64 {
            if hit % pace.interval() == 0 {
                looks += 1;
                pace.looked(hit / 5000);
            }
        }
        assert!(looks < 2 * seconds * MOST_PER_SECOND, "{looks}");
        assert!(looks > seconds * MOST_PER_SECOND / 4, "{looks}");
        for millis in 0..1000 {
            pace.looked(10_000 + millis * 200);
        }
        assert_eq!(pace.interval(), 1);
    }
}
