//! The guards of the protocol, which the simulator takes away one at a time.
//!
//! Without the feature `simulation` they always hold, and cost nothing.

/// What keeps outdated values out, by the rules of `docs/consistency.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "simulation"),
    allow(unreachable_pub, reason = "public for the simulator")
)]
pub enum Guard {
    /// Every lease, epoch and replay has a number of its own (rule 1).
    FreshTokens,
    /// An own change drops what this process knows of its keys (rule 5).
    OwnChanges,
    /// What was loaded without a lease is not kept (rule 6).
    UnleasedInserts,
    /// What was read before a change does not enter L1 after it (rule 7).
    Generations,
    /// Epochs are captured before the load (rule 8).
    EpochsBeforeLoad,
    /// Cached epochs count only while the backend tells of changes (rule 9).
    TrackedEpochs,
    /// An ordered write whose fill was refused deletes before it is acknowledged (rule 10).
    OrderedWrites,
    /// Changes that a failover may have lost are made again (rule 11).
    Incarnations,
    /// Changes that failed are made again, and their keys not read before.
    Pending,
}

/// Which guards hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guards {
    #[cfg(feature = "simulation")]
    without: Option<Guard>,
}

impl Guards {
    #[cfg(feature = "simulation")]
    pub(crate) fn without(guard: Guard) -> Self {
        Self {
            without: Some(guard),
        }
    }

    #[inline]
    pub(crate) fn hold(self, guard: Guard) -> bool {
        #[cfg(feature = "simulation")]
        return self.without != Some(guard);
        #[cfg(not(feature = "simulation"))]
        {
            let _ = guard;
            true
        }
    }
}
