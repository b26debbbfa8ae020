//! The rules of the protocol, and how each is left out: to see that the checker would
//! notice.

use std::fmt;
use std::str::FromStr;

use larder_cache::{CacheBuilder, Guard};

/// A rule of the protocol, by its number in `docs/consistency.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// 1: a token or an epoch is never used twice.
    FreshTokens,
    /// 2: one lease at a time.
    Leases,
    /// 3: only the token in the header fills.
    Fills,
    /// 4: a soft invalidation ends the lease.
    SoftInvalidation,
    /// 5: an own change drops what is known of its keys.
    OwnChanges,
    /// 6: what was loaded without a lease is not kept.
    UnleasedInserts,
    /// 7: what was asked for before a change is not kept after it.
    Generations,
    /// 8: epochs are captured before the load.
    EpochsBeforeLoad,
    /// 9: cached epochs count only while changes are told.
    TrackedEpochs,
    /// 10: an ordered write whose fill is refused deletes.
    OrderedWrites,
    /// 11: tokens end with their connection, and changes are replayed after a failover.
    Incarnations,
    /// Failed changes are remembered, and their keys not read before they are replayed.
    Pending,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 12] = [
        Self::FreshTokens,
        Self::Leases,
        Self::Fills,
        Self::SoftInvalidation,
        Self::OwnChanges,
        Self::UnleasedInserts,
        Self::Generations,
        Self::EpochsBeforeLoad,
        Self::TrackedEpochs,
        Self::OrderedWrites,
        Self::Incarnations,
        Self::Pending,
    ];

    /// What a command line calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FreshTokens => "fresh-tokens",
            Self::Leases => "leases",
            Self::Fills => "fills",
            Self::SoftInvalidation => "soft-invalidation",
            Self::OwnChanges => "own-changes",
            Self::UnleasedInserts => "unleased-inserts",
            Self::Generations => "generations",
            Self::EpochsBeforeLoad => "epochs-before-load",
            Self::TrackedEpochs => "tracked-epochs",
            Self::OrderedWrites => "ordered-writes",
            Self::Incarnations => "incarnations",
            Self::Pending => "pending",
        }
    }

    /// The guard of the cache that keeps the rule; `None` where the server alone does.
    const fn guard(self) -> Option<Guard> {
        Some(match self {
            Self::Leases | Self::Fills | Self::SoftInvalidation => return None,
            Self::FreshTokens => Guard::FreshTokens,
            Self::OwnChanges => Guard::OwnChanges,
            Self::UnleasedInserts => Guard::UnleasedInserts,
            Self::Generations => Guard::Generations,
            Self::EpochsBeforeLoad => Guard::EpochsBeforeLoad,
            Self::TrackedEpochs => Guard::TrackedEpochs,
            Self::OrderedWrites => Guard::OrderedWrites,
            Self::Incarnations => Guard::Incarnations,
            Self::Pending => Guard::Pending,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|rule| rule.name() == text);
        named.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no rule `{text}`; there are {names}")
        })
    }
}

/// A builder of a cache that leaves the rule out.
pub(crate) fn leave_out(builder: CacheBuilder, rule: Option<Rule>) -> CacheBuilder {
    match rule.and_then(Rule::guard) {
        Some(guard) => builder.without_guard(guard),
        None => builder,
    }
}
