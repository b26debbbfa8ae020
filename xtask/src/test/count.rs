use std::time::Duration;

use super::libtest::Outcome;

/// A row of the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Group {
    Redis,
    Cluster,
    Sentinel,
    Memory,
    #[default]
    NoBackend,
    Doctests,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    pub(super) time: Duration,
}

impl Group {
    pub(super) const ALL: [Self; 6] = [
        Self::Redis,
        Self::Cluster,
        Self::Sentinel,
        Self::Memory,
        Self::NoBackend,
        Self::Doctests,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
            Self::Memory => "memory",
            Self::NoBackend => "no backend",
            Self::Doctests => "doctests",
        }
    }
}

impl Count {
    pub(super) fn ran(&self) -> u64 {
        self.passed + self.failed
    }

    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.time += other.time;
    }

    /// A single test.
    pub(super) fn one(outcome: Outcome) -> Self {
        let count = |wanted| u64::from(outcome == wanted);
        Self {
            passed: count(Outcome::Passed),
            failed: count(Outcome::Failed),
            ignored: count(Outcome::Ignored),
            time: Duration::ZERO,
        }
    }

    /// What is in this count and not in the other.
    pub(super) fn minus(&self, other: &Self) -> Self {
        Self {
            passed: self.passed.saturating_sub(other.passed),
            failed: self.failed.saturating_sub(other.failed),
            ignored: self.ignored.saturating_sub(other.ignored),
            time: Duration::ZERO,
        }
    }
}
