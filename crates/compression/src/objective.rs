//! What compression is measured by: one figure for time and bytes.

/// What the choice of an algorithm is to save.
///
/// Every value costs the time to compress it once, the time to decompress it at each read, and
/// the time its bytes take on the way to the backend and back. The algorithm with the least sum
/// is chosen; the objective says how slow the link is and how often a value is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Objective {
    /// A link of 1 Gbit/s, which is what remains for each of ten clients of a server with
    /// 10 Gbit/s, and 10 reads for each write.
    #[default]
    Balanced,
    /// Bytes count, time hardly does: a link of 10 Mbit/s, and 10 reads for each write.
    Smallest,
    /// A link of 10 Gbit/s for one client alone, and 10 reads for each write. Small values are
    /// mostly stored plain.
    Fastest,
    /// This link and this use.
    Link {
        /// What the link carries.
        bits_per_second: u64,
        /// How often a value is read, for each time that it is written.
        reads_per_write: u32,
    },
}

/// At this speed and below, algorithms are tried whose compression takes very long.
const SLOW_LINK: u64 = 100_000_000;

impl Objective {
    /// The link's speed, and the reads for each write.
    #[must_use]
    pub const fn link(self) -> (u64, u32) {
        match self {
            Self::Balanced => (1_000_000_000, 10),
            Self::Smallest => (10_000_000, 10),
            Self::Fastest => (10_000_000_000, 10),
            Self::Link {
                bits_per_second,
                reads_per_write,
            } => (bits_per_second, reads_per_write),
        }
    }

    /// What a value costs, in nanoseconds, of the times it takes and the bytes it has.
    #[must_use]
    pub fn cost_ns(self, compress_ns: f64, decompress_ns: f64, stored_bytes: f64) -> f64 {
        let (bits_per_second, reads) = self.link();
        let reads = f64::from(reads);
        let ns_per_byte = 8e9 / bits_per_second.max(1) as f64;
        compress_ns + reads * decompress_ns + (1.0 + reads) * stored_bytes * ns_per_byte
    }

    /// Whether algorithms can win that take very long to compress.
    pub(crate) const fn favours_slow_algorithms(self) -> bool {
        self.link().0 <= SLOW_LINK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_time_and_bytes() {
        let check = |objective: Objective, expected: f64| {
            let found = objective.cost_ns(1_000.0, 100.0, 1_000.0);
            assert!((found - expected).abs() < 1e-6, "{objective:?}: {found}");
        };
        check(Objective::Balanced, 1_000.0 + 1_000.0 + 11.0 * 8_000.0);
        check(Objective::Fastest, 1_000.0 + 1_000.0 + 11.0 * 800.0);
        let once = Objective::Link {
            bits_per_second: 8_000_000_000,
            reads_per_write: 1,
        };
        check(once, 1_000.0 + 100.0 + 2.0 * 1_000.0);
    }
}
