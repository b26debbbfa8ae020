//! What the optimizer chooses from.

use std::fmt;

use larder_cache_core::Algorithm;

use crate::objective::Objective;

/// One way to store a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// `None`: plain.
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) dictionary: With,
}

/// Whether a dictionary is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    NoDictionary,
    Dictionary,
}

/// All there are; learned choices are places in this list. Gzip is not among them: at each
/// speed zstd or brotli was measured smaller.
pub(crate) const CANDIDATES: [Candidate; 9] = [
    PLAIN,
    without(Algorithm::Lz4),
    without(Algorithm::Zstd(1)),
    without(Algorithm::Zstd(3)),
    with(Algorithm::Zstd(1)),
    with(Algorithm::Zstd(3)),
    without(Algorithm::Zstd(9)),
    without(Algorithm::Brotli(5)),
    without(Algorithm::Brotli(9)),
];

/// How many there are.
pub(crate) const COUNT: usize = CANDIDATES.len();

/// The value as it is.
pub(crate) const PLAIN: Candidate = Candidate {
    algorithm: None,
    dictionary: With::NoDictionary,
};

/// The place of [`PLAIN`].
pub(crate) const PLAIN_AT: usize = 0;

/// The place of zstd 3 with a dictionary: what an adopted dictionary is used with while nothing
/// else was measured.
pub(crate) const TRAINED_AT: usize = 5;

const fn without(algorithm: Algorithm) -> Candidate {
    Candidate {
        algorithm: Some(algorithm),
        dictionary: With::NoDictionary,
    }
}

const fn with(algorithm: Algorithm) -> Candidate {
    Candidate {
        algorithm: Some(algorithm),
        dictionary: With::Dictionary,
    }
}

impl Candidate {
    pub(crate) fn needs_dictionary(self) -> bool {
        self.dictionary == With::Dictionary
    }

    /// Whether it can win under an objective at all.
    pub(crate) fn is_worth_trying(self, objective: Objective) -> bool {
        match self.algorithm {
            Some(Algorithm::Brotli(_) | Algorithm::Zstd(9)) => objective.favours_slow_algorithms(),
            _ => true,
        }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(algorithm) = self.algorithm else {
            return f.write_str("plain");
        };
        match self.dictionary {
            With::NoDictionary => write!(f, "{algorithm}"),
            With::Dictionary => write!(f, "{algorithm} with dictionary"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_what_they_are_called() {
        assert_eq!(CANDIDATES[PLAIN_AT], PLAIN);
        let trained = CANDIDATES[TRAINED_AT];
        assert_eq!(trained.to_string(), "zstd:3 with dictionary");
    }

    #[test]
    fn slow_algorithms_are_for_slow_links() {
        let tried = |objective| {
            let all = CANDIDATES.iter();
            all.filter(|c| c.is_worth_trying(objective)).count()
        };
        assert_eq!(tried(Objective::Balanced), 6);
        assert_eq!(tried(Objective::Smallest), COUNT);
    }
}
